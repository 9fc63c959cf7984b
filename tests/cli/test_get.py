"""`art get`: prints where the copy is."""

from __future__ import annotations

import pytest

from tests.cli.shelf import with_dataset
from tests.kit.command_line import Art
from tests.kit.trees import Leaf, harvest, plant
from tests.store.material import noise

FILES: dict[str, Leaf] = {"a.txt": b"alpha", "sub/b.jpg": noise(1000, "b"), "sub/c.jpg": noise(1000, "c")}


@pytest.fixture
def repo(art: Art) -> Art:
    return with_dataset(art, FILES)


def test_a_copy(repo: Art) -> None:
    top = repo.directory
    result = repo("get", "dataset")
    assert (result.code, result.out) == (0, f"{top}/dataset-v0\n")
    assert result.err.startswith("dataset:v0  wrote 3 of 3 files, 2.0 KB  ")
    assert harvest(top / "dataset-v0") == FILES
    assert repo("get", "dataset/sub", "copy", "--only", "b.*").out == f"{top}/copy\n"
    assert set(harvest(top / "copy")) == {"b.jpg"}
    assert repo("get", "dataset", "flat", "--flat", "-q").err == ""
    assert set(harvest(top / "flat")) == {"a.txt", "b.jpg", "c.jpg"}
    assert repo("get", "dataset/a.txt", "x.txt").out == f"{top}/x.txt\n"
    assert repo("status", "-q").out == "data\n"


def test_its_document(repo: Art) -> None:
    document = repo("get", "dataset", "copy", "--json").json
    item = document["items"][0]
    assert (document["schema"], item["ref"], item["written"], item["kept"], item["size"]) == (
        "art.got/1", "dataset:v0", 3, 0, 2005,
    )  # fmt: skip
    assert (item["rescued"], item["rescued_to"], item["dry_run"]) == ([], None, False)


def test_what_is_there_stays(repo: Art) -> None:
    plant(repo.directory / "copy", {"mine": b"mine", "a.txt": b"mine too"})
    result = repo("get", "dataset", "copy")
    assert (result.code, result.out) == (6, "")
    assert result.err.splitlines()[-1] == "hint: art get dataset copy --overwrite"
    assert repo("get", "dataset", "copy", "--json").error["code"] == "destination-not-empty"
    dry = repo("get", "dataset", "copy", "--overwrite", "-n", "--json").json["items"][0]
    assert (dry["rescued"], dry["rescued_to"], dry["dry_run"]) == (["a.txt"], None, True)
    done = repo("get", "dataset", "copy", "--overwrite")
    assert done.code == 0
    assert "1 file of yours made room: now in " in done.err
    assert harvest(repo.directory / "copy") == {**FILES, "mine": b"mine"}


def test_sync_asks(repo: Art) -> None:
    repo("get", "dataset", "copy")
    assert repo("get", "dataset", "copy", "--sync").code == 0
    plant(repo.directory / "copy", {**FILES, "mine": b"mine"})
    result = repo("get", "dataset", "copy", "--sync")
    assert (result.code, result.out) == (2, "")
    assert "remove 0 files and move 1 of your own aside?" in result.err
    assert result.err.endswith("hint: art get dataset copy --sync --yes\n")
    assert (repo.directory / "copy" / "mine").exists()
    assert repo("get", "dataset", "copy", "--sync", "-n").code == 0
    assert repo("get", "dataset", "copy", "--sync", "-y").code == 0
    assert harvest(repo.directory / "copy") == FILES


MISTAKES: list[tuple[list[str], int, str]] = [
    (["dataset/a.tx", "x"], 5, "no-such-path"),
    (["nix", "x"], 5, "no-such-artifact"),
    (["dataset", "x", "--only", "nix"], 5, "no-such-path"),
    (["dataset", ".art/x"], 2, "inside-repository"),
    (["dataset/a.txt", "x", "--sync"], 2, "path-not-wanted"),
]


def test_mistakes(repo: Art) -> None:
    for words, code, slug in MISTAKES:
        result = repo("get", *words)
        assert (result.code, result.out, (repo.directory / "x").exists()) == (code, "", False)
        assert "hint: " in result.err
        assert repo("get", *words, "--json").error["code"] == slug
