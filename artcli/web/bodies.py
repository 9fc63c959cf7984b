"""Whether an object is what its key says: looked at on its way in, before anybody can see it.

A pack under a wrong name, or with a table that lies, would be there for ever, since nobody overwrites; an index that
names chunks which its packs do not hold would make every later writer skip their upload: loss for all.
"""

from __future__ import annotations

import threading
from itertools import islice

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.log import Log, decode_segment, entry_key
from artcli.catalog.repository import CONFIG, read_place
from artcli.content import Digest, digest_of
from artcli.errors import ArtError, IntegrityError
from artcli.store.codec import decode
from artcli.store.index import Index
from artcli.store.pack import LIMIT, Row, Table, pack_key, read_table, table_in
from artcli.web.answers import Refused
from artcli.web.keys import Kind, name_of, number_of
from artcli.web.reading import size_of

AT_ONCE = 2
"""Objects that are looked at at one time: the table of a hostile pack may take 100 MB as Python sees it."""
_looking = threading.BoundedSemaphore(AT_ONCE)

SPARE = slice(9, 12)
"""Bytes of an index that mean nothing yet."""
BLOCK = 64 * 1024
"""Rows of an index that are compared with tables together."""
TAIL = 64 * 1024
"""Bytes from the end of a pack that is far away, in which most tables lie."""


def check_body(bucket: Bucket, place: str, key: str, kind: Kind, view: memoryview, *, full: bool) -> None:
    """Raise `Refused` (422) unless these bytes are what belongs under `key`.

    `full`: each chunk of a pack is decoded and compared with its digest, too.
    """
    with _looking:
        try:
            if kind is Kind.PACK:
                _check_pack(table_in(view, bytes.fromhex(name_of(key))), view, full)
            elif kind is Kind.INDEX:
                if any(view[SPARE]):
                    raise IntegrityError("damaged-index", "its spare bytes are not zero")
                _check_index(bucket, Index(name_of(key), view))
            elif kind is Kind.SEGMENT:
                _check_segment(Log(bucket, place), number_of(key), view)
            elif kind is Kind.CONFIG:
                _check_config(view, place)
        except IntegrityError as error:
            raise Refused(422, error.slug, error.message) from error


def _check_pack(table: Table, view: memoryview, full: bool) -> None:
    for row in table.rows() if full else ():
        plain = decode(row.codec, view[row.offset : row.offset + row.stored], row.length)
        if digest_of(plain) != row.digest:
            raise IntegrityError("damaged-chunk", f"the bytes of chunk {row.digest.hex()} are not those of its name")


def _check_index(bucket: Bucket, index: Index) -> None:
    """Every row is in the table of its pack; rows ascend."""
    tables = _Tables(bucket, index)
    last = b""
    rows = index.rows()
    while block := list(islice(rows, BLOCK)):
        for row in block:
            if row.digest <= last:
                raise IntegrityError("damaged-index", f"digests are out of order: index {index.name}")
            last = row.digest
            if index.position(row.digest) < 0:
                raise IntegrityError("damaged-index", f"its fan-out does not lead to its rows: index {index.name}")
        tables.check(block)


class _Tables:
    """The tables of the packs of an index, a few of them at a time as Python sees them."""

    def __init__(self, bucket: Bucket, index: Index) -> None:
        self._bucket = bucket
        self._name = index.name
        self._tables: dict[Digest, Table] = {}

    def check(self, rows: list[Row]) -> None:
        """Raise `IntegrityError` unless these rows are in the tables of their packs."""
        by_pack: dict[Digest, list[Row]] = {}
        for row in rows:
            by_pack.setdefault(row.pack, []).append(row)
        for pack, wanted in by_pack.items():
            if not set(wanted) <= set(self._table(pack).rows()):
                raise IntegrityError(
                    "damaged-index", f"it names a chunk that pack {pack.hex()} does not hold there: index {self._name}"
                )

    def _table(self, pack: Digest) -> Table:
        if pack not in self._tables:
            self._tables[pack] = table_of(self._bucket, pack)
        return self._tables[pack]


def table_of(bucket: Bucket, pack: Digest) -> Table:
    """The table of a pack that is here, without its frames; raises IntegrityError as `read_table`."""
    if isinstance(bucket, (DiskBucket, MemoryBucket)):
        return read_table(bucket, pack)
    key = pack_key(pack)
    try:
        size = size_of(bucket, key)
        if size > LIMIT:
            raise IntegrityError("damaged-pack", f"it has {size} bytes: pack {pack.hex()}")
        tail = bucket.get(key, max(0, size - TAIL), TAIL)
        wanted = int.from_bytes(tail[-12:-8], "little") + 12
        if wanted > len(tail):
            tail = bucket.get(key, max(0, size - wanted), wanted)
    except Missing:
        raise IntegrityError("missing-pack", f"pack {pack.hex()} is not there") from None
    return table_in(memoryview(bytes(size - len(tail)) + tail), pack)


def _check_segment(log: Log, number: int, view: memoryview) -> None:
    for entry in decode_segment(number, bytes(view)):
        there = log.read(entry.n)
        if there is None or there.digest != entry.digest:
            raise IntegrityError("damaged-segment", f"{entry_key(entry.n)} is not what segment {number} says")


def _check_config(view: memoryview, place: str) -> None:
    """Raise unless these bytes are a config of this place."""
    look = MemoryBucket()
    look.add(CONFIG, view)
    try:
        found = read_place(look)
    except IntegrityError:
        raise
    except ArtError as error:
        raise IntegrityError(error.slug, error.message) from error
    if found != place:
        raise IntegrityError("damaged-config", "the config is of another place")
