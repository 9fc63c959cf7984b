"""Working copies: what became of each, at the price of one walk."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft
from artcli.errors import ArtError
from artcli.flows.status import Status, status
from tests.flows.shelf import MIXED, Shelf
from tests.flows.workshop import PROJECT, add_facts
from tests.kit.trees import Leaf, fell, plant
from tests.kit.trees import put as place

TREE: dict[str, Leaf] = {path: leaf for path, leaf in MIXED.items() if path != "nothing"}


def all_of(shelf: Shelf, *paths: object, start: Path | None = None) -> dict[str, Status]:
    found = status(shelf.repository, [str(path) for path in paths], start or shelf.directory, workers=2)
    return {item.path.name: item for item, _ in found}


def files(shelf: Shelf, *paths: object) -> list[tuple[str, str]]:
    found = status(shelf.repository, [str(path) for path in paths], shelf.directory, files=True, workers=2)
    return [(change.what, os.fsdecode(change.path)) for _, changes in found for change in changes]


def test_clean_copies(shelf: Shelf) -> None:
    version = shelf.log(TREE)
    shelf.log({"a": b"a"}, "other")
    assert all_of(shelf) == {}
    shelf.use()
    shelf.use("other", root=shelf.directory / "elsewhere")
    found = all_of(shelf)
    assert list(found) == ["data:v0", "elsewhere"]
    one = found["data:v0"]
    assert (one.ref, one.state, one.is_clean, one.behind, one.whole) == ("data:v0", "clean", True, 0, True)
    assert (one.entries, one.size) == (version.entries, version.size)


def test_a_changed_copy(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use()
    place(path, "a.txt", b"edited")
    place(path, "new", b"new")
    fell(path, "sub/one")
    (path / "sub" / "two").rename(path / "sub" / "renamed")
    (one,) = all_of(shelf).values()
    assert one.state == "1 added, 1 deleted, 1 modified, 1 renamed"
    assert not one.is_clean
    changed = [("modified", "a.txt"), ("added", "new"), ("deleted", "sub/one"), ("renamed", "sub/renamed")]
    assert files(shelf) == changed
    assert files(shelf, path) == changed
    assert files(shelf, path / "sub") == changed[2:]
    assert files(shelf, path / "a.txt", path / "new") == changed[:2]
    assert files(shelf, "artifacts") == changed
    assert files(shelf, path / "link") == []


def test_how_far_behind(shelf: Shelf) -> None:
    shelf.log({"a": b"0"})
    shelf.use()
    shelf.log({"a": b"1"})
    shelf.log({"a": b"2"})
    assert all_of(shelf)["data:v0"].behind == 2
    add_facts(shelf.repository, "delete", ["data:v1"])
    assert all_of(shelf)["data:v0"].behind == 1


def test_a_part_of_a_version(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use(only=["sub/*"])
    assert all_of(shelf)[path.name].state == "clean"
    place(path, "sub/one", b"edited")
    assert all_of(shelf)[path.name].state == "1 modified"


def test_a_version_that_was_deleted(shelf: Shelf) -> None:
    shelf.log({"a": b"0"})
    shelf.log({"a": b"1"})
    version = next(shelf.repository.catalog.versions())
    shelf.use("data:v0")
    add_facts(shelf.repository, "delete", ["data:v0"])
    assert all_of(shelf)["data:v0"].state == "its version is in the trash"
    shelf.repository.commit(lambda _, make: [make(Draft("purge", {"version": version.id}))])
    found = all_of(shelf)["data:v0"]
    assert (found.state, found.is_clean) == ("its version is gone", False)


def test_a_renamed_artifact_is_called_by_its_name(shelf: Shelf) -> None:
    shelf.log({"a": b"0"})
    shelf.use()
    rename = Draft("rename", {"project": PROJECT, "from": "data", "to": "fresh"})
    shelf.repository.commit(lambda _, make: [make(rename)])
    assert all_of(shelf)["data:v0"].ref == "fresh:v0"


def test_a_copy_that_is_gone_is_forgotten(shelf: Shelf) -> None:
    shelf.log({"a": b"a"})
    shutil.rmtree(shelf.use())
    assert all_of(shelf) == {}


def test_a_clean_copy_is_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(TREE)
    path = shelf.use()
    time.sleep(0.15)
    shelf.use()
    monkeypatch.setattr("artcli.flows.ingest.read_small", lambda *_: pytest.fail("read"))
    monkeypatch.setattr("artcli.files.reader.blocks", lambda *_: pytest.fail("read"))
    assert all_of(shelf)[path.name].is_clean


def test_touched_files_are_read_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(TREE)
    path = shelf.use()
    for name in ("a.txt", "large", "sub/one"):
        os.utime(path / name)
    time.sleep(0.15)
    assert all_of(shelf)[path.name].is_clean
    monkeypatch.setattr("artcli.flows.ingest.read_small", lambda *_: pytest.fail("read"))
    monkeypatch.setattr("artcli.files.reader.blocks", lambda *_: pytest.fail("read"))
    assert all_of(shelf)[path.name].is_clean


@pytest.mark.parametrize(("path", "slug"), [("data", "not-a-working-copy"), ("nix", "no-such-path")])
def test_what_is_no_copy(shelf: Shelf, path: str, slug: str) -> None:
    shelf.log({"a": b"a"})
    shelf.use()
    with pytest.raises(ArtError) as caught:
        all_of(shelf, path)
    assert caught.value.slug == slug


def test_an_odd_file_is_told(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use()
    os.mkfifo(path / "pipe")
    one = all_of(shelf)[path.name]
    assert [(problem.path, problem.slug) for problem in one.problems] == [(b"pipe", "special-file")]
    assert one.is_clean


def test_paths_relative_to_where_one_stands(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use()
    place(path, "sub/one", b"edited")
    found = list(status(shelf.repository, ["."], path / "sub", files=True))
    assert [change.path for _, changes in found for change in changes] == [b"sub/one"]
    plant(path / "sub", {})
    assert [change.what for _, changes in status(shelf.repository, ["."], path, files=True) for change in changes] == [
        "added", "deleted", "deleted", "deleted",
    ]  # fmt: skip
