"""A bucket that is far away: every question takes its time, and what goes over the line is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from artcli.buckets.bucket import Bucket, Item, Missing, Piece
from artcli.buckets.objectstore import ObjectBucket
from artcli.content import Buffer

BATCH = 256
"""Pieces in one question, as `art serve` takes them."""
AT_ONCE = 4
"""Questions under way at a time."""


class FarBucket:
    """Wraps a bucket. A list of keys is one question for every thousand, `get_many` one for every 256 pieces, or for
    each where it is an object store.
    """

    def __init__(self, there: Bucket, latency: float = 0.0, rate: float = 0.0, *, object_store: bool = False) -> None:
        """`latency`: seconds that an answer takes; `rate`: bytes a second that the line carries, 0 for any number."""
        self.there = there
        self.batch, self.at_once = (1, ObjectBucket.READERS) if object_store else (BATCH, AT_ONCE)
        self.latency = latency
        self.rate = rate
        self.asked: list[str] = []
        """Every question: its verb and its first key."""
        self.down = self.up = 0
        """Bytes of objects."""
        self.rounds = 0
        """Times that somebody waited for an answer, or for several that were under way together."""
        self._lock = threading.Lock()
        self._line = threading.Lock()

    def forget(self) -> None:
        """Count from 0 again."""
        self.asked, self.down, self.up, self.rounds = [], 0, 0, 0

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self.rounds += 1
        return self._get(key, start, length)

    def _get(self, key: str, start: int, length: int | None) -> bytes:
        self._ask(f"get {key}")
        data = self.there.get(key, start, length)
        self._carry(len(data))
        return data

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        batches = [pieces[at : at + self.batch] for at in range(0, len(pieces), self.batch)]
        self.rounds += -(-len(batches) // self.at_once)
        with ThreadPoolExecutor(self.at_once) as pool:
            return [answer for batch in pool.map(self._batch, batches) for answer in batch]

    def _batch(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        self._ask(f"batch {pieces[0].key}")
        answers = []
        for piece in pieces:
            try:
                answers.append(self.there.get(*piece))
            except Missing:
                answers.append(None)
        self._carry(sum(len(answer) for answer in answers if answer is not None))
        return answers

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        self.rounds += 1
        self._ask(f"add {key}")
        whole = data if isinstance(data, bytes | bytearray | memoryview) else b"".join(data)
        self._carry(len(whole), up=True)
        return self.there.add(key, whole)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        for number, item in enumerate(self.there.list(prefix, after)):
            if number % 1000 == 0:
                self.rounds += 1
                self._ask(f"list {prefix}")
            yield item

    def delete(self, key: str) -> None:
        self.rounds += 1
        self._ask(f"delete {key}")
        self.there.delete(key)

    def _ask(self, what: str) -> None:
        with self._lock:
            self.asked.append(what)
        time.sleep(self.latency)

    def _carry(self, size: int, *, up: bool = False) -> None:
        with self._lock:
            self.up += size * up
            self.down += size * (not up)
        if self.rate:
            with self._line:  # one line, however many use it
                time.sleep(size / self.rate)
