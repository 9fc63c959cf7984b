"""An examination of another place. Of its log and indexes every byte is read, of its packs the tables at their ends;
all bytes of packs only if that is asked for, for they would have to travel.

What is read one by one otherwise is read ahead here, many at a time, since every answer takes its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice

from artcli.buckets.bucket import Bucket, Missing, Piece, get_many
from artcli.buckets.wrapping import WrappingBucket
from artcli.catalog.following import Head
from artcli.catalog.log import ENTRY_SIZE, entry_key
from artcli.catalog.manifest import PageSource
from artcli.catalog.manifest.page import Inner, decode_page
from artcli.catalog.view import View
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.flows.careful import open_index
from artcli.flows.fsck.examination import Examination, Options
from artcli.flows.fsck.store_check import Reach
from artcli.progress import Progress
from artcli.store.afar import Afar
from artcli.store.pack import Table, read_tables
from artcli.store.store import Store
from artcli.threads import worker_count

ENTRIES = 64
"""Log entries that are asked for together,"""
PACKS = 256
"""ends of packs,"""
PAGES = 128
"""and pages."""

_ENTRY = re.compile(r"log/\d{7}/(\d{10})")


class PlaceExamination(Examination):
    """An examination of the place that a view shows."""

    def __init__(self, view: View, options: Options, progress: Progress | None = None) -> None:
        """Raises as `Examination`."""
        self._seen = view.seen
        super().__init__(view.path, options, progress)

    def open_bucket(self) -> Bucket:
        return EntriesAhead(self._seen.bucket)

    def at_work(self) -> AbstractContextManager[None]:
        return self._seen.at_work()

    def mark(self) -> Head | None:
        return self._seen.follower.head

    def open_store(self, names: list[str]) -> Store:
        return Store(self._seen.bucket, names, remote=self._seen.indexes_folder)

    def reach(self) -> Reach | None:
        bucket, folder = self._seen.bucket, self._seen.indexes_folder
        if folder is None:
            return Reach(partial(open_index, bucket), self._tables)
        indexes = Afar(bucket, folder)
        indexes.open(self.catalog.indexes())  # small ones come together, and are kept
        return Reach(indexes.whole, self._tables)

    def _tables(self, packs: Mapping[Digest, int]) -> Iterator[Table | IntegrityError]:
        rest = iter(packs.items())
        while group := dict(islice(rest, PACKS)):
            found = read_tables(self._seen.bucket, group)
            yield from (found[pack] for pack in group)

    def pages(self, store: Store, roots: Sequence[Digest]) -> PageSource:
        return PagesAhead(store, roots)


class EntriesAhead(WrappingBucket):
    """Reads log entries many at a time, for who reads them one after the other."""

    def __init__(self, inner: Bucket) -> None:
        super().__init__(inner)
        self._held: dict[str, bytes] = {}

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        match = _ENTRY.fullmatch(key)
        if match is None or start:
            return self.inner.get(key, start, length)
        if key not in self._held:
            keys = [entry_key(int(match[1]) + more) for more in range(ENTRIES)]
            found = get_many(self.inner, [Piece(one, 0, ENTRY_SIZE + 1) for one in keys])
            self._held = {one: data for one, data in zip(keys, found, strict=True) if data is not None}
        data = self._held.pop(key, None)
        if data is None:
            raise Missing(key)
        return data if length is None else data[:length]


class PagesAhead:
    """Reads pages many at a time, for who walks down one tree after the other."""

    def __init__(self, store: Store, roots: Sequence[Digest]) -> None:
        self._store = store
        self._held: dict[Digest, bytes] = {}
        self._coming = list(dict.fromkeys(reversed(roots)))
        """What will be asked for, last first."""

    def get(self, digest: Digest, /) -> bytes:
        """As `Store.get`."""
        page = self._held.pop(digest, None)
        if page is None:
            self._fetch(digest)
            page = self._held.pop(digest, None) or self._store.get(digest)
        self._look_below(page)
        return page

    def _fetch(self, digest: Digest) -> None:
        wanted = [digest]
        while self._coming and len(wanted) < PAGES:
            wanted.append(self._coming.pop())
        found = self._store.read(dict.fromkeys(wanted), workers=worker_count(), failed=lambda *_: None)
        self._held |= {one: bytes(data) for one, data in found}

    def _look_below(self, page: bytes) -> None:
        try:
            opened = decode_page(page)
        except IntegrityError:
            return  # a page of chunks; or damaged, which whoever asked for it will see
        if isinstance(opened, Inner):
            self._coming += [row.page for row in reversed(opened.items)]
