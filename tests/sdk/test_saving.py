"""Files of a run: what is saved, under which names, as of when; compared with W&B 0.31."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import artcli as wandb
from artcli.catalog import manifest
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.flows import contents


def kept(run: str) -> dict[str, bytes]:
    """The user's files of a run that is over, by path: of segments, the later one wins."""
    repository = Repository.open(Path.cwd())
    found = {}
    for segment in Register(repository.follower.database).segments(run):
        if segment.page is not None:
            for entry in manifest.entries(repository.store, manifest.load_root(repository.store, segment.page)):
                content = contents.file(repository.store, repository.store, entry, workers=1)
                found[os.fsdecode(entry.path)] = b"".join(content)
    repository.close()
    return {name: content for name, content in found.items() if not name.startswith("code/")}


@pytest.fixture
def files(place: Path) -> Path:
    (place / "d" / "e").mkdir(parents=True)
    (place / "f.txt").write_text("f")
    (place / "d" / "e" / "g.txt").write_text("g")
    return place


def test_names_of_what_is_saved(files: Path) -> None:
    run = wandb.init()

    def saved(*words: object, **options: object) -> list[str]:
        return [os.path.relpath(path, run.dir) for path in run.save(*words, **options)]  # type: ignore[arg-type]

    assert saved("f.txt") == ["f.txt"]
    assert saved("d/**/*.txt") == ["d/e/g.txt"]
    assert saved(files / "d/e/g.txt") == ["e/g.txt"]
    assert saved(files / "d/e/g.txt", base_path="d") == ["e/g.txt"]
    assert saved("../work/f.txt") == ["f.txt"]
    assert saved("nope") == saved("s3://bucket/x") == []
    with pytest.raises(IsADirectoryError):
        run.save("d")
    with pytest.raises(ValueError):
        run.save("f.txt", policy="bogus")
    with pytest.raises(ValueError):
        run.save("f.txt", base_path="d")
    run.finish()
    assert kept(run.id) == {"f.txt": b"f", "d/e/g.txt": b"g", "e/g.txt": b"g"}


def test_a_name_with_a_star(files: Path) -> None:
    (files / "a[1].txt").write_text("a")
    with wandb.init() as run:
        assert run.save("a[1].txt") == []
        assert len(run.save("a[1].txt", glob=False)) == 1
    assert kept(run.id) == {"a[1].txt": b"a"}


@pytest.mark.parametrize("replaced", [False, True])
def test_live_files_are_kept_as_they_are_at_the_end_and_others_as_they_were(files: Path, replaced: bool) -> None:
    (files / "now.txt").write_text("then")
    run = wandb.init()
    run.save("f.txt")
    run.save("now.txt", policy="now")
    for name in ("f.txt", "now.txt"):
        if replaced:
            (files / "other").write_text("later")
            os.replace(files / "other", files / name)
        else:
            (files / name).write_text("later")
    if replaced:
        run.save("f.txt")
    run.finish()
    assert kept(run.id) == {"f.txt": b"later", "now.txt": b"then"}


def test_what_lies_in_its_directory_is_kept() -> None:
    with wandb.init() as run:
        Path(run.dir, "model.txt").write_text("weights")
        Path(run.dir, "deep").mkdir()
        Path(run.dir, "deep", "x").write_text("x")
    assert kept(run.id) == {"model.txt": b"weights", "deep/x": b"x"}
    assert not Path(run.dir).exists()


def test_a_file_that_is_saved_and_added_is_stored_once(place: Path) -> None:
    (place / "model.pth").write_bytes(os.urandom(1_000_000))
    with wandb.init(config={"layers": [{"width": 3}]}) as run:
        draft = wandb.Artifact("model", type="model", metadata=run.config)
        draft.add_file("model.pth")
        wandb.save("model.pth")
        assert run.log_artifact(draft).metadata == {"layers": [{"width": 3}]}
    assert kept(run.id)["model.pth"] == (place / "model.pth").read_bytes()
    packs = [path.stat().st_size for path in (place / ".art" / "packs").rglob("*") if path.is_file()]
    assert 1_000_000 < sum(packs) < 1_100_000
