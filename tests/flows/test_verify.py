"""Verifying: what is wrong is named, all of it, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.catalog import manifest
from artcli.errors import ArtError, IntegrityError
from artcli.flows import cat, verify
from artcli.flows.verify import Check
from tests.flows.shelf import LARGE, MIXED, Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Empty, Leaf, Link, Program, fell, plant
from tests.kit.trees import put as place
from tests.store.material import noise


def check(shelf: Shelf, target: str, against: str | None = None) -> Check:
    return Check(shelf.repository, target, PROJECT, shelf.directory, against, workers=2)


def found(shelf: Shelf, target: str, against: str | None = None) -> dict[str, str]:
    """The states of the paths that differ."""
    return {os.fsdecode(item.path): item.state for item in check(shelf, target, against).differences()}


# --- a version ---


def test_a_whole_version(shelf: Shelf) -> None:
    version = shelf.log(MIXED)
    checked = check(shelf, "data")
    assert list(checked.differences()) == []
    assert (checked.tally.entries, checked.tally.size) == (version.entries, version.size)
    assert found(shelf, "data:v0/sub") == {}
    assert check(shelf, "data:v0/sub/one").tally.entries == 0


def test_every_damage_is_found_and_no_other_file_is_blamed(shelf: Shelf) -> None:
    """A bit is wrong somewhere: the files that verify calls damaged are those whose bytes cannot be had."""
    shelf.log(MIXED)
    files = [path for path, leaf in MIXED.items() if isinstance(leaf, (bytes, Program))]
    touched = set()
    for _ in shelf.damages(40):
        damaged = set(found(shelf, "data"))
        lost = set()
        for opened in cat.find(shelf.repository, [f"data/{path}" for path in files], PROJECT):
            try:
                list(cat.read(shelf.repository, opened, workers=1))
            except IntegrityError:
                lost.add(opened.entry.path.decode())
        assert damaged == lost
        touched |= damaged
    assert touched >= {"large", "sub/medium"}


def test_what_shares_a_damaged_chunk_is_damaged(shelf: Shelf) -> None:
    shelf.log({"a": noise(1000), "b/copy": noise(1000), "c": b"small"})
    (pack,) = shelf.data_packs()
    with shelf.damaged(pack, 500):
        checked = check(shelf, "data")
        assert {item.path: item.state for item in checked.differences()} == {b"a": "damaged", b"b/copy": "damaged"}
        assert (checked.tally.damaged, checked.tally.found, checked.tally.entries) == (2, 2, 3)


def test_a_pack_that_is_gone(shelf: Shelf) -> None:
    shelf.log(MIXED)
    for pack in shelf.data_packs():
        pack.unlink()
    shelf.reopen()
    assert set(found(shelf, "data")) == {"large", "sub/medium", "sub/one", "sub/two"}


def test_a_damaged_list_of_files_or_of_chunks(shelf: Shelf) -> None:
    version = shelf.log(MIXED)
    store = shelf.repository.store
    entry = manifest.find(store, version.root, b"large")
    assert entry is not None
    places = [store.find(page) for page in (version.root.page, entry.list)]
    assert places[0] is not None
    assert places[1] is not None
    files, chunks = places[0], places[1]
    with shelf.damaged(shelf.pack(chunks.pack), chunks.offset + 10):
        assert found(shelf, "data") == {"large": "damaged"}
    with shelf.damaged(shelf.pack(files.pack), files.offset + 10), pytest.raises(IntegrityError):
        found(shelf, "data")


# --- a directory ---


def test_a_directory_that_holds_its_version(shelf: Shelf) -> None:
    version = shelf.log(MIXED)
    path = shelf.use()
    for target in (str(path), f"./{path.relative_to(shelf.directory)}", str(path.relative_to(shelf.directory))):
        checked = check(shelf, target)
        assert list(checked.differences()) == []
        assert (checked.tally.entries, checked.tally.size) == (version.entries, version.size)
    assert found(shelf, f"{path}/sub") == {}
    assert found(shelf, "./data", "data") == {}


CHANGES: dict[str, tuple[Callable[[Path], Any], dict[str, str]]] = {
    "deleted": (lambda top: fell(top, "a.txt"), {"a.txt": "missing"}),
    "emptied": (lambda top: place(top, "a.txt", b""), {"a.txt": "changed"}),
    "other bytes": (lambda top: place(top, "a.txt", b"ALPHA\n"), {"a.txt": "changed"}),
    "other bytes, large": (lambda top: place(top, "large", LARGE[:-1] + b"x"), {"large": "changed"}),
    "executable": (lambda top: (top / "a.txt").chmod(0o755), {"a.txt": "changed"}),
    "not executable": (lambda top: (top / "run.sh").chmod(0o644), {"run.sh": "changed"}),
    "other link": (lambda top: place(top, "link", Link("large")), {"link": "changed"}),
    "a file for a link": (lambda top: place(top, "link", b"alpha\n"), {"link": "wrong-kind"}),
    "a link for a file": (lambda top: place(top, "a.txt", Link("large")), {"a.txt": "wrong-kind"}),
    "a folder for a file": (lambda top: place(top, "a.txt", Empty()), {"a.txt": "wrong-kind"}),
    "a full folder for a file": (
        lambda top: place(top, "a.txt/x", b"x"), {"a.txt": "wrong-kind", "a.txt/x": "extra"},
    ),
    "a file for a folder": (lambda top: place(top, "nothing", b""), {"nothing": "wrong-kind"}),
    "a full folder for an empty one": (lambda top: place(top, "nothing/x", b"x"), {"nothing/x": "extra"}),
    "extra": (lambda top: plant(top / "more", {"x": b"x", "y": Link("x")}), {"more/x": "extra", "more/y": "extra"}),
    "an extra empty folder": (lambda top: (top / "more").mkdir(), {"more": "extra"}),
    "an ignored name": (lambda top: place(top, ".artignore", b"*\n"), {".artignore": "extra"}),
    "artifacts": (lambda top: place(top, "artifacts/x", b""), {"artifacts/x": "extra"}),
    "a fifo": (lambda top: os.mkfifo(top / "pipe"), {"pipe": "extra"}),
    "a fifo for a file": (
        lambda top: (fell(top, "sub/one"), os.mkfifo(top / "sub" / "one")), {"sub/one": "wrong-kind"},
    ),
    "a link for a folder": (
        lambda top: ((top / "sub").rename(top.parent / "moved"), (top / "sub").symlink_to(top.parent / "moved")),
        {"sub": "extra", "sub/medium": "missing", "sub/one": "missing", "sub/two": "missing"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_differs_is_named(shelf: Shelf, what: str) -> None:
    shelf.log(MIXED)
    path = shelf.use()
    change, expected = CHANGES[what]
    change(path)
    assert found(shelf, str(path)) == expected


def test_a_change_that_leaves_no_trace_in_the_times_is_found(shelf: Shelf) -> None:
    shelf.log({"a": noise(1000), "b": b"b"})
    path = shelf.use()
    before = os.stat(path / "a")
    (path / "a").write_bytes(noise(1000, "other"))
    os.utime(path / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found(shelf, str(path)) == {"a": "changed"}


def test_a_part_of_a_version_may_lack_the_rest(shelf: Shelf) -> None:
    shelf.log(MIXED)
    path = shelf.use(only=["sub"], root=shelf.directory / "part")
    assert found(shelf, str(path)) == {}
    place(path, "sub/one", b"changed")
    assert found(shelf, str(path)) == {"sub/one": "changed"}
    (path / "sub" / "two").unlink()
    assert found(shelf, str(path)) == {"sub/one": "changed", "sub/two": "missing"}
    assert found(shelf, str(path / "sub")) == {"one": "changed", "two": "missing"}


def test_a_file_that_cannot_be_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(MIXED)

    def refuse(seen: Any) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(verify, "file_digest", refuse)
    assert set(found(shelf, "./data", "data").values()) == {"unreadable"}


trees = st.dictionaries(
    st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f"]),
    st.sampled_from([b"", b"one", b"two", noise(400), Link("a"), Program(b"one"), Empty()]),
    min_size=1,
)


def possible(tree: dict[str, Leaf]) -> bool:
    return not any(other.startswith(path + "/") for path in tree for other in tree)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees.filter(possible), trees.filter(possible))
def test_any_tree_against_any_other(shelf: Shelf, one: dict[str, Leaf], other: dict[str, Leaf]) -> None:
    shelf.log(one)
    plant(shelf.folder, other)
    differing = {path for path in {*one, *other} if one.get(path) != other.get(path)}
    # an empty folder that has been filled is told by what is in it now
    filled = {path for path in differing if one.get(path) == Empty() and any(p.startswith(path + "/") for p in other)}
    assert set(found(shelf, "./data", "data")) == differing - filled


# --- which version ---


def test_a_directory_that_is_called_as_an_artifact(shelf: Shelf) -> None:
    shelf.log({"a": b"a"})
    assert check(shelf, "data").note == "'data' is taken as data:v0; the directory is './data'"
    assert check(shelf, "./data", "data").note is None
    assert check(shelf, "data", "data").directory == shelf.directory / "data"


@pytest.mark.parametrize(
    ("target", "against", "slug"),
    [
        (".", None, "not-a-working-copy"), ("./nix", None, "no-such-path"), ("./file", None, "not-a-directory"),
        ("nix", None, "no-such-artifact"), ("data:v9", None, "no-such-version"), ("./data", "nix", "no-such-artifact"),
        ("data:v0", "data:v0", "nothing-to-compare"), ("data:v0/nix", None, "no-such-path"),
        ("", None, "bad-reference"), ("", "data:v0", "bad-reference"),
    ],
)  # fmt: skip
def test_what_cannot_be_verified(shelf: Shelf, target: str, against: str | None, slug: str) -> None:
    shelf.log({"a": b"a"})
    (shelf.directory / "file").write_bytes(b"")
    with pytest.raises(ArtError) as caught:
        found(shelf, target, against)
    assert caught.value.slug == slug


def test_a_name_is_the_artifact_and_a_path_the_directory(shelf: Shelf) -> None:
    shelf.log({"a": b"a"})
    assert check(shelf, "data").directory is None
    assert check(shelf, "./data", "data").directory == shelf.folder
    plant(shelf.directory / "only here", {"a": b"a"})
    assert check(shelf, "only here", "data").directory == shelf.directory / "only here"
