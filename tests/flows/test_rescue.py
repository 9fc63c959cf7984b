"""What `use` may take away, and what it must move aside first: whatever no version holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.flows import collect, use
from artcli.flows.judge import Entries
from artcli.flows.use import Used
from tests.flows.shelf import Shelf
from tests.flows.workshop import PROJECT, add_facts
from tests.kit.trees import Leaf, Link, Program, harvest, plant
from tests.kit.trees import put as place
from tests.store.material import noise

OLD: dict[str, Leaf] = {
    "both": b"in both", "gone/large": noise(5000, "large"), "gone/link": Link("../both"), "gone/small": b"of v0 alone",
    "gone/run.sh": Program(b"#!/bin/sh\n"), "other": b"one way", "other-link": Link("both"),
}  # fmt: skip
NEW: dict[str, Leaf] = {"both": b"in both", "fresh": b"of v1 alone", "other": b"another way", "other-link": Link("x")}
UNHELD: dict[str, Leaf] = {
    "ignored.tmp": b"never logged", "gone/mine": b"small and mine", "gone/mine.bin": noise(3000, "mine"),
    "my-link": Link("to somewhere"),
}  # fmt: skip


def bring(shelf: Shelf, ref: str, root: Path, *, exact: bool = False) -> Used:
    request = use.Request(ref, PROJECT, shelf.directory, root=root, exact=exact, workers=2)
    return use.use(shelf.repository, request)


def aside(done: Used) -> dict[str, Leaf]:
    return harvest(done.rescued.folder) if done.rescued.folder.exists() else {}


@pytest.mark.parametrize("cache", ["warm", "cold"])
@pytest.mark.parametrize("exact", [False, True])
def test_a_directory_that_was_only_logged_is_switched_and_loses_nothing(shelf: Shelf, exact: bool, cache: str) -> None:
    shelf.log(NEW)
    shelf.log({**OLD, ".artignore": b"*.tmp\n"})
    mine = {**UNHELD, "other": b"edited by hand"}
    for path, leaf in mine.items():
        place(shelf.folder, path, leaf)
    if cache == "cold":
        shutil.rmtree(shelf.repository.path / "cache")
        shelf.reopen()
    done = bring(shelf, "data:v0", shelf.folder, exact=exact)
    there = harvest(shelf.folder)
    assert {path: there[path] for path in NEW} == NEW
    assert {**there, **aside(done)}.items() >= mine.items()  # what no version holds is here or aside
    moved = set(mine) if exact else {"other"}
    assert set(aside(done)) == moved
    if exact:
        assert there == NEW
    elif cache == "warm":
        assert set(there) == {*NEW, *mine}  # what v1 has and v0 has not went, unread: the store holds it
    assert harvest(bring(shelf, "data:v1", shelf.directory / "again").path).items() >= OLD.items()


def test_what_the_store_holds_no_longer_is_moved_aside(shelf: Shelf) -> None:
    """The version that was logged from here is gone for good: the files here are the last ones."""
    shelf.log(OLD, "last")
    folder = shelf.directory / "kept"
    shutil.copytree(shelf.folder, folder, symlinks=True)
    shelf.log(OLD, "data")
    shelf.log({**NEW, "gone": b"a file where a folder was"}, "other")
    shelf.folder.rename(shelf.directory / "away")
    folder.rename(shelf.folder)
    add_facts(shelf.repository, "delete", ["last:v0", "data:v0"])
    collect.collect(shelf.repository, collect.Request(0, empty_trash=True))
    shelf.reopen()
    done = bring(shelf, "other:v0", shelf.folder, exact=True)
    there = harvest(shelf.folder)
    assert there == {**NEW, "gone": b"a file where a folder was"}
    lost = {path: leaf for path, leaf in OLD.items() if there.get(path) != leaf}
    assert aside(done).items() >= lost.items()


def test_small_files_of_a_version_are_not_moved_aside(shelf: Shelf) -> None:
    shelf.log(OLD)
    path = shelf.use("data:v0")
    shelf.log(NEW)
    place(path, "gone/small-too", OLD["gone/small"])  # the bytes of a version, at another path
    place(path, "both", b"changed")
    shutil.rmtree(shelf.repository.path / "cache")
    shelf.reopen()
    done = bring(shelf, "data:v1", path, exact=True)
    assert aside(done) == {"gone/small-too": OLD["gone/small"], "both": b"changed"}
    assert harvest(path) == NEW


def test_small_files_of_the_newest_version_are_not_moved_aside(shelf: Shelf) -> None:
    shelf.log({"a": b"small"})
    shelf.log({"a": b"small", "b": b"of the newest"})
    shelf.log({"c": b"c"}, "other")
    path = shelf.directory / "copy"
    plant(path, {"a": b"small", "b": b"of the newest", "c": b"c"})
    assert aside(bring(shelf, "data:v0", path, exact=True)) == {"c": b"c"}


def test_damaged_lists_of_files_hold_nothing(shelf: Shelf) -> None:
    class Damaged:
        def get(self, digest: bytes, /) -> bytes:
            raise IntegrityError("damaged-chunk", "damaged")

    version = shelf.log({"a": b"a"})
    assert Entries(shelf.repository.store, [version.root]).hold(b"a", digest_of(b"a"))
    assert not Entries(shelf.repository.store, [version.root]).hold(b"a", digest_of(b"b"))
    damaged = Entries(Damaged(), [version.root])
    assert not damaged.hold(b"a", digest_of(b"a"))
    assert not damaged.hold(b"a", digest_of(b"a"))
