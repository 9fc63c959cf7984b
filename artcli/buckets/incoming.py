"""Objects that come in pieces and are looked at before they are there: what a server needs besides `add`.

A body goes to a temporary file while it comes, so that memory is bounded however many senders there are and however
slow; only what was found to be right gets its name. A bucket that is no directory is given the whole at once, a few
at a time.
"""

from __future__ import annotations

import os
import tempfile
import threading
from mmap import ACCESS_READ, mmap
from typing import Protocol

from artcli.buckets.bucket import Bucket, check_key
from artcli.buckets.disk import DiskBucket
from artcli.content import Buffer

AT_ONCE = 2
"""Objects that are handed to buckets elsewhere at one time: each may take its size in memory."""
_handing = threading.BoundedSemaphore(AT_ONCE)


class Incoming(Protocol):
    """An object before it has a name; `close` it, whatever became of it."""

    @property
    def size(self) -> int:
        """Bytes that have come."""

    def write(self, data: Buffer) -> None:
        """Append; raises as `Bucket.add`."""

    def view(self) -> memoryview:
        """All that has come, memory-mapped; good until `close`."""

    def read(self, start: int, length: int) -> bytes:
        """A part of what has come; fewer bytes, even none, past its end."""

    def place(self, key: str) -> bool:
        """Keep it under `key`, durably when this returns, as `Bucket.add` does; False if the name is taken."""

    def close(self) -> None:
        """Forget what was not placed."""


def receive(bucket: Bucket) -> Incoming:
    """Begin an object."""
    return bucket.receive() if isinstance(bucket, DiskBucket) else _Spooled(bucket)


class _Spooled:
    """In a temporary file of this machine, until it is handed to a bucket that may be anywhere."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 `close` closes it
        self.size = 0

    def write(self, data: Buffer) -> None:
        self._file.write(data)
        self.size += len(data)

    def view(self) -> memoryview:
        self._file.flush()
        return memoryview(mmap(self._file.fileno(), self.size, access=ACCESS_READ) if self.size else b"")

    def read(self, start: int, length: int) -> bytes:
        self._file.flush()
        return os.pread(self._file.fileno(), length, start)

    def place(self, key: str) -> bool:
        with _handing:
            return self._bucket.add(check_key(key), self.view())

    def close(self) -> None:
        self._file.close()
