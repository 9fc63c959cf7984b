"""A file gets the bytes of another one on this machine without copying them: as its clone, or as a hard link to it.

A clone is a file of its own that shares its blocks with the other until one of them is written; btrfs, xfs, bcachefs
and some servers can make one. A hard link is the same file under a second name: who writes to one has written to
both, so only a file that nobody may write is linked.

The other file is believed if its stat is one that the stat cache believes, and read otherwise; either way its stat
must be the same when its bytes have been taken. Nothing is left of a file that proves wrong.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat as modes
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from artcli.content import Digest
from artcli.files.reader import Changed, blocks
from artcli.files.seen import Stat, to_stat

FICLONE = 0x40049409
"""The request of ioctl_ficlone(2); the same on x86-64 and aarch64."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEVER = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTTY, errno.ENOSYS, errno.EXDEV)
"""What says of two places that files of the one cannot share bytes with files of the other."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Refused(Exception):
    """The bytes cannot be had from this file."""


class Writable(Refused):
    """A file that somebody may write is not linked."""


class Impossible(Refused):
    """Nor from any other file of the place where it lies."""


class Original(NamedTuple):
    """A file elsewhere that should have certain bytes."""

    source: bytes
    """On the disk, absolute."""
    size: int
    digest: Digest
    """BLAKE3 of the bytes."""
    known: tuple[int, ...] | None
    """Its device and the first four fields of its stat when it had these bytes, if that is known."""


def can_clone(directory: Path) -> bool:
    """Whether the file system of `directory` may be able to make clones."""
    if not hasattr(os, "O_TMPFILE"):
        return False
    opened = []
    try:
        for _ in range(2):
            opened.append(os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
        fcntl.ioctl(opened[0], FICLONE, opened[1])
    except OSError:
        return False
    finally:
        for fd in opened:
            os.close(fd)
    return True


def clone(original: Original, fd: int) -> None:
    """Make the new file `fd` a clone; raises `Refused`, and `OSError` if the disk is full."""
    source, stat = _open(original)
    try:
        fcntl.ioctl(fd, FICLONE, source)
        if to_stat(os.fstat(source)) != stat:
            raise Refused
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise _refusal(error) from error
    finally:
        os.close(source)


def link(original: Original, executable: bool, folder: int, name: bytes) -> int:
    """Make `name` in the open `folder` a hard link; the inode that it is then.

    Raises `FileExistsError` and `Refused`: `Writable` if somebody has the permission to write the file.
    """
    source, stat = _open(original, executable)
    try:
        os.link(original.source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        if _is_at(source, folder, name):
            return stat.inode  # to rename one name of a file to another would leave both
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise _refusal(error) from error
    finally:
        os.close(source)
    there = to_stat(os.lstat(name, dir_fd=folder))
    if there._replace(ctime=stat.ctime) != stat:  # the link itself is a change of the inode; its bytes have their mtime
        os.unlink(name, dir_fd=folder)
        raise Refused
    return there.inode


def _is_at(source: int, folder: int, name: bytes) -> bool:
    """Whether the open file is the one of that name."""
    return os.path.samestat(os.fstat(source), os.lstat(name, dir_fd=folder))


def _open(original: Original, executable: bool | None = None) -> tuple[int, Stat]:
    """The open file and the stat with which it had the right bytes; with `executable`, it is one to be linked."""
    try:
        fd = os.open(original.source, _FLAGS)
    except OSError as error:
        raise Refused from error
    try:
        found = os.fstat(fd)
        if not modes.S_ISREG(found.st_mode) or found.st_size != original.size:
            raise Refused
        if executable is not None:
            _check_mode(found.st_mode, executable)
        stat = to_stat(found)
        if original.known != (found.st_dev, *stat[:4]):
            _read(original, stat)
    except BaseException:
        os.close(fd)
        raise
    return fd, stat


def _check_mode(mode: int, executable: bool) -> None:
    if bool(mode & 0o100) != executable:
        raise Refused
    if mode & 0o222:
        raise Writable


def _read(original: Original, stat: Stat) -> None:
    """Raise unless the file, seen with `stat`, has the right bytes."""
    hasher = blake3()
    try:
        for block in blocks(original.source, stat):
            hasher.update(block)
    except (Changed, OSError) as error:
        raise Refused from error
    if hasher.digest() != original.digest:
        raise Refused


def _refusal(error: OSError) -> Refused:
    return Impossible() if error.errno in _NEVER else Refused()
