"""The one lock of a repository, on its own machine: writers share it, gc has it alone.

Nothing that is shared between places needs a lock; this one only keeps gc from taking what a writer beside it has put
into a pack and not yet named in the log. It is `flock`, so it ends with its process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from artcli.errors import LockedError

POLL = 0.05
"""Seconds between two tries."""


@contextmanager
def held(path: Path, *, alone: bool, wait: float) -> Iterator[None]:
    """Hold the lock in the block; raises `LockedError` (`locked`) after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, process = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), os.getpid()
    try:
        _take(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, time.monotonic() + wait, alone)
        yield
    finally:
        let_go(descriptor, process)


def let_go(descriptor: int, process: int) -> None:
    """End a lock that this process (pid) has taken, and close its file.

    A child forked meanwhile has the same lock: closing alone would leave it with the child, which must not end it.
    """
    if os.getpid() == process:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def held_to_read(path: Path, *, wait: float) -> Iterator[None]:
    """Share the lock in the block, also where nothing may be written; there is none where nothing can be.

    Raises `LockedError` (`locked`) after `wait` seconds.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(path, alone=False, wait=wait))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            stack.enter_context(_held_read_only(path, wait))
        yield


@contextmanager
def _held_read_only(path: Path, wait: float) -> Iterator[None]:
    try:
        descriptor, process = os.open(path, os.O_RDONLY | os.O_CLOEXEC), os.getpid()
    except OSError:
        yield  # a medium that cannot be written, on which there was never a lock
        return
    try:
        _take(descriptor, fcntl.LOCK_SH, time.monotonic() + wait, alone=False)
        yield
    finally:
        let_go(descriptor, process)


def _take(descriptor: int, kind: int, deadline: float, alone: bool) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                who = "another command writes to this repository" if alone else "gc is at work in this repository"
                raise LockedError("locked", who, hint="wait for it to end, then try again") from None
        time.sleep(POLL)
