"""Working copies that share bytes: what is wrong elsewhere stays there, and every copy is right or known not to be."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artcli.files import reader, share
from artcli.flows import copies, elsewhere, get, use
from artcli.flows.sharing import Shared
from artcli.flows.status import status
from artcli.flows.use import Used
from tests.flows.shelf import LARGE, MIXED, Shelf
from tests.flows.workshop import PROJECT, Snapshot
from tests.kit.mounts import mounted
from tests.kit.sharing import copying
from tests.kit.trees import Leaf, Program, harvest
from tests.store.material import noise

BIG: dict[str, Leaf] = {**MIXED, "tool": Program(noise(4000, "tool"))}
BIG_FILES = {"large", "sub/medium", "sub/one", "sub/two", "tool"}
"""Those that do not live in their manifest entry."""


def bring(shelf: Shelf, to: str, ref: str = "data", **request: Any) -> Used:
    return use.use(
        shelf.repository, use.Request(ref, PROJECT, shelf.directory, root=shelf.directory / to, workers=2, **request)
    )


def settle() -> None:
    """Let what was written become old enough to be believed."""
    time.sleep(0.15)


def changed(shelf: Shelf, to: str) -> set[str]:
    """The paths of which `art status` says that they changed."""
    (found,) = status(shelf.repository, [to], shelf.directory, files=True)
    return {os.fsdecode(change.path) for change in found[1]}


def inode(shelf: Shelf, path: str) -> int:
    return (shelf.directory / path).stat().st_ino


def edit(path: Path, data: bytes) -> None:
    """Write into the file itself, as somebody does who insists."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(mode)


# --- clones ---


@pytest.fixture
def clones(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return copying(monkeypatch)


def test_a_second_copy_is_cloned(shelf: Shelf, clones: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    assert bring(shelf, "one").shared == Shared()
    settle()
    bring(shelf, "one")  # looks at it again: now it is believed
    monkeypatch.setattr(share, "blocks", lambda *_: pytest.fail("a believed file was read"))
    assert bring(shelf, "two").shared == Shared(cloned=len(BIG_FILES))
    assert sorted(clones)[-1] == len(LARGE)
    assert harvest(shelf.directory / "two") == BIG
    assert changed(shelf, "one") == changed(shelf, "two") == set()
    assert (shelf.directory / "two/tool").stat().st_mode & 0o777 == 0o777 & ~umask()
    assert bring(shelf, "two").plan.is_done


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_lies_under_another_name_or_in_another_version(shelf: Shelf, clones: list[int]) -> None:
    shelf.log(BIG)
    bring(shelf, "one")
    shelf.log({**BIG, "sub/one": noise(5000, "new"), "renamed": noise(300_000, "medium")})
    copies.forget(shelf.repository.path, shelf.folder)
    assert bring(shelf, "two").shared.cloned == len(BIG_FILES) - 1
    assert harvest(shelf.directory / "two")["sub/one"] == noise(5000, "new")


def test_a_copy_without_a_cache_is_read(shelf: Shelf, clones: list[int]) -> None:
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    bring(shelf, "one")
    for file in (shelf.repository.path / "cache").glob("stat.db*"):
        file.unlink()
    edit(shelf.directory / "one/sub/one", noise(5000, "wrong"))
    assert bring(shelf, "two").shared.cloned == len(BIG_FILES) - 1
    assert harvest(shelf.directory / "two") == BIG


def with_its_times(path: Path) -> None:
    there = path.stat()
    edit(path, noise(there.st_size, "wrong"))
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))


ACCIDENTS: list[Callable[[Path], object]] = [
    with_its_times,
    lambda path: edit(path, noise(path.stat().st_size, "wrong")),
    lambda path: edit(path, b"short"),
    Path.unlink,
    lambda path: shutil.rmtree(path.parent),
]  # fmt: skip


@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("link", [False, True])
def test_what_was_changed_elsewhere_comes_from_the_store(
    shelf: Shelf, clones: list[int], accident: Callable[[Path], object], link: bool
) -> None:
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    bring(shelf, "one", link=link)
    settle()
    bring(shelf, "one")
    accident(shelf.directory / "one/sub/medium")
    used = bring(shelf, "two", link=link)
    assert 0 < used.shared.cloned + used.shared.linked < len(BIG_FILES)
    assert harvest(shelf.directory / "two") == BIG
    assert changed(shelf, "two") == set()


def test_what_changes_meanwhile_comes_from_the_store(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    bring(shelf, "one")
    settle()
    bring(shelf, "one")
    copying(monkeypatch, then=lambda: edit(shelf.directory / "one/large", LARGE[::-1]))
    used = use.use(
        shelf.repository,
        use.Request("data", PROJECT, shelf.directory, root=shelf.directory / "two", only=["large"], workers=2),
    )
    assert used.shared == Shared()
    assert harvest(shelf.directory / "two") == {"large": LARGE}


def test_a_place_that_cannot_give_is_asked_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(*_: object) -> None:
        asked.append(1)
        raise OSError(errno.EXDEV, "on another file system")

    shelf.log({f"{i}": noise(1000, str(i)) for i in range(300)})
    monkeypatch.setattr(share.fcntl, "ioctl", refuse)
    monkeypatch.setattr(elsewhere, "can_clone", lambda _: True)
    bring(shelf, "one")
    asked.clear()
    assert bring(shelf, "two").shared == Shared()
    assert 1 <= len(asked) <= 2 * 2  # each of two threads, for the copy and the logged folder
    assert harvest(shelf.directory / "two") == harvest(shelf.folder)


def test_nothing_is_asked_where_there_are_no_clones(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.log(BIG)
    bring(shelf, "one")
    monkeypatch.setattr(elsewhere, "can_clone", lambda _: False)
    monkeypatch.setattr(elsewhere.copies, "all_copies", lambda _: pytest.fail("the copies were looked at"))
    assert bring(shelf, "two").shared == Shared()


def test_a_wrong_pack_does_not_matter_to_a_clone(shelf: Shelf, clones: list[int]) -> None:
    shelf.log(BIG)
    bring(shelf, "one")
    for path in shelf.data_packs():
        path.chmod(0o644)
        path.write_bytes(b"rot")
    assert bring(shelf, "two").shared.cloned == len(BIG_FILES)
    assert harvest(shelf.directory / "two") == BIG


def test_a_copy_of_a_part(shelf: Shelf, clones: list[int]) -> None:
    shelf.log(BIG)
    bring(shelf, "one")

    def got(ref: str, to: str) -> get.Got:
        return get.get(shelf.repository, get.Request(ref, PROJECT, shelf.directory, to, workers=2))

    assert got("data", "all").shared.cloned == len(BIG_FILES)
    assert got("data/sub", "part").shared.cloned == 3
    assert harvest(shelf.directory / "part")["two"] == BIG["sub/two"]
    assert got("data/sub/one", "one-file/").shared.cloned == 1
    assert bring(shelf, "two", "data/sub").shared.cloned == 3
    assert bring(shelf, "three", only=["tool"]).shared.cloned == 1


def test_a_switch_in_place_clones_too(shelf: Shelf, clones: list[int]) -> None:
    shelf.log(BIG)
    bring(shelf, "one")
    shelf.log({**BIG, "sub/one": noise(5000, "new")})
    bring(shelf, "two")
    settle()
    bring(shelf, "two")
    used = bring(shelf, "one")
    assert (used.plan.write, used.shared.cloned) == (1, 1)
    assert harvest(shelf.directory / "one") == harvest(shelf.directory / "two")
    assert (shelf.directory / "two/sub/one").read_bytes() == noise(5000, "new")


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_on_a_file_system_that_clones(tmp_path: Path, kind: str) -> None:
    with mounted(kind, tmp_path) as top:
        shelf = Shelf(top)
        try:
            shelf.log(BIG)
            bring(shelf, "one")
            os.sync()
            free = shutil.disk_usage(top).free
            assert bring(shelf, "two").shared.cloned == len(BIG_FILES)
            os.sync()
            assert free - shutil.disk_usage(top).free < len(LARGE) / 2
            assert harvest(top / "two") == BIG
            edit(top / "two/large", b"mine")
            assert harvest(top / "one") == BIG
            assert changed(shelf, "one") == set()
            assert bring(shelf, "two").shared.cloned == 1
            assert bring(shelf, "three", link=True).shared.cloned == len(BIG_FILES)
            assert not (top / "three/large").stat().st_mode & 0o222
        finally:
            shelf.repository.close()


# --- hard links ---


@pytest.fixture
def linked(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Two copies of which the second is hard links of the first."""
    monkeypatch.setattr(elsewhere, "can_clone", lambda _: False)
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    assert bring(shelf, "one", link=True).shared == Shared()
    settle()
    bring(shelf, "one")
    assert bring(shelf, "two", link=True).shared == Shared(linked=len(BIG_FILES))
    return shelf


def test_links_are_read_only_and_the_same_file(linked: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in BIG_FILES:
        assert inode(linked, f"one/{path}") == inode(linked, f"two/{path}")
    for copy in ("one", "two"):
        for path in (linked.directory / copy).rglob("*"):
            assert path.is_dir() or path.is_symlink() or not path.stat().st_mode & 0o222
        assert harvest(linked.directory / copy) == BIG
        assert changed(linked, copy) == set()
    settle()
    bring(linked, "two")
    monkeypatch.setattr(share, "blocks", lambda *_: pytest.fail("a believed file was read"))
    assert bring(linked, "three", link=True).shared.linked == len(BIG_FILES)


@pytest.mark.parametrize("meddle", [False, True])
def test_what_was_linked_is_believed_unless_it_is_written_at_once(
    linked: Shelf, monkeypatch: pytest.MonkeyPatch, meddle: bool
) -> None:
    remember = use.Bringing._remember_written
    target = linked.directory / "three/sub/medium"

    def slowly(*args: Any) -> None:
        if meddle:
            edit(target, noise(300_000, "edited"))
        settle()
        remember(*args)

    monkeypatch.setattr(use.Bringing, "_remember_written", slowly)
    bring(linked, "three", link=True)
    monkeypatch.setattr(use.Bringing, "_remember_written", remember)
    if meddle:
        assert bring(linked, "three").rescued.paths == [b"sub/medium"]
        assert harvest(linked.directory / "three") == BIG
    else:
        monkeypatch.setattr(reader, "read_small", lambda *_: pytest.fail("a file was read again"))
        monkeypatch.setattr(reader, "blocks", lambda *_: pytest.fail("a file was read again"))
        assert bring(linked, "three").plan.is_done


def test_an_edited_link_is_seen_in_every_copy_and_mended_in_each(linked: Shelf) -> None:
    packs = Snapshot(linked.repository.path / "packs").files
    edit(linked.directory / "two/sub/medium", noise(300_000, "edited"))
    assert changed(linked, "one") == changed(linked, "two") == {"sub/medium"}
    third = bring(linked, "three", link=True)
    assert third.shared.linked == len(BIG_FILES) - 1
    assert harvest(linked.directory / "three") == BIG
    for copy in ("one", "two"):
        mended = bring(linked, copy)
        assert (mended.plan.write, [*mended.rescued.paths]) == (1, [b"sub/medium"])
        assert (mended.rescued.folder / "sub/medium").read_bytes() == noise(300_000, "edited")
        assert harvest(linked.directory / copy) == BIG
    assert Snapshot(linked.repository.path / "packs").files == packs


def test_a_switch_leaves_the_other_copy_alone(linked: Shelf) -> None:
    linked.log({**BIG, "sub/one": noise(5000, "new")})
    copies.forget(linked.repository.path, linked.folder)
    assert bring(linked, "two", link=True).plan.write == 1
    assert harvest(linked.directory / "one") == BIG
    assert changed(linked, "one") == set()
    assert inode(linked, "one/large") == inode(linked, "two/large")
    shutil.rmtree(linked.directory / "two")
    assert harvest(linked.directory / "one") == BIG


def test_what_may_be_written_is_copied(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "can_clone", lambda _: False)
    shelf.log(BIG)
    copies.forget(shelf.repository.path, shelf.folder)
    bring(shelf, "one")
    used = bring(shelf, "two", link=True)
    assert used.shared == Shared(writable=len(BIG_FILES))
    assert (shelf.directory / "one/large").stat().st_mode & 0o200
    assert not (shelf.directory / "two/large").stat().st_mode & 0o222
    assert inode(shelf, "one/large") != inode(shelf, "two/large")
    (shelf.directory / "one/tool").chmod(0o555)
    assert bring(shelf, "three", link=True).shared.linked == len(BIG_FILES)  # from "two", made last


def test_links_that_cannot_be_made(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "on another file system")

    monkeypatch.setattr(elsewhere, "can_clone", lambda _: False)
    shelf.log(BIG)
    bring(shelf, "one", link=True)
    monkeypatch.setattr(share.os, "link", refuse)
    assert bring(shelf, "two", link=True).shared.linked == 0
    assert harvest(shelf.directory / "two") == BIG


def test_a_link_in_the_place_of_a_file(linked: Shelf) -> None:
    settle()
    bring(linked, "two")
    (linked.directory / "one/large").unlink()
    (linked.directory / "one/large").write_bytes(b"mine")
    mended = bring(linked, "one", link=True)
    assert (mended.shared.linked, mended.rescued.paths) == (1, [b"large"])
    assert inode(linked, "one/large") == inode(linked, "two/large")
    assert not list((linked.directory / "one").rglob(".art-*"))
