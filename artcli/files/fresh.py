"""A new file that gets its name when it is whole: under a temporary name until then, never over another one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli.errors import ArtError, ConflictError, NotFoundError, SpaceError
from artcli.files.ignore import TEMPORARY, temporary_name
from artcli.files.leftovers import claim, sweep


def check_free(path: Path) -> None:
    """Raise `ConflictError` (`destination-not-empty`) if something has this name."""
    if os.path.lexists(path):
        raise ConflictError("destination-not-empty", f"there is something already: {path}", hint="give another name")


@contextmanager
def fresh_file(path: Path) -> Iterator[int]:
    """A file open to be written and read; if the block fails there is none. What killed writers have left there goes.

    Raises as `check_free`, `SpaceError` (`disk-full`), `ArtError` (`cannot-write`), `NotFoundError` (`no-such-path`).
    """
    check_free(path)
    temporary = path.parent / os.fsdecode(temporary_name())
    try:
        for name in os.listdir(os.fsencode(path.parent)):
            if TEMPORARY.fullmatch(name):
                sweep(os.path.join(os.fsencode(path.parent), name))
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        claim(fd)
        try:
            yield fd
            os.fsync(fd)
            _name(temporary, path)
        finally:
            os.close(fd)
            temporary.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise _explained(error, path) from error


def _name(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        check_free(path)
        raise
    except OSError:  # a file system without hard links, such as that of most sticks
        check_free(path)
        os.rename(temporary, path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise  # a file system that cannot do that says one of these
    finally:
        os.close(fd)


def _explained(error: OSError, path: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SpaceError("disk-full", f"no room left on the disk to write {path}", hint="art gc -n")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG):
        reason = os.strerror(error.errno).lower()
        return ArtError("cannot-write", f"{reason}: {path}", hint="art help cannot-write")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError("no-such-path", f"there is no such directory: {path.parent}")
    return error
