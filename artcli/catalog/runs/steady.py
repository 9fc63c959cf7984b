"""What keeps a spool steady: a lock that follows its name, whole lines, what is on the disk itself, errors in words."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli import lock
from artcli.buckets.folders import sync
from artcli.errors import SpaceError


@contextmanager
def flocked(path: Path) -> Iterator[None]:
    """Hold the lock of this file in the block: of the file that has the name when it is taken, not of one that is gone.

    Raises FileNotFoundError if its folder is gone.
    """
    while True:
        descriptor, process = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), os.getpid()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            there, mine = os.stat(path), os.fstat(descriptor)
            if (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
                yield
                return
        finally:
            lock.let_go(descriptor, process)


def append(path: Path, lines: bytes, durable: bool) -> int:
    """Append lines to a file, whole or not at all; returns its size. What is new of its name is on the disk then."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        end = os.fstat(descriptor).st_size
        if end and lines and os.pread(descriptor, 1, end - 1) != b"\n":
            lines = b"\n" + lines  # a torn line must not take the next one with it
        try:
            _write(descriptor, lines)
            if durable:
                sync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # a full disk: nothing half-said
            raise
    finally:
        os.close(descriptor)
    if not end:  # whoever makes a file durable later need not ask for its name
        for folder in (path.parent, path.parent.parent):
            sync_folder(folder)
    return end + len(lines)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_file(path: Path, below: Path) -> None:
    """Return when the file is on the disk, and its name in the folders up to `below`; nothing is done if it is gone."""
    try:
        with open(path, "rb") as file:
            sync(file.fileno())
        while path != below:
            path = path.parent
            sync_folder(path)
    except FileNotFoundError:
        pass  # sealed meanwhile


def sync_folder(folder: Path) -> None:
    """Return when the names in the folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # file systems that need no such thing
            raise
    finally:
        os.close(descriptor)


@contextmanager
def told() -> Iterator[None]:
    """Errors of the system in words where they are known."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpaceError("disk-full", "no room left on the disk to record a run", hint="art gc -n") from error
        raise
