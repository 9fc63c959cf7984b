"""Bytes taken without a copy: only right ones, and only where nobody can write both files through one."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artcli.content import digest_of
from artcli.files import share
from artcli.files.leftovers import sweep
from artcli.files.seen import to_stat
from artcli.files.share import Impossible, Original, Refused, Writable, can_clone, clone, link
from tests.kit.mounts import mounted
from tests.kit.sharing import copying

DATA = b"the very bytes" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def original(path: Path, *, believed: bool = False) -> Original:
    there = path.lstat()
    known = (there.st_dev, *to_stat(there)[:4]) if believed else None
    return Original(os.fsencode(path), len(DATA), digest_of(DATA), known)


def cloned(what: Original, path: Path) -> bytes:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        clone(what, fd)
    finally:
        os.close(fd)
    return path.read_bytes()


# --- clones ---


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_a_clone_is_a_file_of_its_own(tmp_path: Path, kind: str) -> None:
    with mounted(kind, tmp_path) as top:
        assert can_clone(top)
        source = top / "source"
        source.write_bytes(DATA)
        assert cloned(original(source), top / "clone") == DATA
        (top / "clone").write_bytes(b"mine")
        assert source.read_bytes() == DATA
        with pytest.raises(Impossible):
            cloned(original(source), tmp_path / "on another file system")


def test_a_file_system_without_clones(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no clones here")

    monkeypatch.setattr(share.fcntl, "ioctl", refuse)
    assert not can_clone(tmp_path)
    with pytest.raises(Impossible):
        cloned(original(source), tmp_path / "clone")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_refusal(
    tmp_path: Path, source: Path, folder: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(share.fcntl, "ioctl", fail)
    monkeypatch.setattr(share.os, "link", fail)
    source.chmod(0o444)
    with pytest.raises(OSError, match="full"):
        cloned(original(source), tmp_path / "clone")
    with pytest.raises(OSError, match="full"):
        link(original(source), False, folder, b"link")


def test_only_a_believed_file_is_not_read(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copying(monkeypatch)
    assert cloned(original(source), tmp_path / "read") == DATA
    believed = original(source, believed=True)
    monkeypatch.setattr(share, "blocks", lambda *_: pytest.fail("a believed file was read"))
    assert cloned(believed, tmp_path / "believed") == DATA


def swap(path: Path) -> None:
    path.unlink()
    path.write_bytes(DATA[::-1])


def keep_times(path: Path) -> None:
    there = path.stat()
    path.write_bytes(DATA[::-1])
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


ACCIDENTS: list[Callable[[Path], object]] = [
    Path.unlink, swap, keep_times, become_a_link, become_a_fifo, lambda path: path.write_bytes(DATA + b"x"),
]  # fmt: skip


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_is_not_the_file_is_refused(
    tmp_path: Path, source: Path, folder: int, monkeypatch: pytest.MonkeyPatch, accident: Callable[[Path], object]
) -> None:
    copying(monkeypatch)
    source.chmod(0o444)
    for what in (original(source), original(source, believed=True)):
        time.sleep(0.02)
        source.chmod(0o644)
        accident(source)
        if source.is_file():
            source.chmod(0o444)
        with pytest.raises(Refused):
            cloned(what, tmp_path / "clone")
        with pytest.raises(Refused):
            link(what, False, folder, b"link")
        assert not os.path.lexists(tmp_path / "link")
        source.unlink(missing_ok=True)
        source.write_bytes(DATA)


@pytest.mark.parametrize("believed", [False, True])
def test_a_file_that_changes_while_it_is_cloned(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, believed: bool
) -> None:
    time.sleep(0.02)
    copying(monkeypatch, then=lambda: source.write_bytes(DATA[::-1]))
    with pytest.raises(Refused):
        cloned(original(source, believed=believed), tmp_path / "clone")


# --- hard links ---


def test_a_link_is_the_same_file(tmp_path: Path, source: Path, folder: int) -> None:
    source.chmod(0o444)
    before = source.stat()
    assert link(original(source), False, folder, b"link") == before.st_ino
    after = source.stat()  # reading it may have moved the time of its last access
    assert (after.st_mode, after.st_size, after.st_mtime_ns) == (before.st_mode, before.st_size, before.st_mtime_ns)
    with pytest.raises(Refused):
        link(original(source), True, folder, b"program")
    (tmp_path / "other").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        link(original(source), False, folder, b"other")
    assert link(original(source), False, folder, b"link") == before.st_ino  # it is that file already


def test_a_link_under_a_temporary_name_is_not_swept_while_it_is_young(tmp_path: Path, source: Path) -> None:
    os.utime(source, (0, 0))
    source.with_name("temporary").hardlink_to(source)
    assert not sweep(os.fsencode(tmp_path / "temporary"))
    source.unlink()
    assert sweep(os.fsencode(tmp_path / "temporary"))  # its time is that of a file of its own


@pytest.mark.parametrize("mode", [0o644, 0o464, 0o446])
def test_who_may_write_is_not_linked(tmp_path: Path, source: Path, folder: int, mode: int) -> None:
    source.chmod(mode)
    with pytest.raises(Writable):
        link(original(source), False, folder, b"link")
    assert source.stat().st_mode & 0o777 == mode
    assert not (tmp_path / "link").exists()


@pytest.mark.parametrize("believed", [False, True])
def test_a_file_that_changes_while_it_is_linked(
    tmp_path: Path, source: Path, folder: int, monkeypatch: pytest.MonkeyPatch, believed: bool
) -> None:
    source.chmod(0o444)
    time.sleep(0.02)
    real = os.link

    def slowly(*args: object, **options: object) -> None:
        real(*args, **options)  # type: ignore[arg-type]
        source.chmod(0o644)
        source.write_bytes(DATA[::-1])
        source.chmod(0o444)

    monkeypatch.setattr(share.os, "link", slowly)
    with pytest.raises(Refused):
        link(original(source, believed=believed), False, folder, b"link")
    assert not (tmp_path / "link").exists()


@pytest.mark.parametrize(
    ("number", "refusal"), [(errno.EXDEV, Impossible), (errno.EMLINK, Refused), (errno.EPERM, Refused)]
)
def test_a_file_system_without_links(
    source: Path, folder: int, monkeypatch: pytest.MonkeyPatch, number: int, refusal: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "no links here")

    monkeypatch.setattr(share.os, "link", refuse)
    source.chmod(0o444)
    with pytest.raises(refusal):
        link(original(source), False, folder, b"link")
