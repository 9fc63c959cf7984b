"""What goes to and comes from a place, counted, and held to so many bytes a second.

One `Meter` is for all who speak to a place together, so that many threads share one rate. A line counts and paces each
piece on its way; any other bucket is wrapped, and is held back before what it sends and after what it has got.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from artcli.buckets.bucket import Bucket, Item, Piece, get_many
from artcli.buckets.retry import joined
from artcli.buckets.wrapping import WrappingBucket
from artcli.content import Buffer


class Meter:
    """Counts, and waits where there is a rate; any thread may use it."""

    def __init__(
        self,
        rate: float = 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`rate`: bytes a second, both ways together; 0: as fast as it goes."""
        self.rate = rate
        self.requests = 0
        """Questions to the place so far."""
        self.sent = 0
        """Bytes of objects, and of what is asked in bodies."""
        self.received = 0
        """Bytes of objects, and of other answers."""
        self._clock = clock
        self._sleep = sleep
        self._free = clock()
        self._lock = threading.Lock()

    def ask(self, requests: int = 1) -> None:
        """Requests are made."""
        with self._lock:
            self.requests += requests

    def send(self, size: int) -> None:
        """So many bytes are about to go; waits until they may."""
        with self._lock:
            self.sent += size
        self._pace(size)

    def receive(self, size: int) -> None:
        """So many bytes have come; waits until the next may."""
        with self._lock:
            self.received += size
        self._pace(size)

    def _pace(self, size: int) -> None:
        if not self.rate:
            return
        with self._lock:
            now = self._clock()
            begin = max(now, self._free)
            self._free = begin + size / self.rate
        if begin > now:
            self._sleep(begin - now)


class MeteredBucket(WrappingBucket):
    """`inner`, whose every answer is counted by `meter`, and waits for it."""

    def __init__(self, inner: Bucket, meter: Meter) -> None:
        super().__init__(inner)
        self.meter = meter

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self.meter.ask()
        data = self.inner.get(key, start, length)
        self.meter.receive(len(data))
        return data

    def view(self, key: str) -> memoryview:
        self.meter.ask()
        data = self.inner.view(key)
        self.meter.receive(data.nbytes)
        return data

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """See `Batched.get_many`."""
        self.meter.ask(len(pieces))
        found = get_many(self.inner, pieces)
        self.meter.receive(sum(len(data) for data in found if data is not None))
        return found

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        whole = joined(data)
        self.meter.ask()
        self.meter.send(len(whole))
        return self.inner.add(key, whole)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        self.meter.ask()
        return self.inner.list(prefix, after)

    def delete(self, key: str) -> None:
        self.meter.ask()
        self.inner.delete(key)
