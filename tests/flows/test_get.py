"""Copies: whole or not at all where a byte is wrong, and nothing of the user's destroyed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from artcli.errors import ArtError, IntegrityError
from artcli.flows import copies
from artcli.flows.get import Got, Request, get
from artcli.flows.references.bring import paths
from tests.flows.shelf import MIXED, Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Empty, Leaf, Link, harvest, plant
from tests.kit.trees import put as place
from tests.store.material import noise


def fetch(shelf: Shelf, ref: str = "data", dest: str | None = "copy", **more: Any) -> Got:
    return get(shelf.repository, Request(ref, PROJECT, shelf.directory, dest, workers=2, **more))


def refused(shelf: Shelf, *words: Any, **more: Any) -> str:
    with pytest.raises(ArtError) as caught:
        fetch(shelf, *words, **more)
    return caught.value.slug


def rescued(got: Got) -> dict[str, Leaf]:
    return harvest(got.rescued.folder)


def test_a_copy_is_whole_and_nobody_watches_it(shelf: Shelf) -> None:
    shelf.log(MIXED)
    got = fetch(shelf)
    assert got.path == shelf.directory / "copy"
    assert harvest(got.path) == MIXED
    assert (got.plan.write, got.plan.keep) == (len(MIXED), 0)
    assert [copy.path for copy in copies.all_copies(shelf.repository.path)] == [shelf.folder]


def test_names_that_it_chooses(shelf: Shelf) -> None:
    shelf.log(MIXED)
    assert fetch(shelf, "data", None).path.name == "data-v0"
    assert fetch(shelf, "data:v0/sub", None).path.name == "sub"
    assert fetch(shelf, "data:v0/sub/one", None).path.name == "one"
    assert set(harvest(shelf.directory / "sub")) == {"medium", "one", "two"}
    assert (shelf.directory / "one").read_bytes() == MIXED["sub/one"]


def test_an_empty_directory_is_filled(shelf: Shelf) -> None:
    shelf.log(MIXED)
    (shelf.directory / "copy").mkdir()
    assert harvest(fetch(shelf).path) == MIXED


def test_a_directory_with_something_in_it_is_left_alone(shelf: Shelf) -> None:
    shelf.log(MIXED)
    mine: dict[str, Leaf] = {"mine": b"mine"}
    plant(shelf.directory / "copy", mine)
    assert refused(shelf) == "destination-not-empty"
    assert refused(shelf, only=["a.txt"]) == "destination-not-empty"
    assert harvest(shelf.directory / "copy") == mine
    (shelf.directory / "file").write_bytes(b"mine")
    assert refused(shelf, "data", "file") == "destination-not-empty"


def test_overwrite_replaces_moves_aside_and_removes_nothing(shelf: Shelf) -> None:
    shelf.log({"a": b"a version"}, "other")
    shelf.log(MIXED)
    there: dict[str, Leaf] = {
        "a.txt": b"only here",
        "sub/one": noise(5000, "two"),
        "mine": b"mine",
        "large": Link("mine"),
        "link": Empty(),
        "run.sh/x": b"a folder",
        "sub/two": noise(5000, "two"),
    }
    plant(shelf.directory / "copy", there)
    time.sleep(0.05)  # what was changed this moment is moved aside in any case
    got = fetch(shelf, overwrite=True)
    assert harvest(got.path) == {**MIXED, "mine": b"mine"}
    assert rescued(got) == {"a.txt": b"only here", "large": Link("mine"), "run.sh/x": b"a folder"}
    assert got.plan.keep == 1


def test_overwrite_removes_nothing_of_another_version_either(shelf: Shelf) -> None:
    """The directory is one that was logged: its files are in the store, and still they stay."""
    shelf.log({"source.txt": b"precious", "a.txt": b"mine"}, "other")
    shelf.log(MIXED)
    plant(shelf.folder, {"source.txt": b"precious", "a.txt": b"mine"})
    shelf.log({"source.txt": b"precious", "a.txt": b"mine"}, "other")
    got = fetch(shelf, "data", "data", overwrite=True)
    assert harvest(got.path) == {**MIXED, "source.txt": b"precious"}


def test_sync_makes_equal(shelf: Shelf) -> None:
    shelf.log(MIXED)
    got = fetch(shelf)
    place(got.path, "a.txt", b"edited")
    place(got.path, "mine/deep", b"mine")
    place(got.path, "held", noise(5000, "one"))
    plan = fetch(shelf, sync=True, dry_run=True).plan
    assert (plan.write, plan.remove, sorted(plan.rescue)) == (1, [b"held"], [b"a.txt", b"mine/deep"])
    time.sleep(0.05)
    assert (got.path / "a.txt").read_bytes() == b"edited"
    again = fetch(shelf, sync=True)
    assert harvest(got.path) == MIXED
    assert rescued(again) == {"a.txt": b"edited", "mine/deep": b"mine"}
    assert fetch(shelf, sync=True).plan.is_done
    shelf.log({"a.txt": b"next"})
    assert harvest(fetch(shelf, sync=True).path) == {"a.txt": b"next"}


def test_only_and_flat(shelf: Shelf) -> None:
    shelf.log(MIXED)
    assert set(harvest(fetch(shelf, only=["*.txt", "sub"]).path)) == {"a.txt", "sub/medium", "sub/one", "sub/two"}
    flat = fetch(shelf, "data", "flat", only=["sub", "run.sh"], flat=True)
    files = {path.rpartition("/")[2]: MIXED[path] for path in ("sub/medium", "sub/one", "sub/two", "run.sh")}
    assert harvest(flat.path) == files
    assert refused(shelf, "data", "none", only=["nix"]) == "no-such-path"
    assert refused(shelf, "data:v0/nix", "none") == "no-such-path"
    assert not (shelf.directory / "none").exists()


def test_flat_names(shelf: Shelf) -> None:
    shelf.log({"a/x": b"same", "b/x": b"same", "c/y": b"1", "d/z": Empty()})
    assert harvest(fetch(shelf, flat=True).path) == {"x": b"same", "y": b"1"}
    shelf.log({"a/x": b"one", "b/x": b"other"})
    assert refused(shelf, "data", "flat", flat=True) == "flat-names-collide"


# --- one file ---


def test_one_file(shelf: Shelf) -> None:
    shelf.log(MIXED)
    top = shelf.directory
    for path in ("a.txt", "empty", "large", "link", "run.sh", "sub/medium", "sub/one"):
        got = fetch(shelf, f"data:v0/{path}", f"got/{path}")
        assert got.path == top / "got" / path
    assert harvest(top / "got") == {path: leaf for path, leaf in MIXED.items() if path not in ("sub/two", "nothing")}
    assert fetch(shelf, "data:v0/sub/two", "got/sub").path == top / "got" / "sub" / "two"
    assert fetch(shelf, "data:v0/sub/two", "new/").path == top / "new" / "two"


def test_one_file_over_another(shelf: Shelf) -> None:
    shelf.log(MIXED)
    target = shelf.directory / "target"
    target.write_bytes(b"only here")
    assert refused(shelf, "data:v0/a.txt", "target") == "destination-not-empty"
    assert target.read_bytes() == b"only here"
    got = fetch(shelf, "data:v0/a.txt", "target", overwrite=True)
    assert target.read_bytes() == b"alpha\n"
    assert rescued(got) == {"target": b"only here"}
    again = fetch(shelf, "data:v0/a.txt", "target", overwrite=True)
    assert (again.plan.write, again.plan.keep) == (0, 1)
    target.write_bytes(noise(5000, "two"))
    time.sleep(0.05)
    held = fetch(shelf, "data:v0/sub/one", "target", overwrite=True)
    assert (target.read_bytes(), held.rescued.paths) == (MIXED["sub/one"], [])
    target.unlink()
    target.mkdir()
    (target / "a.txt").mkdir()
    assert refused(shelf, "data:v0/a.txt", "target", overwrite=True) == "destination-not-empty"
    assert refused(shelf, "data:v0/a.txt", "x", sync=True) == "path-not-wanted"


def test_a_link_in_the_way_is_not_followed(shelf: Shelf) -> None:
    shelf.log(MIXED)
    outside = shelf.directory / "outside"
    outside.write_bytes(b"outside")
    (shelf.directory / "target").symlink_to(outside)
    got = fetch(shelf, "data:v0/a.txt", "target", overwrite=True)
    assert (outside.read_bytes(), harvest(got.path.parent)["target"]) == (b"outside", b"alpha\n")


def test_references(shelf: Shelf) -> None:
    shelf.log_reference()
    got = fetch(shelf, "elsewhere")
    assert (harvest(got.path), paths(got.unbrought)) == ({"here": b"here"}, ["big"])
    assert [item.error.slug for item in fetch(shelf, "elsewhere:v0/big", "x").unbrought] == ["unknown-source"]
    assert not (shelf.directory / "x").exists()


def test_not_among_the_repository_s_own_files(shelf: Shelf) -> None:
    shelf.log(MIXED)
    for dest in (".art", ".art/packs", "data/../.art/x"):
        assert refused(shelf, "data", dest, sync=True) == "inside-repository"
        assert refused(shelf, "data:v0/a.txt", f"{dest}/y") == "inside-repository"


def test_the_directory_around_the_repository_keeps_it(shelf: Shelf) -> None:
    shelf.log({"a": b"a"})
    got = fetch(shelf, "data", ".", sync=True)
    assert set(os.listdir(shelf.directory)) == {".art", "a"}
    assert got.rescued.paths == [b"data/a"]
    shelf.reopen()
    assert harvest(fetch(shelf).path) == {"a": b"a"}


# --- damage ---


def test_no_wrong_byte_comes_out_of_a_damaged_store(shelf: Shelf, tmp_path: Path) -> None:
    shelf.log(MIXED)
    refusals = 0
    for number, _ in enumerate(shelf.damages(20)):
        try:
            fetch(shelf, "data", f"copy-{number}")
        except IntegrityError:
            refusals += 1
            found = harvest(tmp_path / f"copy-{number}")
            assert all(MIXED[path] == leaf for path, leaf in found.items()), "a wrong file"
        else:
            assert harvest(tmp_path / f"copy-{number}") == MIXED
        try:
            fetch(shelf, "data:v0/large", f"large-{number}")
        except IntegrityError:
            assert not (tmp_path / f"large-{number}").exists()
        else:
            assert (tmp_path / f"large-{number}").read_bytes() == MIXED["large"]
    assert refusals > 10
