"""How much a place may hold: asked before a body is read, so that nobody fills a disk to be told that it is full."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.web.answers import Refused

FRESH = 300.0
"""Seconds for which a count of the bytes that are there is believed, if it does not refuse anything."""
COUNTED = ("packs/", "index/", "log/", "segments/", "local/drafts/")
RESERVE = 16 * 1024 * 1024
"""Bytes of a disk that are left free: an almost full one is slow, and `art gc` needs some."""


class Quota:
    """Of one place."""

    def __init__(self, bucket: Bucket, most: int | None) -> None:
        """`most`: bytes of all objects together; None: as many as the disk holds."""
        self._bucket = bucket
        self._most = most
        self._lock = threading.Lock()
        self._coming = 0
        self._used = 0
        self._counted = -FRESH

    @contextmanager
    def room(self, size: int = 0) -> Iterator[Room]:
        """Reserve so many bytes, and more on the way, in the block that adds them; raises `Refused` (507)."""
        room = Room(self)
        try:
            room.take(size)
            yield room
        except BaseException:
            self._done(room.size, added=False)
            raise
        self._done(room.size, added=True)

    def take(self, size: int) -> None:
        """For `Room`."""
        with self._lock:
            if lacking := self._lacking(size):
                raise Refused(507, "quota-used-up", lacking, hint="art gc   (at the server)")
            self._coming += size

    def _done(self, size: int, *, added: bool) -> None:
        with self._lock:
            self._coming -= size
            self._used += size if added else 0

    def _lacking(self, size: int) -> str | None:
        """Why there is no room for so many bytes more; None: there is."""
        if isinstance(self._bucket, DiskBucket):
            status = os.statvfs(self._bucket.root)
            if status.f_bavail * status.f_frsize < size + self._coming + RESERVE:
                return "the server's disk is full"
        if self._most is None:
            return None
        wanted = size + self._coming
        if time.monotonic() - self._counted < FRESH and self._used + wanted <= self._most:
            return None
        self._used = sum(item.size for folder in COUNTED for item in self._bucket.list(folder))
        self._counted = time.monotonic()
        if self._used + wanted <= self._most:
            return None
        return f"it may hold {self._most:,} bytes, and holds {self._used:,}; {wanted:,} more are too many"


class Room:
    """What one request has reserved."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self.size = 0

    def take(self, size: int) -> None:
        """Reserve more; raises `Refused` (507)."""
        self._quota.take(size)
        self.size += size
