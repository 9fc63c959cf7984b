"""The one lock of a repository, on its own machine: writers share it, gc has it alone.

Nothing that is shared between places needs a lock; this one only keeps gc from taking what a writer beside it has put
into a pack and not yet named in the log. It is `flock`, so it ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli.errors import LockedError

POLL = 0.05
"""Seconds between two tries."""


@contextmanager
def held(path: Path, *, alone: bool, wait: float) -> Iterator[None]:
    """Hold the lock in the block; raises `LockedError` (`locked`) after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, time.monotonic() + wait, alone)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int, deadline: float, alone: bool) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                who = "another command writes to this repository" if alone else "gc is at work in this repository"
                raise LockedError("locked", who, hint="wait for it to end, then try again") from None
        time.sleep(POLL)
