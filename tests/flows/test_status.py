"""Working copies: what became of each, at the price of one walk."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.facts import Draft
from artcli.errors import ArtError
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.flows import copies
from artcli.flows.log_artifact import Request, log_artifact
from artcli.flows.status import Status, status
from tests.flows.shelf import MIXED, Shelf
from tests.flows.workshop import PROJECT, add_facts
from tests.kit.trees import Leaf, fell, harvest, plant
from tests.kit.trees import put as place

TREE: dict[str, Leaf] = {path: leaf for path, leaf in MIXED.items() if path != "nothing"}


def all_of(shelf: Shelf, *paths: object, start: Path | None = None) -> dict[str, Status]:
    """The copies by name, but for the folder that was logged."""
    found = status(shelf.repository, [str(path) for path in paths], start or shelf.directory, workers=2)
    return {item.path.name: item for item, _ in found if item.path != shelf.folder}


def files(shelf: Shelf, *paths: object) -> list[tuple[str, str]]:
    found = status(shelf.repository, [str(path) for path in paths], shelf.directory, files=True, workers=2)
    return [
        (change.what, os.fsdecode(change.path))
        for item, changes in found
        if item.path != shelf.folder
        for change in changes
    ]


def logged(shelf: Shelf) -> Status:
    """What became of the folder that was logged."""
    ((found, _),) = status(shelf.repository, [str(shelf.folder)], shelf.directory, workers=2)
    return found


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
    found = all_of(shelf)[path.name]
    assert (found.state, found.whole, found.is_clean) == ("clean", False, True)
    place(path, "sub/one", b"edited")
    place(path, "large", b"not what the version has there")
    place(path, "beside", TREE["sub/medium"])
    fell(path, "sub/two")
    assert files(shelf) == [
        ("added", "beside"), ("modified", "large"), ("modified", "sub/one"), ("deleted", "sub/two"),
    ]  # fmt: skip
    shelf.use(only=["sub/*", "large"])
    assert files(shelf) == [("added", "beside")]


def test_parts_add_up(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use(only=["sub/*"])
    shelf.use("data:v0/a.txt")
    shelf.use(only=["run.sh", "l*"])
    shelf.use(only=["sub/*"])
    assert all_of(shelf)[path.name].state == "clean"
    for name in ("sub/one", "a.txt", "link"):
        fell(path, name)
    assert files(shelf) == [("deleted", "a.txt"), ("deleted", "link"), ("deleted", "sub/one")]
    shelf.use(only=["a.txt"], exact=True)
    assert harvest(path) == {"a.txt": TREE["a.txt"]}
    assert all_of(shelf)[path.name].state == "clean"
    shelf.use()
    assert all_of(shelf)[path.name].whole
    shelf.use(only=["a.txt"])
    assert all_of(shelf)[path.name].whole  # what was there is there still
    fell(path, "sub/one")
    assert files(shelf) == [("deleted", "sub/one")]


def test_a_part_in_a_directory_that_was_removed_begins_anew(shelf: Shelf) -> None:
    shelf.log(TREE)
    path = shelf.use()
    shutil.rmtree(path)
    shelf.use(only=["sub/*"])
    assert all_of(shelf)[path.name].state == "clean"
    shelf.log({"sub/one": b"1"})
    shelf.use("data:v1", root=path, only=["sub/*"])
    found = all_of(shelf)[path.name]
    assert (found.ref, found.whole, found.state) == ("data:v1", False, "clean")


def test_a_part_of_which_too_many_were_used_forgets_the_oldest(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_PARTS", 2)
    shelf.log({name: name.encode() for name in "abc"})
    for name in "abc":
        path = shelf.use(f"data:v0/{name}").parent
    plant(path, {})
    assert files(shelf) == [("deleted", "b"), ("deleted", "c")]


# --- a directory that was logged ---


def test_a_logged_directory_is_a_working_copy(shelf: Shelf) -> None:
    version = shelf.log({**TREE, ".artignore": b"*.tmp\n", "x.tmp": b"left out"})
    found = logged(shelf)
    assert (found.path, found.ref, found.state, found.whole) == (shelf.folder, "data:v0", "clean", True)
    assert (found.entries, found.size) == (version.entries, version.size)
    place(shelf.folder, "a.txt", b"edited")
    fell(shelf.folder, "sub/two")
    assert logged(shelf).state == "1 deleted, 1 modified"
    place(shelf.folder, "sub/two", TREE["sub/two"])
    place(shelf.folder, "a.txt", TREE["a.txt"])
    assert logged(shelf).state == "clean"


def test_it_is_one_of_the_version_that_was_logged_last(shelf: Shelf) -> None:
    shelf.log({"a": b"0"})
    shelf.log({"a": b"1"})
    assert (logged(shelf).ref, logged(shelf).state) == ("data:v1", "clean")
    shelf.log({"a": b"1"}, "other")
    assert logged(shelf).ref == "other:v0"
    shelf.log({"a": b"1"})  # the same content as data:v1
    assert (logged(shelf).ref, logged(shelf).behind) == ("data:v1", 0)
    path = shelf.use("data:v0")
    place(path, "a", b"edited")
    log_artifact(shelf.repository, Request("data", PROJECT, [Source(bytes(path))]))
    assert (all_of(shelf)["data:v0"].ref, all_of(shelf)["data:v0"].state) == ("data:v2", "clean")
    shelf.use("data:v0")
    assert (all_of(shelf)["data:v0"].ref, harvest(path)) == ("data:v0", {"a": b"0"})


PARTIAL: dict[str, dict[str, Any]] = {
    "included": {"rules": Rules(include=("sub/",))},
    "excluded": {"rules": Rules(exclude=("sub/",))},
    "elsewhere": {"dest": b"below"},
    "one file": {"path": "a.txt", "dest": b"a.txt"},
    "several": {"beside": "sub"},
    "on a base": {"base": "first"},
    "a stream": {"stream": (b"x", [b"x"]), "no_sources": True},
    "a dry run": {"dry_run": True},
}


@pytest.mark.parametrize("how", PARTIAL)
def test_what_is_logged_in_part_is_no_copy(shelf: Shelf, how: str) -> None:
    request = dict(PARTIAL[how])
    shelf.log({"z": b"z"}, "first")
    copies.forget(shelf.repository.path, shelf.folder)
    plant(shelf.folder, TREE)
    path, dest = shelf.folder / request.pop("path", ""), request.pop("dest", b"")
    sources = [Source(bytes(path), dest)]
    if beside := request.pop("beside", None):
        sources.append(Source(bytes(shelf.folder / beside), b"beside"))
    if request.pop("no_sources", False):
        sources = []
    log_artifact(shelf.repository, Request("data", PROJECT, sources, workers=2, **request))
    assert list(copies.all_copies(shelf.repository.path)) == []


def test_remembering_it_costs_no_sync_and_no_failure(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    version = shelf.log({"a": b"a"})
    monkeypatch.setattr(os, "fsync", lambda fd: pytest.fail("fsync"))
    copies.remember(shelf.repository.path, shelf.directory, version)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    copies.remember(shelf.repository.path, shelf.directory / "data", version)
    assert not [path for path in (shelf.repository.path / "local" / "copies").iterdir() if path.suffix != ".json"]


# --- what is no clean copy ---


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
    copies.forget(shelf.repository.path, shelf.folder)
    time.sleep(0.15)
    shelf.use()
    monkeypatch.setattr("artcli.flows.reading.read_small", lambda *_: pytest.fail("read"))
    monkeypatch.setattr("artcli.files.reader.blocks", lambda *_: pytest.fail("read"))
    assert all_of(shelf)[path.name].is_clean


def test_touched_files_are_read_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(TREE)
    path = shelf.use()
    copies.forget(shelf.repository.path, shelf.folder)
    for name in ("a.txt", "large", "sub/one"):
        os.utime(path / name)
    time.sleep(0.15)
    assert all_of(shelf)[path.name].is_clean
    monkeypatch.setattr("artcli.flows.reading.read_small", lambda *_: pytest.fail("read"))
    monkeypatch.setattr("artcli.files.reader.blocks", lambda *_: pytest.fail("read"))
    assert all_of(shelf)[path.name].is_clean


@pytest.mark.parametrize(("path", "slug"), [("plain", "not-a-working-copy"), ("nix", "no-such-path")])
def test_what_is_no_copy(shelf: Shelf, path: str, slug: str) -> None:
    shelf.log({"a": b"a"})
    shelf.use()
    (shelf.directory / "plain").mkdir()
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
