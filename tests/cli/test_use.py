"""`art use` says what it did about room on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.flows import elsewhere
from tests.cli.shelf import with_dataset
from tests.kit.command_line import Art
from tests.kit.sharing import copying
from tests.kit.trees import Leaf, harvest
from tests.store.material import noise

FILES: dict[str, Leaf] = {"a.txt": b"alpha", "sub/b.jpg": noise(1000, "b"), "sub/c.jpg": noise(1000, "c")}


@pytest.fixture
def repo(art: Art) -> Art:
    return with_dataset(art, FILES)


def test_clones(repo: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    copying(monkeypatch)
    repo("use", "dataset", "--root", "one")
    result = repo("use", "dataset", "--root", "two")
    assert result.err.startswith("dataset:v0  wrote 3 of 3 files, ")
    assert " (2 cloned, 1 copied)  " in result.err
    assert harvest(repo.directory / "two") == FILES
    item = repo("use", "dataset", "--root", "three", "--json").json["items"][0]
    assert (item["written"], item["cloned"], item["linked"]) == (3, 2, 0)


def test_links(repo: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "can_clone", lambda _: False)
    repo("use", "dataset", "--root", "one")
    result = repo("use", "dataset", "--root", "two", "--link")
    assert result.err.startswith("2 files not linked, for somebody may write the originals (chmod -R a-w)\n")
    assert not (repo.directory / "two/a.txt").stat().st_mode & 0o222
    result = repo("use", "dataset", "--root", "three", "--link")
    assert " (2 linked, 1 copied)  " in result.err
    assert (repo.directory / "two/sub/b.jpg").samefile(repo.directory / "three/sub/b.jpg")
    dry = repo("use", "dataset", "--root", "four", "--link", "-n", "--json").json["items"][0]
    assert (dry["written"], dry["linked"], dry["dry_run"]) == (3, 0, True)


def test_a_damaged_part_of_a_large_file_comes_from_elsewhere_or_is_named(art: Art, tmp_path: Path) -> None:
    data = noise(3_000_000)
    (tmp_path / "large").write_bytes(data)
    (tmp_path / "place").mkdir()
    art("init")
    assert art("log-artifact", "data", tmp_path / "large").code == 0
    art("remote", "add", "place", tmp_path / "place")
    assert art("push", "place").code == 0
    (pack,) = [
        path for path in (art.directory / ".art/packs").rglob("*") if path.is_file() and path.stat().st_size > len(data)
    ]
    damaged = bytearray(pack.read_bytes())
    damaged[1_000_000] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(damaged)
    assert art("use", "data:v0", "--root", "out").code == 0
    assert (art.directory / "out/large").read_bytes() == data
    assert art("remote", "rm", "place", "-y").code == 0
    refused = art("use", "data:v0", "--root", "again", "--json")
    assert (refused.code, refused.error["code"]) == (7, "damaged-chunk")
    assert not list((art.directory / "again").iterdir())
