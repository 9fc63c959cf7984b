"""Packs: files of about 16 MiB that hold chunks, the unit of writing, of transfer and of deletion.

    16 random bytes │ frames back to back │ table │ length of the table u32 │ magic, kind

A pack is named by the BLAKE3 of all its bytes; the random ones make two packs of the same chunks two packs, so that
deleting one never takes the other away. A frame is a chunk as stored, without any frame of its own: the table tells
where it lies. The table stands at the end, so that a pack is written in one stream and a lost index is made anew from
packs alone. It is columnar, all integers little-endian:

    count u32 │ digests 32 × count │ stored lengths u32 × count │ lengths u32 × count │ codecs u8 × count
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from struct import Struct, iter_unpack, unpack_from
from typing import NamedTuple

from blake3 import blake3

from artcli.buckets.bucket import Bucket, Missing, Piece, get_many
from artcli.content import DIGEST_SIZE, Buffer, Digest, digest_of
from artcli.errors import IntegrityError
from artcli.memory import untouched
from artcli.store.codec import MAX_LENGTH, decode
from artcli.store.room import Place

DATA = 0
"""The kind of pack that holds chunks of files."""
METADATA = 1
"""The kind that holds pages and long texts, so that history can be fetched without data."""

TARGET = 16 * 1024 * 1024
"""Bytes of frames from which a pack is full."""
LIMIT = 32 * 1024 * 1024
"""Bytes that no pack exceeds."""

PREFIX = 16
_END = Struct("<I8s")
_MAGIC = {b"artpackD": DATA, b"artpackM": METADATA}
_MAGIC_OF = {kind: magic for magic, kind in _MAGIC.items()}
_COUNT = Struct("<I")
_ROW_SIZE = DIGEST_SIZE + 4 + 4 + 1
_LAST = 16 * 1024
"""Bytes at the end of a pack far away that are read at first: the table of 400 chunks."""


class Frame(NamedTuple):
    """A chunk as it will be stored."""

    digest: Digest
    codec: int
    length: int
    """Bytes of the chunk."""
    stored: int
    """Bytes of `data`."""
    data: Sequence[Buffer]
    place: Place | None = None
    """Where the data lies, if that is in memory that need not be copied."""


class Location(NamedTuple):
    """Where a chunk lies."""

    pack: Digest
    offset: int
    stored: int
    length: int
    codec: int


class Row(NamedTuple):
    """A chunk and where it lies, as an index lists it; sorts by digest."""

    digest: Digest
    pack: Digest
    offset: int
    stored: int
    length: int
    codec: int
    kind: int = DATA
    """Of the pack."""


def is_possible(location: Location) -> bool:
    """Whether a chunk can lie there at all; an index from elsewhere may say anything."""
    return location.offset >= PREFIX and location.stored <= location.length <= MAX_LENGTH


def pack_key(pack: Digest) -> str:
    """Where a bucket keeps the pack."""
    name = pack.hex()
    return f"packs/{name[:2]}/{name}"


class Table:
    """What one pack holds, as compact as in the pack."""

    __slots__ = ("_bytes", "count", "kind", "pack", "stored")

    def __init__(self, pack: Digest, kind: int, table: bytes) -> None:
        """`table` was checked, or made by `PackBuilder`."""
        self.pack = pack
        self.kind = kind
        self._bytes = table
        self.count: int = _COUNT.unpack_from(table)[0]
        self.stored = sum(self._columns()[1])
        """Bytes of all frames."""

    def _columns(self) -> tuple[bytes, tuple[int, ...], tuple[int, ...], bytes]:
        n, table = self.count, self._bytes
        numbers = unpack_from(f"<{2 * n}I", table, 4 + DIGEST_SIZE * n)
        return table[4 : 4 + DIGEST_SIZE * n], numbers[:n], numbers[n:], table[len(table) - n :]

    def rows(self) -> Iterator[Row]:
        """In the order of the pack."""
        digests, stored, lengths, codecs = self._columns()
        columns = zip(
            (digest for (digest,) in iter_unpack(f"{DIGEST_SIZE}s", digests)),
            repeat(self.pack),
            accumulate(stored, initial=PREFIX),
            stored,
            lengths,
            codecs,
            repeat(self.kind),
            strict=False,
        )
        return map(Row._make, columns)

    def find(self, digest: Digest) -> Location:
        """Where a chunk of the pack lies; slow, for it reads the table from its start. Raises KeyError."""
        for row in self.rows():
            if row.digest == digest:
                return Location(*row[1:6])
        raise KeyError(digest.hex())


class _Extent:
    """A piece of a pack in memory; its view keeps the buffer from being used for anything else."""

    __slots__ = ("buffer", "end", "start", "view")

    def __init__(self, buffer: Buffer, view: memoryview, start: int, end: int) -> None:
        self.buffer = buffer
        self.view = view
        self.start = start
        self.end = end


class PackBuilder:
    """Gathers frames into one pack; nothing is written.

    Frames are copied into one buffer, so that what they were made of is free at once, in memory that is still warm, but
    for those that have a place: these stay there. So the pack is hashed and written in few pieces.
    """

    CAPACITY = PREFIX + TARGET + MAX_LENGTH

    def __init__(self, kind: int, buffer: memoryview | None = None, prefix: bytes | None = None) -> None:
        """`buffer`: of `CAPACITY` bytes, used again; it must be left alone as long as the builder's pack is in use.

        `prefix`: the `PREFIX` first bytes; random ones by default."""
        self.kind = kind
        self.buffer = buffer if buffer is not None else untouched(self.CAPACITY)
        self.buffer[:PREFIX] = os.urandom(PREFIX) if prefix is None else prefix
        self._copied = PREFIX
        self._extents = [_Extent(self.buffer, self.buffer, 0, PREFIX)]
        self._rows: dict[Digest, tuple[memoryview, int, int, int, int]] = {}
        self.size = 0
        """Bytes of all frames."""

    @property
    def full(self) -> bool:
        """Whether nothing may be added any more."""
        return self.size >= TARGET

    def add(self, frame: Frame) -> None:
        buffer, start = frame.place or self._copy(frame.data)
        last = self._extents[-1]
        if last.buffer is not buffer or last.end != start:
            last = _Extent(buffer, memoryview(buffer), start, start)
            self._extents.append(last)
        last.end += frame.stored
        self._rows[frame.digest] = (last.view, start, frame.stored, frame.length, frame.codec)
        self.size += frame.stored

    def _copy(self, parts: Sequence[Buffer]) -> tuple[Buffer, int]:
        start = end = self._copied
        for part in parts:
            self.buffer[end : end + len(part)] = part
            end += len(part)
        self._copied = end
        return self.buffer, start

    def find(self, digest: Digest) -> tuple[int, bytes, int]:
        """Codec, stored bytes and length of a chunk that was added; raises KeyError."""
        view, start, stored, length, codec = self._rows[digest]
        return codec, bytes(view[start : start + stored]), length

    def finish(self) -> tuple[list[Buffer], Table]:
        """The pack's bytes, as buffers one after the other, and its table, which knows its name."""
        rows = self._rows.values()
        table = b"".join(
            (
                _COUNT.pack(len(rows)),
                *self._rows,
                _u32(stored for _, _, stored, _, _ in rows),
                _u32(length for *_, length, _ in rows),
                bytes(codec for *_, codec in rows),
            )
        )
        buffers: list[Buffer] = [extent.view[extent.start : extent.end] for extent in self._extents]
        buffers.append(table + _END.pack(len(table), _MAGIC_OF[self.kind]))
        hasher = blake3()
        for buffer in buffers:
            hasher.update(buffer)
        return buffers, Table(hasher.digest(), self.kind, table)


def _u32(numbers: Iterable[int]) -> bytes:
    values = tuple(numbers)
    return Struct(f"<{len(values)}I").pack(*values)


# --- reading, where nothing is trusted --------------------------------------------------------------------------------


def read_table(bucket: Bucket, pack: Digest) -> Table:
    """The table of a pack. Its form is checked, not the digest of the whole pack: see `damages` for that.

    Raises IntegrityError `damaged-pack`, or `missing-pack`.
    """
    return table_in(_view(bucket, pack), pack)


def damages(bucket: Bucket, pack: Digest) -> Iterator[tuple[Row | None, IntegrityError]]:
    """Reads the whole pack and decodes all its chunks: what is wrong with it, None standing for the pack itself."""
    try:
        view = _view(bucket, pack)
        table = table_in(view, pack)
    except IntegrityError as error:
        yield None, error
        return
    if digest_of(view) != pack:
        yield None, _damaged(pack, "its bytes are not those it is named by")
    for row in table.rows():
        try:
            plain = decode(row.codec, view[row.offset : row.offset + row.stored], row.length)
            if digest_of(plain) != row.digest:
                raise IntegrityError("damaged-chunk", "a chunk's bytes are not those it is named by")
        except IntegrityError as error:
            yield row, error


def _view(bucket: Bucket, pack: Digest) -> memoryview:
    try:
        return bucket.view(pack_key(pack))
    except Missing:
        raise _missing(pack) from None


def read_tables(bucket: Bucket, packs: Mapping[Digest, int]) -> dict[Digest, Table | IntegrityError]:
    """The tables of packs of these sizes, read from their ends, in two rounds for all; or what is wrong with each.

    As `read_table` otherwise.
    """
    ends = _read_ends(bucket, packs, {pack: min(size, _LAST) for pack, size in packs.items()})
    longer = {}
    for pack, end in ends.items():
        if isinstance(end, bytes) and len(end) >= _END.size:
            needed = min(packs[pack], _END.unpack_from(end, len(end) - _END.size)[0] + _END.size)
            if needed > len(end):
                longer[pack] = needed
    ends |= _read_ends(bucket, packs, longer)
    found: dict[Digest, Table | IntegrityError] = {}
    for pack, end in ends.items():
        try:
            found[pack] = end if isinstance(end, IntegrityError) else _table(memoryview(end), pack, packs[pack])
        except IntegrityError as error:
            found[pack] = error
    return found


def _read_ends(
    bucket: Bucket, packs: Mapping[Digest, int], lengths: Mapping[Digest, int]
) -> dict[Digest, bytes | IntegrityError]:
    pieces = [Piece(pack_key(pack), packs[pack] - length, length) for pack, length in lengths.items()]
    found: dict[Digest, bytes | IntegrityError] = {}
    for (pack, length), data in zip(lengths.items(), get_many(bucket, pieces), strict=True):
        if data is None:
            found[pack] = _missing(pack)
        else:
            found[pack] = data if len(data) == length else _damaged(pack, "it is shorter than it was")
    return found


def table_in(view: memoryview, pack: Digest) -> Table:
    """The table of the pack of these bytes, as `read_table` gives it."""
    return _table(view, pack, len(view))


def _table(end: memoryview, pack: Digest, pack_size: int) -> Table:
    """The table in the end of a pack, which is at least as long as the table, or the whole pack."""
    if not PREFIX + _COUNT.size + _END.size <= pack_size <= LIMIT:
        raise _damaged(pack, f"it has {pack_size} bytes")
    size, magic = _END.unpack_from(end, len(end) - _END.size)
    if magic not in _MAGIC:
        raise _damaged(pack, "it does not end as a pack does")
    start = pack_size - _END.size - size
    if size < _COUNT.size or start < PREFIX:
        raise _damaged(pack, "its table is longer than the pack")
    data = bytes(end[len(end) - _END.size - size : len(end) - _END.size])
    count: int = _COUNT.unpack_from(data)[0]
    if size != _COUNT.size + count * _ROW_SIZE:
        raise _damaged(pack, "its table is not as long as its count says")
    table = Table(pack, _MAGIC[magic], data)
    if table.stored != start - PREFIX:
        raise _damaged(pack, "its frames do not fill it")
    if any(not row.stored <= row.length <= MAX_LENGTH for row in table.rows()):
        raise _damaged(pack, "a chunk in its table has an impossible length")
    return table


def _missing(pack: Digest) -> IntegrityError:
    return IntegrityError("missing-pack", f"pack {pack.hex()} is not there")


def _damaged(pack: Digest, why: str) -> IntegrityError:
    return IntegrityError("damaged-pack", f"{why}: pack {pack.hex()}")
