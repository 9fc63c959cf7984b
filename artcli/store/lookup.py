"""Several indexes asked as one.

Most questions of a large import are about chunks that nobody knows, and each index would have to say so. Once that has
cost as much as a sieve would, a sieve is made: one bit for each value that the first 24 bits of a digest can have. It
answers most of those questions at once, however many indexes there are.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import TypeAlias

from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.store.index import Index, merge_indexes
from artcli.store.pack import Location
from artcli.store.partial import PartialIndex

AnyIndex: TypeAlias = Index | PartialIndex

_HEAD = Struct(">I")

PATIENCE = 2000
"""Vain look-ups before a sieve is thought of."""

JOINED = 16
"""So many small indexes are asked as one, once that costs less,"""
JOINED_ROWS = 8192
"""of so many rows at most."""
QUESTIONS_A_ROW = 16
"""Indexes that are asked in the time in which one row is merged: 10 µs."""

ROWS_A_QUESTION = 4
"""Rows that are sifted in the time in which one index is asked: 0.7 µs."""


class Sieve:
    """Knows of most digests that are not among those given; 2 MiB."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << 21)

    def add(self, index: Index) -> None:
        bits = self._bits
        for head in index.heads():
            bits[head >> 11] |= 1 << (head >> 8 & 7)

    def lacks(self, digest: Digest) -> bool:
        """Whether the digest was certainly not given."""
        head: int = _HEAD.unpack_from(digest)[0]
        return not self._bits[head >> 11] >> (head >> 8 & 7) & 1


class Lookup:
    """Finds chunks in indexes, from any thread. An index found to be damaged is left aside."""

    def __init__(self, indexes: Iterable[AnyIndex] = ()) -> None:
        self.indexes = list(indexes)
        """Never changed, only replaced."""
        self.damaged: list[IntegrityError] = []
        self._joined: Index | None = None
        """The rows of many small indexes, so that not each of them is asked."""
        self._apart: list[AnyIndex] = []
        """Indexes whose rows are not there."""
        self._lock = threading.RLock()
        self._sieve: Sieve | None = None
        self._misses = 0
        self._sought = 0
        """Chunks that were looked for in every index by itself;"""
        self._join_at = 0.0
        """from so many on it is asked whether joining costs less."""

    def places(self, digest: Digest) -> Iterator[Location]:
        """Every place of the chunk that an index knows."""
        sieve = self._sieve
        if sieve is not None and sieve.lacks(digest):
            return
        known = False
        joined = self._join_in_time(1)
        indexes: Iterable[AnyIndex] = self.indexes
        if joined is not None:
            indexes = chain((joined,), indexes) if joined.position(digest) >= 0 else self._apart
        for index in indexes:
            try:
                location = index.find(digest)
            except IntegrityError as error:
                self.distrust(index, error)
                continue
            if location is not None:
                known = True
                yield location
        if not known and sieve is None:
            self._missed()

    def unknown(self, digests: Sequence[Digest]) -> list[Digest]:
        """Those of `digests` that no index which is here whole knows."""
        joined, whole = self._join_in_time(len(digests)), self.whole
        if joined is not None:
            whole = [joined, *(index for index in self._apart if isinstance(index, Index))]
        return [digest for digest in digests if all(self._asked(index, digest) is None for index in whole)]

    def _asked(self, index: Index, digest: Digest) -> Location | None:
        try:
            return index.find(digest)
        except IntegrityError as error:
            self.distrust(index, error)
            return None

    def find(self, digest: Digest) -> Location | None:
        """Where the chunk lies, if an index knows it."""
        return next(self.places(digest), None)

    @property
    def whole(self) -> list[Index]:
        """Those of which every row is here."""
        return [index for index in self.indexes if isinstance(index, Index)]

    @property
    def partial(self) -> list[PartialIndex]:
        """The others."""
        return [index for index in self.indexes if isinstance(index, PartialIndex)]

    def _join_in_time(self, more: int) -> Index | None:
        """Many small indexes as one, as of a place to which many have pushed, once asking each has cost as much.

        `more`: so many chunks are about to be looked for.
        """
        self._sought += more
        if self._joined is None and self._sought >= self._join_at:
            with self._lock:
                self._joined = self._joined or self._join()
        return self._joined

    def _join(self) -> Index | None:
        small = [index for index in self.whole if len(index) <= JOINED_ROWS]
        self._join_at = sum(map(len, small)) * QUESTIONS_A_ROW / len(small) if len(small) >= JOINED else math.inf
        if self._sought < self._join_at:
            return None
        try:
            file = merge_indexes(index.rows() for index in small)
        except IntegrityError:  # one of them is damaged: who asks it will see
            self._join_at = math.inf
            return None
        names = {index.name for index in small}
        self._apart = [index for index in self.indexes if index.name not in names]
        return Index(file.name, memoryview(b"".join(file.buffers)))

    def _part(self) -> None:
        """The indexes are others now: begin to count anew."""
        self._joined, self._sought, self._join_at = None, 0, 0.0

    def add(self, index: Index) -> None:
        """One more index."""
        with self._lock:
            self._part()
            if self._sieve is not None:
                self._sieve.add(index)
            self.indexes = [*self.indexes, index]

    def remove(self, names: Iterable[str]) -> None:
        """Forget the indexes of those names."""
        gone = set(names)
        with self._lock:
            self._part()
            self.indexes = [index for index in self.indexes if index.name not in gone]

    def replace(self, index: Index) -> None:
        """The index of that name is here whole now."""
        with self._lock:
            self._apart = [index, *(other for other in self._apart if other.name != index.name)]
            self.indexes = [index, *(other for other in self.indexes if other.name != index.name)]

    def distrust(self, index: AnyIndex, error: IntegrityError) -> None:
        """Leave an index aside that proved to be damaged."""
        with self._lock:
            if index in self.indexes:
                self.remove([index.name])
                self.damaged.append(error)

    def _missed(self) -> None:
        """Count a vain look-up; make the sieve when these have cost as much as it will."""
        self._misses += 1
        if self._misses < PATIENCE or len(self.indexes) < 2 or self.partial:
            return
        with self._lock:
            if self._sieve is None and self._misses * len(self.indexes) * ROWS_A_QUESTION > sum(map(len, self.indexes)):
                sieve = Sieve()
                for index in self.whole:
                    sieve.add(index)
                self._sieve = sieve
