"""Locks between processes of one machine: nothing that is shared between places needs one.

Of a repository writers share `gc.lock` and gc has it alone, so that gc does not take what a writer beside it has put
into a pack and not yet named in the log. Small files that are read, changed and replaced have one each. A lock is
`flock`, so it ends with its process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from artcli.errors import LockedError

POLL = 0.05
"""Seconds between two tries."""
CHANGE_WAIT = 60.0
"""Seconds to wait for others that change the same small file, each of which needs but a moment."""


@contextmanager
def held(path: Path, *, alone: bool, wait: float) -> Iterator[None]:
    """Hold the lock in the block; raises `LockedError` (`locked`) after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, process = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), os.getpid()
    try:
        _take(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, path, time.monotonic() + wait)
        yield
    finally:
        let_go(descriptor, process)


def changing(file: Path) -> AbstractContextManager[None]:
    """Hold the lock of a small file in the block, which reads, changes and replaces it: what another changes at the
    same moment is not lost. Raises `LockedError` (`locked`).
    """
    return held(file.with_suffix(".lock"), alone=True, wait=CHANGE_WAIT)


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
        _take(descriptor, fcntl.LOCK_SH, path, time.monotonic() + wait)
        yield
    finally:
        let_go(descriptor, process)


def _take(descriptor: int, kind: int, path: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                alone = kind == fcntl.LOCK_EX
                who = f"another command is at work, and holds {path}" if alone else "gc is at work in this repository"
                raise LockedError("locked", who, hint="wait for it to end, then try again") from None
        time.sleep(POLL)
