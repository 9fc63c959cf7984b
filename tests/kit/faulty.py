"""Buckets that misbehave as real places do. Each wraps a bucket and keeps its contract as far as its fault allows."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from artcli.buckets.bucket import Bucket, Item, Missing
from artcli.content import Buffer

R = TypeVar("R")


class FaultyBucket:
    """The `k`-th operation fails with `OSError(EIO)`, before or after its effect; if `persistent`, so do all later.

    For k = 1, 2, … until nothing has `fired`: then every operation of the scenario has failed once. Operations
    are counted from 1 in `operations`; k = 0 never fails, and only counts. A listing counts once; failing after
    its effect, it breaks off behind its last object.
    """

    def __init__(
        self,
        inner: Bucket,
        k: int = 0,
        when: Literal["before", "after"] = "before",
        *,
        persistent: bool = False,
    ) -> None:
        self.inner = inner
        self.k = k
        self.when = when
        self.persistent = persistent
        self.operations = 0
        self.fired = False
        self._lock = threading.Lock()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._do(lambda: self.inner.get(key, start, length))

    def view(self, key: str) -> memoryview:
        return self._do(lambda: self.inner.view(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        return self._do(lambda: self.inner.add(key, data))

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        fails = self._count()
        if fails and self.when == "before":
            raise _broken()
        return self._listing(self.inner.list(prefix, after), fails)

    def delete(self, key: str) -> None:
        self._do(lambda: self.inner.delete(key))

    def _listing(self, items: Iterator[Item], fails: bool) -> Iterator[Item]:
        yield from items
        if fails:
            raise _broken()

    def _do(self, operation: Callable[[], R]) -> R:
        fails = self._count()
        if fails and self.when == "before":
            raise _broken()
        result = operation()
        if fails:
            raise _broken()
        return result

    def _count(self) -> bool:
        """Count one operation; whether it fails."""
        with self._lock:
            self.operations += 1
            fails = self.operations == self.k or (self.persistent and 0 < self.k < self.operations)
            self.fired = self.fired or fails
            return fails


def _broken() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


class SlowBucket:
    """Every operation takes `seconds` more, as over a network."""

    def __init__(self, inner: Bucket, seconds: float) -> None:
        self.inner = inner
        self.seconds = seconds

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        time.sleep(self.seconds)
        return self.inner.get(key, start, length)

    def view(self, key: str) -> memoryview:
        time.sleep(self.seconds)
        return self.inner.view(key)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        time.sleep(self.seconds)
        return self.inner.add(key, data)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        time.sleep(self.seconds)
        return self.inner.list(prefix, after)

    def delete(self, key: str) -> None:
        time.sleep(self.seconds)
        self.inner.delete(key)


class StaleBucket:
    """What a client with old caches sees (NFS, some object stores), though the place itself is right.

    A listing does not show what the last `late` adds and deletes have changed; the first `get` or `view` of an
    object added through this bucket raises `Missing`, also to whom `add` has just said that it exists.
    """

    def __init__(self, inner: Bucket, late: int = 3) -> None:
        self.inner = inner
        self.late = late
        self._changes: list[tuple[str, Item | None]] = []  # key, and what a listing showed before the change
        self._unseen: set[str] = set()
        self._lock = threading.Lock()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self._look(key)
        return self.inner.get(key, start, length)

    def view(self, key: str) -> memoryview:
        self._look(key)
        return self.inner.view(key)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        with self._lock:
            added = self.inner.add(key, data)
            if added:
                self._unseen.add(key)
                self._changes.append((key, None))
            return added

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        with self._lock:
            seen = {item.key: item for item in self.inner.list(prefix, after)}
            recent = self._changes[-self.late :] if self.late else []
        for key, before in reversed(recent):
            if before is None:
                seen.pop(key, None)
            elif key.startswith(prefix) and key > after:
                seen[key] = before
        return iter(sorted(seen.values()))

    def delete(self, key: str) -> None:
        with self._lock:
            before = next((item for item in self.inner.list(key) if item.key == key), None)
            self.inner.delete(key)
            if before is not None:
                self._changes.append((key, before))

    def _look(self, key: str) -> None:
        with self._lock:
            if key in self._unseen:
                self._unseen.discard(key)
                raise Missing(key)


class StaleOnce:
    """The `k`-th operation is answered as by a client whose caches are old, though the place itself is right.

    A `get` or `view` finds nothing; an `add` is done and yet told that the name was taken, as after a lost reply; a
    listing lacks what is new (`late` objects), shows the others twice and in no order. Else as `FaultyBucket`.
    """

    def __init__(self, inner: Bucket, k: int = 0, late: int = 3) -> None:
        self.inner = inner
        self.k = k
        self.late = late
        self.operations = 0
        self.fired = False
        self._lock = threading.Lock()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if self._count():
            raise Missing(key)
        return self.inner.get(key, start, length)

    def view(self, key: str) -> memoryview:
        if self._count():
            raise Missing(key)
        return self.inner.view(key)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        stale = self._count()
        return self.inner.add(key, data) and not stale

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        items = self.inner.list(prefix, after)
        if not self._count():
            return items
        old = sorted(items, key=lambda item: item.time)[: -self.late]
        return iter([*old[::-1], *old])

    def delete(self, key: str) -> None:
        self._count()
        self.inner.delete(key)

    def _count(self) -> bool:
        """Count one operation; whether it is the stale one."""
        with self._lock:
            self.operations += 1
            stale = self.operations == self.k
            self.fired = self.fired or stale
            return stale
