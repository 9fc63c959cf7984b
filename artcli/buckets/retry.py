"""A bucket that tries again: what a network breaks now and then works the next time.

Only what may pass is tried again (`Passing`): no answer, a cut one, or one that says "later". Waits grow from 0.2 to 30
seconds, with chance in them so that many clients do not come back at once, and are as long as the server asks. It gives
up after `patience` seconds in which nothing at all succeeded, so that a long transfer over a bad line ends some day;
and early where nobody ever answered, for that is an address that is wrong or a machine that is off.

The surprise: an `add` whose answer was lost may have happened. What is there now is read back and decides: `settled`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from artcli.buckets.bucket import Batched, Bucket, Item, Missing, Piece, one_by_one
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import NetworkError

R = TypeVar("R")

SHORTEST, LONGEST = 0.2, 30.0
"""Seconds of the first wait and of the longest."""
PATIENCE = 60.0
FIRST_PATIENCE = 5.0
"""Seconds to try where no connection was ever made."""


class Passing(NetworkError):
    """A failure that may pass."""

    def __init__(
        self,
        slug: str,
        message: str,
        *,
        wait: float = 0.0,
        most: int | None = None,
        connected: bool = True,
        refused: bool = False,
    ) -> None:
        """`wait`: seconds that the server asks for; `most`: tries after which it is none that passes; `connected`:
        whether anybody was reached at all; `refused`: that it was not done is certain.
        """
        super().__init__(slug, message, hint=f"art help {slug}")
        self.wait = wait
        self.most = most
        self.connected = connected
        self.refused = refused or not connected


def unreachable(place: str, why: str, *, connected: bool = True, most: int | None = None) -> Passing:
    """The failure of a place from which no answer came, or a cut one."""
    return Passing(
        "remote-unreachable", f"the remote at {place} cannot be reached: {why}", connected=connected, most=most
    )


@runtime_checkable
class Stating(Protocol):
    """What a bucket may offer besides, if it knows what bytes it holds without sending them."""

    def stated(self, key: str) -> Digest | None:
        """The digest of the object's bytes; None if it cannot say. Raises `Missing`."""


def settled(bucket: Bucket, key: str, data: bytes) -> bool | None:
    """What became of an `add` of `data` whose outcome was not heard: True if the bytes there are these, False if they
    are other ones, None if there are none, so that it is to be tried again.

    This is the one place where that is decided, for every kind of bucket.
    """
    try:
        digest = bucket.stated(key) if isinstance(bucket, Stating) else None
        return bucket.get(key) == data if digest is None else digest == digest_of(data)
    except Missing:
        return None


class RetryingBucket:
    """`inner`, tried again; any thread may use it."""

    def __init__(
        self,
        inner: Bucket,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`patience`: seconds without any success until it gives up."""
        self.inner = inner
        self.patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._success: float | None = None

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._again(lambda: self.inner.get(key, start, length))

    def view(self, key: str) -> memoryview:
        return self._again(lambda: self.inner.view(key))

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """See `Batched.get_many`."""
        inner = self.inner
        if isinstance(inner, Batched):
            return self._again(lambda: inner.get_many(pieces))
        return one_by_one(self, pieces)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        """See `Bucket.add`. Raises `NetworkError` (`outcome-unknown`) if a lost answer cannot be made up for."""
        whole = joined(data)
        lost = False

        def attempt() -> bool:
            nonlocal lost
            if lost and (found := settled(self.inner, key, whole)) is not None:
                return found
            try:
                added = self.inner.add(key, whole)
            except Passing as failure:
                lost = lost or not failure.refused
                raise
            return added or (lost and bool(settled(self.inner, key, whole)))

        try:
            return self._again(attempt)
        except Passing as failure:
            if not lost:
                raise
            raise NetworkError(
                "outcome-unknown",
                f"whether {key} was written is not known: {failure.message}",
                facts=["what was to be written is harmless, and the same command is safe to repeat"],
                hint="art help outcome-unknown",
            ) from failure

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        """See `Bucket.list`; after a failure it goes on behind the last object that was seen."""
        items = self.inner.list(prefix, after)

        def resume() -> None:
            nonlocal items
            items = self.inner.list(prefix, after)

        while (item := self._again(lambda: next(items, None), resume)) is not None:
            after = item.key
            yield item

    def delete(self, key: str) -> None:
        self._again(lambda: self.inner.delete(key))

    def _again(self, operation: Callable[[], R], anew: Callable[[], None] = lambda: None) -> R:
        """The result of `operation`, which is repeated, each time after `anew`, while it fails in passing."""
        began = self._clock()
        tries = 0
        while True:
            try:
                result = operation()
            except Passing as failure:
                tries += 1
                pause = max(failure.wait, min(LONGEST, SHORTEST * 2 ** (tries - 1)) * random.uniform(0.5, 1.0))
                if tries == failure.most or self._clock() + pause - self._since(began) > self._patience(failure):
                    raise
                self._sleep(pause)
                anew()
            else:
                with self._lock:
                    self._success = self._clock()
                return result

    def _since(self, began: float) -> float:
        """When something worked last; at the earliest when the operation began."""
        with self._lock:
            return max(began, self._success or began)

    def _patience(self, failure: Passing) -> float:
        with self._lock:
            never = self._success is None
        return min(self.patience, FIRST_PATIENCE) if never and not failure.connected else self.patience


def joined(data: Buffer | Sequence[Buffer]) -> bytes:
    """What is given to `Bucket.add`, as one piece."""
    if isinstance(data, bytes):
        return data
    return bytes(data) if isinstance(data, (bytearray, memoryview)) else b"".join(data)
