"""Differences: as the trees say, whatever the sides are; renames by content; equal folders unread."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.errors import ArtError, IntegrityError
from artcli.files.ignore import Rules
from artcli.flows import diff
from artcli.flows.compared import sides
from artcli.flows.diff import Change, Comparison, Statistics, metadata
from artcli.flows.side import Side
from artcli.flows.textdiff import unified
from tests.flows.shelf import LARGE, MIXED, Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Empty, Leaf, Link, Program, fell, plant
from tests.kit.trees import put as place
from tests.store.material import noise


def two(shelf: Shelf, *words: str, start: Path | None = None) -> tuple[Side, Side]:
    a, b, _ = sides(shelf.repository, words, PROJECT, start or shelf.directory, workers=2)
    return a, b


def changes(shelf: Shelf, *words: str, paths: tuple[bytes, ...] = ()) -> list[Change]:
    return list(Comparison(*two(shelf, *words), paths).changes())


def told(shelf: Shelf, *words: str, paths: tuple[bytes, ...] = ()) -> dict[str, str]:
    """What happened to each path; a renamed one with what it was."""
    return {
        os.fsdecode(change.path): change.what
        + (f" {os.fsdecode(change.before.path)}" if change.what == diff.RENAMED and change.before else "")
        for change in changes(shelf, *words, paths=paths)
    }


EDITED: dict[str, Leaf] = {
    **{path: leaf for path, leaf in MIXED.items() if path not in ("sub/two", "nothing", "empty", "sub/medium")},
    "a.txt": b"beta\n",
    "new": b"new",
    "run.sh": b"#!/bin/sh\n",
    "link": b"a file now",
    "moved/two": noise(5000, "two"),
    "moved/medium.bin": noise(300_000, "medium"),
    "empty": Empty(),
}
EDITS = {
    "a.txt": "modified", "empty": "kind", "link": "kind", "moved/medium.bin": "renamed sub/medium",
    "moved/two": "renamed sub/two", "new": "added", "nothing": "deleted", "run.sh": "modified",
}  # fmt: skip


def test_two_versions(shelf: Shelf) -> None:
    shelf.log(MIXED)
    shelf.log(EDITED)
    assert told(shelf, "data:v0", "data:v1") == EDITS
    assert list(told(shelf, "data:v0", "data:v1")) == sorted(EDITS)
    assert told(shelf, "data:v1", "data:v1") == {}
    backwards = told(shelf, "data:v1", "data:v0")
    assert backwards["sub/two"] == "renamed moved/two"
    assert (backwards["new"], backwards["nothing"]) == ("deleted", "added")


def test_a_directory_is_as_good_as_a_version(shelf: Shelf) -> None:
    shelf.log(MIXED)
    plant(shelf.folder, EDITED)
    plant(shelf.directory / "copy", MIXED)
    assert told(shelf, "data:v0", "./data") == EDITS
    assert told(shelf, "./copy", "./data") == EDITS
    assert told(shelf, "./copy", "data:v0") == {}
    shelf.log(EDITED)
    assert told(shelf, "data:v1", "./data") == {}


def test_parts_of_versions(shelf: Shelf) -> None:
    shelf.log(MIXED)
    shelf.log({"sub/one": noise(5000, "one"), "sub/three": b"3", "x": b"x"})
    assert told(shelf, "data:v0/sub", "data:v1/sub") == {"medium": "deleted", "three": "added", "two": "deleted"}
    assert told(shelf, "data:v0/sub", "./data/sub") == {"medium": "deleted", "three": "added", "two": "deleted"}
    assert told(shelf, "data:v0/sub/one", "data:v1/sub/one") == {}
    assert told(shelf, "data:v0", "data:v1", paths=(b"sub", b"link")) == {
        "link": "deleted", "sub/medium": "deleted", "sub/three": "added", "sub/two": "deleted",
    }  # fmt: skip
    assert told(shelf, "data:v0", "data:v1", paths=(b"su",)) == {}


names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f", "g/h"])
leaves = st.sampled_from([b"", b"one", b"two", noise(400), Link("a"), Program(b"one"), Empty()])
trees = st.dictionaries(names, leaves, min_size=1)


def possible(tree: dict[str, Leaf]) -> bool:
    return not any(other.startswith(path + "/") for path in tree for other in tree)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees.filter(possible), trees.filter(possible))
def test_any_tree_against_any_other(shelf: Shelf, one: dict[str, Leaf], other: dict[str, Leaf]) -> None:
    shelf.log(one, new_version=True)
    plant(shelf.folder, other)
    by_directory = changes(shelf, "data", "./data")
    shelf.log(other, new_version=True)
    by_version = changes(shelf, "data:latest~1", "data:latest")
    assert [(c.what, c.path) for c in by_directory] == [(c.what, c.path) for c in by_version]
    differing = {path for path in {*one, *other} if one.get(path) != other.get(path)}
    gone = {change.before.path.decode() for change in by_version if change.what == diff.RENAMED and change.before}
    assert {change.path.decode() for change in by_version} | gone == differing
    for change in by_version:
        before, after = change.before, change.after
        if change.what == diff.RENAMED:
            assert before is not None
            assert after is not None
            assert before.digest == after.digest
        else:
            assert (before is None, after is None) == (change.what == diff.ADDED, change.what == diff.DELETED)


# --- renames ---


def test_a_renamed_folder(shelf: Shelf) -> None:
    shelf.log({f"old/{i}": noise(300, str(i)) for i in range(20)} | {"old/twin": noise(300, "3")})
    shelf.log({f"new/{i}": noise(300, str(i)) for i in range(20)} | {"new/twin": noise(300, "3")})
    expected = {f"new/{i}": f"renamed old/{i}" for i in (*range(20), "twin")}
    assert told(shelf, "data:v0", "data:v1") == expected


def test_empty_files_are_not_taken_for_each_other(shelf: Shelf) -> None:
    shelf.log({"a/__init__.py": b"", "x": b"x"})
    shelf.log({"b/__init__.py": b"", "x": b"x"})
    assert told(shelf, "data:v0", "data:v1") == {"a/__init__.py": "deleted", "b/__init__.py": "added"}


def test_a_large_file_that_was_renamed_and_edited(shelf: Shelf) -> None:
    shelf.log({"old.bin": LARGE, "other.bin": noise(2_000_000, "other"), "small": b"s"})
    shelf.log({"new.bin": LARGE[:1_000_000] + b"inserted" + LARGE[1_000_000:], "fresh.bin": noise(2_000_000, "fresh")})
    found = {change.path: change for change in changes(shelf, "data:v0", "data:v1")}
    assert {path.decode(): change.what for path, change in found.items()} == {
        "fresh.bin": "added", "new.bin": "renamed", "other.bin": "deleted", "small": "deleted",
    }  # fmt: skip
    assert 0 < found[b"new.bin"].new_size < 600_000


def test_how_much_of_a_large_file_is_new(shelf: Shelf) -> None:
    shelf.log({"w": LARGE})
    shelf.log({"w": LARGE + b"tail"})
    (change,) = changes(shelf, "data:v0", "data:v1")
    assert (change.what, change.old_size, change.size) == ("modified", len(LARGE), len(LARGE) + 4)
    assert 0 < change.new_size <= 300_000


def test_too_many_differences_are_told_without_renames(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "MOST", 5)
    shelf.log({f"old/{i}": noise(300, str(i)) for i in range(3)})
    shelf.log({f"new/{i}": noise(300, str(i)) for i in range(3)})
    comparison = Comparison(*two(shelf, "data:v0", "data:v1"))
    assert [change.what for change in comparison.changes()] == ["added"] * 3 + ["deleted"] * 3
    assert not comparison.renames_found


# --- what is read ---


def test_equal_folders_are_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {f"{i // 100:02}/{i:05}": b"%d" % i for i in range(6000)}
    shelf.log(tree)
    shelf.log({**tree, "30/03000": b"changed"})
    a, b = two(shelf, "data:v0", "data:v1")
    read: list[bytes] = []
    get = type(shelf.repository.store).get
    monkeypatch.setattr(type(shelf.repository.store), "get", lambda self, d: read.append(d) or get(self, d))
    assert [change.path for change in Comparison(a, b).changes()] == [b"30/03000"]
    assert len(read) <= 10


def test_a_known_directory_is_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log({"a": b"a"})
    plant(shelf.folder, MIXED)
    time.sleep(0.15)
    shelf.log(MIXED)
    monkeypatch.setattr("artcli.flows.reading.read_small", lambda *_: pytest.fail("read"))
    monkeypatch.setattr("artcli.files.reader.blocks", lambda *_: pytest.fail("read"))
    assert told(shelf, "data:v1", "./data") == {}


def test_nothing_is_kept(shelf: Shelf) -> None:
    shelf.log(MIXED)
    before = sorted((shelf.repository.path / "packs").rglob("*"))
    plant(shelf.folder, EDITED)
    changes(shelf, "data:v0", "./data")
    assert sorted((shelf.repository.path / "packs").rglob("*")) == before


# --- ignored files ---


def test_ignored_files_are_no_difference_unless_the_version_has_them(shelf: Shelf) -> None:
    tree: dict[str, Leaf] = {"a": b"a", "kept.tmp": b"kept", "dir/kept.tmp": b"deep", ".artignore": b"*.tmp\n"}
    shelf.log(tree, rules=Rules(ignore_files=False))
    place(shelf.folder, "new.tmp", b"new")
    assert told(shelf, "data", "./data") == {}
    place(shelf.folder, "kept.tmp", b"edited")
    (shelf.folder / "dir" / "kept.tmp").unlink()
    assert told(shelf, "data", "./data") == {"kept.tmp": "modified", "dir/kept.tmp": "deleted", "dir": "added"}
    assert told(shelf, "./data", "data")["kept.tmp"] == "modified"


def test_what_lies_behind_a_link_is_not_in_the_directory(shelf: Shelf) -> None:
    shelf.log({"sub/one": b"1", "x": b"x"})
    (shelf.folder / "sub").rename(shelf.directory / "moved")
    (shelf.folder / "sub").symlink_to(shelf.directory / "moved")
    assert told(shelf, "data", "./data") == {"sub": "added", "sub/one": "deleted"}


def test_what_cannot_be_read_is_not_compared(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log({"a": noise(1000), "b": b"b"})
    place(shelf.folder, "a", noise(1000, "edited"))
    os.mkfifo(shelf.folder / "pipe")
    (shelf.folder / "b").unlink()
    os.mkfifo(shelf.folder / "b")

    def refuse(source: bytes, stat: Any) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("artcli.flows.reading.read_small", refuse)
    a, b = two(shelf, "data", "./data")
    assert {problem.path: problem.slug for problem in b.problems} == {
        b"a": "unreadable", b"b": "special-file", b"pipe": "special-file",
    }  # fmt: skip
    assert {change.path: change.what for change in Comparison(a, b).changes()} == {b"b": "deleted"}


# --- which sides ---


def test_one_word(shelf: Shelf) -> None:
    for word in ([], ["data"]):
        with pytest.raises(ArtError) as caught:
            two(shelf, *word)
        assert caught.value.slug == ("no-such-artifact" if word else "nothing-to-compare")
    shelf.log({"a": b"0"})
    assert [side.name for side in two(shelf, "data")] == ["data:v0", "data"]
    shutil.rmtree(shelf.folder)
    with pytest.raises(ArtError) as caught:
        two(shelf, "data")
    assert caught.value.slug == "nothing-to-compare"
    shelf.log({"a": b"1"})
    assert [side.name for side in two(shelf, "data")] == ["data:v0", "data:v1"]
    path = shelf.use("data:v0")
    assert [side.name for side in two(shelf, "data:v0")] == ["data:v0", "artifacts/data:v0"]
    assert [side.name for side in two(shelf, str(path))] == ["data:v0", str(path)]
    assert [side.name for side in two(shelf, "artifacts/data:v0")] == ["data:v0", "artifacts/data:v0"]
    assert [side.name for side in two(shelf, start=path)] == ["data:v0", "."]
    assert [side.name for side in two(shelf)] == ["data:v0", "artifacts/data:v0"]
    shelf.use("data:v1")
    assert [side.name for side in two(shelf)] == ["data:v1", "artifacts/data:v1"]  # all clean: the last one
    assert [side.name for side in two(shelf, "data:v1")] == ["data:v0", "data:v1"]  # what it brought
    place(path, "a", b"edited")
    assert [side.name for side in two(shelf)] == ["data:v0", "artifacts/data:v0"]  # the only one that was changed
    place(shelf.folder, "a", b"edited")
    assert [side.name for side in two(shelf, "data:v1")] == ["data:v1", "data"]
    with pytest.raises(ArtError) as caught:
        two(shelf)
    assert (caught.value.slug, caught.value.facts) == ("nothing-to-compare", ("artifacts/data:v0", "data"))
    shutil.rmtree(path)
    assert [side.name for side in two(shelf)] == ["data:v1", "data"]


def test_a_folder_of_a_working_copy(shelf: Shelf) -> None:
    shelf.log(MIXED)
    path = shelf.use()
    place(path, "sub/one", b"edited")
    assert told(shelf, str(path / "sub")) == {"one": "modified"}
    assert told(shelf, "data:v0/sub") == {"one": "modified"}


def test_a_directory_without_a_version(shelf: Shelf) -> None:
    shelf.log({"a": b"a"})
    with pytest.raises(ArtError) as caught:
        two(shelf, ".")
    assert caught.value.slug == "not-a-working-copy"


def test_a_part_of_a_version(shelf: Shelf) -> None:
    """What was not brought is not missing, nor what a new file was renamed from."""
    shelf.log(MIXED)
    path = shelf.use(only=["sub/*"])
    place(path, "new", MIXED["large"])
    fell(path, "sub/one")
    assert told(shelf, str(path)) == {"new": "added", "sub/one": "deleted"}
    assert told(shelf, "data:v0", str(path)) == {"new": "added", "sub/one": "deleted"}
    assert told(shelf, str(path), "data:v0") == {"new": "deleted", "sub/one": "added"}
    assert told(shelf, str(path / "sub")) == {"one": "deleted"}


# --- counts, texts, what is said ---


def test_counts_by_folder_and_suffix(shelf: Shelf) -> None:
    shelf.log(MIXED)
    shelf.log(EDITED)
    statistics = Statistics()
    list(statistics.counted(Comparison(*two(shelf, "data:v0", "data:v1")).changes()))
    counts = statistics.all.counts
    assert counts == {"added": 1, "deleted": 1, "modified": 2, "renamed": 2, "kind": 2}
    assert statistics.all.new_size == len(b"beta\n" + b"new" + b"a file now")
    folders, suffixes = statistics.folders.items(), statistics.suffixes.items()
    assert {name: group.total for name, group in folders} == {b"./": 6, b"moved/": 2}
    assert {name: group.total for name, group in suffixes} == {b"": 5, b".txt": 1, b".sh": 1, b".bin": 1}


def lines(shelf: Shelf, *words: str) -> list[str]:
    comparison = Comparison(*two(shelf, *words))
    return [line for change in comparison.changes() for line in unified(shelf.repository.store, comparison, change)]


def test_lines_of_texts(shelf: Shelf) -> None:
    shelf.log({"t": b"one\ntwo\nthree\n", "same": b"s", "b": b"\0binary", "l": Link("x"), "gone": b"g\n"})
    shelf.log({"t": b"one\n2\nthree", "same": Program(b"s"), "b": b"\0other", "l": Link("y"), "new": b"n\n"})
    expected = [
        "Files data:v0/b and data:v1/b differ",
        "--- data:v0/gone", "+++ /dev/null", "@@ -1 +0,0 @@", "-g",
        "--- data:v0/l", "+++ data:v1/l", "@@ -1 +1 @@", "--> x", "+-> y",
        "--- /dev/null", "+++ data:v1/new", "@@ -0,0 +1 @@", "+n",
        "Files data:v0/same and data:v1/same differ in name or kind",
        "--- data:v0/t", "+++ data:v1/t", "@@ -1,3 +1,3 @@", " one", "-two", "-three", "+2", "+three",
        "\\ No newline at end of file",
    ]  # fmt: skip
    assert lines(shelf, "data:v0", "data:v1") == expected
    assert [line.replace("./data/", "data:v1/") for line in lines(shelf, "data:v0", "./data")] == expected


def test_what_is_empty_comes_and_goes(shelf: Shelf) -> None:
    shelf.log({"a": b"", "b": Empty(), "k": b""})
    shelf.log({"k": b"", "x": b"", "y": Empty()})
    assert lines(shelf, "data:v0", "data:v1") == [
        "--- data:v0/a", "+++ /dev/null",
        "--- data:v0/b/", "+++ /dev/null",
        "--- /dev/null", "+++ data:v1/x",
        "--- /dev/null", "+++ data:v1/y/",
    ]  # fmt: skip


def test_long_texts_are_not_compared(shelf: Shelf) -> None:
    shelf.log({"t": b"line\n" * 60_000})
    shelf.log({"t": b"line\n" * 60_000 + b"more\n"})
    assert lines(shelf, "data:v0", "data:v1") == ["Files data:v0/t and data:v1/t differ"]


def test_damaged_texts_are_not_shown(shelf: Shelf) -> None:
    shelf.log({"t": b"".join(b"%d\n" % i for i in range(20_000))})
    shelf.log({"t": b"other\n"})
    refused = 0
    for _ in shelf.damages(10):
        try:
            lines(shelf, "data:v0", "data:v1")
        except IntegrityError:
            refused += 1
    assert refused >= 5


def test_what_is_said_of_versions(shelf: Shelf) -> None:
    shelf.log({"a": b"0"}, metadata={"stage": "raw", "n": {"x": 1, "y": 2}}, tags=["day"], description="first")
    shelf.log({"a": b"1"}, metadata={"stage": "clean", "n": {"x": 1}}, aliases=["best"])
    a, b = two(shelf, "data:v0", "data:v1")
    assert [tuple(said) for said in metadata(shelf.repository.catalog, a, b)] == [
        ("description", "first", None), ("tags", ["day"], None), ("aliases", None, ["best"]),
        ("metadata.stage", "raw", "clean"), ("metadata.n.y", 2, None),
    ]  # fmt: skip
    with pytest.raises(ArtError) as caught:
        metadata(shelf.repository.catalog, *two(shelf, "data:v0", "./data"))
    assert caught.value.slug == "nothing-to-compare"
