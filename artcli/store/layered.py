"""A store above others: a chunk that it lacks is read from one of them, the nearest first.

    own packs ── the pages that are kept of other places ── other places, which are opened when nothing nearer has it

What is in the store, and what must be put into it, is still a question to the store alone: `in`, `missing` and writers
know nothing of the others. A place that cannot be reached is asked once in a while, and its error raised meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count

from artcli.buckets.bucket import Bucket
from artcli.content import Buffer, Digest
from artcli.errors import ArtError, IntegrityError
from artcli.store.pack import Frame, Location
from artcli.store.ranges import Range
from artcli.store.store import Store

AGAIN = 20.0
"""Seconds until a place that could not be reached is tried again, by a program that runs for long."""


class Layered(Store):
    """Chunks of one place, and of others where that has them not."""

    def __init__(
        self,
        bucket: Bucket,
        live: Iterable[str],
        renewed: Callable[[], Iterable[str]] | None,
        others: Callable[[], Iterator[Store]],
    ) -> None:
        """`others`: the stores to ask, nearest first; each is asked for when those before it do not have a chunk.

        What `others` raises where a place cannot be opened is raised wherever that place is needed.
        """
        super().__init__(bucket, live, renewed)
        self._others = _Others(others)
        self._owners: dict[Digest, Store] = {}
        """Which of the others has a pack."""

    def find(self, digest: Digest) -> Location | None:
        """Where the chunk lies, here or in one of the others."""
        location = super().find(digest)
        if location is not None:
            return location
        for other in self._others:
            location = other.find(digest)
            if location is not None:
                self._owners[location.pack] = other
                return location
        return None

    def get(self, digest: Digest) -> bytes:
        """As `Store.get`; what is damaged here is taken from the others, too."""
        if not self.holds(digest):  # before the log is asked whether other indexes are live now
            with suppress(ArtError):
                data = self._from_others(digest, "missing-chunk")
                if data is not None:
                    return data
        try:
            return super().get(digest)
        except IntegrityError as error:
            if error.slug not in ("missing-chunk", "damaged-chunk"):
                raise
            data = self._from_others(digest, error.slug)
            if data is not None:
                return data
            facts = [*error.facts, *self._damage_of_others()]
            raise IntegrityError(error.slug, error.message, facts=facts, hint=error.hint) from error

    def _from_others(self, digest: Digest, slug: str) -> bytes | None:
        try:
            for other in self._others:
                if other.find(digest) is not None:
                    return other.get(digest)
        except ArtError:
            if slug == "missing-chunk":
                raise
            # what is wrong here says more than that nobody could help
        return None

    def keep_to_own(self) -> None:
        self._others = _Others(lambda: iter(()))

    def _damage_of_others(self) -> list[str]:
        """What is known to be wrong with their indexes, which may be why nobody has the chunk."""
        try:
            return [damage.message for other in self._others for damage in other.damaged]
        except ArtError:  # one of them cannot be reached
            return []

    @property
    def forks(self) -> bool:
        return super().forks and all(other.forks for other in self._others.opened)

    @property
    def asks_together(self) -> bool:
        return True

    def fetch_ranges(
        self, parts: Sequence[Range], *, proven: bool = True
    ) -> list[tuple[Digest, Buffer | IntegrityError]]:
        own, others = self._by_owner(parts)
        found = super().fetch_ranges(own, proven=proven) if own else []
        return found + [result for owner, theirs in others for result in owner.fetch_ranges(theirs, proven=proven)]

    def _frames_of(self, parts: Sequence[Range]) -> list[Frame]:
        own, others = self._by_owner(parts)
        found = super()._frames_of(own) if own else []
        return found + [frame for owner, theirs in others for frame in owner._frames_of(theirs)]

    def _by_owner(self, parts: Sequence[Range]) -> tuple[list[Range], list[tuple[Store, list[Range]]]]:
        """The ranges that are here, and those of each of the others."""
        own: list[Range] = []
        others: dict[Store, list[Range]] = {}
        for part in parts:
            owner = self._owners.get(part.pack)
            (own if owner is None else others.setdefault(owner, [])).append(part)
        return own, list(others.items())

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """As `Store.missing`: of the store itself, so none of the others is asked."""
        return {digest for digest in digests if digest not in self}

    def prepare(self, digests: Sequence[Digest]) -> None:
        """Learn at once where many chunks lie that are to be asked for; the places that have them are open then."""
        lacking = [digest for digest in digests if super(Layered, self).find(digest) is None]
        for other in self._others if lacking else ():
            other.prepare(lacking)
            lacking = [digest for digest in lacking if other.find(digest) is None]
            if not lacking:
                return


class _Others:
    """The other stores, opened one after the other as they are needed, by whatever thread."""

    @property
    def opened(self) -> Sequence[Store]:
        """Those that were needed already."""
        return self._opened

    def __init__(self, open: Callable[[], Iterator[Store]]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._opened: list[Store] = []
        self._rest: Iterator[Store] | None = None
        self._failure: ArtError | None = None
        self._failed = 0.0

    def __iter__(self) -> Iterator[Store]:
        for at in count():
            store = self._at(at)
            if store is None:
                return
            yield store

    def _at(self, at: int) -> Store | None:
        with self._lock:
            if at < len(self._opened):
                return self._opened[at]
            if self._failure is not None and time.monotonic() - self._failed < AGAIN:
                raise self._failure
            return self._next(at)

    def _next(self, at: int) -> Store | None:
        if self._failure is not None:
            self._failure, self._rest, self._opened = None, None, []
        self._rest = self._rest or self._open()
        try:
            while len(self._opened) <= at:
                store = next(self._rest, None)
                if store is None:
                    return None
                self._opened.append(store)
        except ArtError as error:
            self._failure, self._failed = error, time.monotonic()
            raise
        return self._opened[at]
