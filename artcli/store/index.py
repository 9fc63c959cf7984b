"""Indexes: sorted lists of chunks and where they lie, looked up where they are, without being read.

    magic 7s, version u8 │ bits u8, 3 zero bytes │ rows u32 │ packs u32
    fan-out u32 × (2^bits + 1) │ digests 32 × rows, sorted │ locations 17 × rows │ packs 32 × packs │ kinds u8 × packs

all little-endian; a location is pack number u32, offset u32, stored length u32, length u32, codec u8. Entry p of the
fan-out counts the digests whose first `bits` bits are less than p, so a look-up is two numbers read and a search
through a handful of digests. An index is named by the BLAKE3 of its bytes and is live if the log says so. It may be
hostile: it can name a wrong place, never wrong bytes, because every chunk read is compared with its digest.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from operator import itemgetter
from struct import Struct, iter_unpack
from typing import NamedTuple

from blake3 import blake3

from artcli.buckets.bucket import Bucket, Missing
from artcli.content import DIGEST_SIZE, Buffer, Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store.pack import DATA, METADATA, Location, Row

_HEAD = Struct("<7sBB3xII")
HEAD_SIZE = _HEAD.size
_MAGIC, _VERSION = b"art-idx", 1
_PAIR = Struct("<II")
LOCATION = Struct("<IIIIB")

VERIFIED_SIZE = 8 * 1024 * 1024
"""An index up to this many bytes is compared with its name when it is opened (2 ms); a longer one by fsck."""

NARROW = 256
"""Digests among which one is searched for at once; more are halved first."""

BLOCK = 4096

MERGED = 8
"""So many indexes of one tier become one of the next."""
TOP_TIER = 6
"""Indexes of 8^6 rows and more are left as they are: merging them would take more memory than a command may."""


def index_key(name: str) -> str:
    """Where a bucket keeps the index; `name` is the digest of its bytes in hex."""
    return f"index/{name}"


def fan_out_bits(rows: int) -> int:
    """Chosen so that four to eight digests share a place of the fan-out, as long as 16 bits suffice."""
    return min((rows >> 3).bit_length(), 16)


class Shape(NamedTuple):
    """Where the parts of an index lie, as its head says."""

    rows: int
    packs: int
    bits: int
    fan_out: int
    digests: int
    locations: int
    pack_names: int
    size: int
    """Bytes of the whole index."""

    @classmethod
    def of(cls, name: str, head: Buffer) -> Shape:
        """The shape of the index that begins with `head`; raises IntegrityError `damaged-index`."""
        if len(head) < HEAD_SIZE:
            raise damaged(name, "it is too short")
        magic, version, bits, rows, packs = _HEAD.unpack_from(head)
        if (magic, version) != (_MAGIC, _VERSION):
            raise damaged(name, "it does not begin as an index does")
        if bits != fan_out_bits(rows):
            raise damaged(name, "its fan-out is not as long as its counts say")
        digests = HEAD_SIZE + 4 * ((1 << bits) + 1)
        locations = digests + DIGEST_SIZE * rows
        names = locations + LOCATION.size * rows
        return cls(rows, packs, bits, HEAD_SIZE, digests, locations, names, names + (DIGEST_SIZE + 1) * packs)

    def split_names(self, name: str, data: Buffer) -> tuple[list[Digest], bytes]:
        """Digests and kinds of the packs, from the end of the index; raises IntegrityError `damaged-index`."""
        kinds = bytes(data[DIGEST_SIZE * self.packs :])
        if kinds.strip(bytes((DATA, METADATA))):
            raise damaged(name, "it lists a pack of no known kind")
        return [bytes(data[i : i + DIGEST_SIZE]) for i in range(0, DIGEST_SIZE * self.packs, DIGEST_SIZE)], kinds


def row_of(digest: Digest, digests: bytes) -> int:
    """Which of the `digests`, back to back, is this one; -1 if none is."""
    at = digests.find(digest)
    while at % DIGEST_SIZE:  # found across two digests, or not (-1)
        if at < 0:
            return -1
        at = digests.find(digest, at + 1)
    return at // DIGEST_SIZE


def damaged(name: str, why: str) -> IntegrityError:
    """The error for an index that is not what it must be."""
    return IntegrityError("damaged-index", f"{why}: index {name}")


class Index:
    """One index, over the bytes where they lie."""

    def __init__(self, name: str, view: memoryview) -> None:
        """Raises IntegrityError `damaged-index` if `view` has not the form of an index."""
        self.name = name
        self._view = view
        shape = Shape.of(name, view)
        if len(view) != shape.size:
            raise damaged(name, "it is not as long as its counts say")
        self._count = shape.rows
        self._shift = 16 - shape.bits
        self._digests = shape.digests
        self._locations = shape.locations
        self.packs, self.kinds = shape.split_names(name, view[shape.pack_names :])
        """Digests of the packs whose chunks this index lists, and the kind of each."""

    @classmethod
    def open(cls, bucket: Bucket, name: str) -> Index:
        """The index of that name. Raises IntegrityError `missing-index` or `damaged-index`."""
        try:
            view = bucket.view(index_key(name))
        except Missing:
            raise IntegrityError("missing-index", f"an index is not there: {name}") from None
        index = cls(name, view)
        if len(view) <= VERIFIED_SIZE:
            index.verify()
        return index

    def verify(self) -> None:
        """Raises IntegrityError `damaged-index` unless the bytes are those of the name."""
        if digest_of(self._view).hex() != self.name:
            raise damaged(self.name, "its bytes are not those it is named by")

    def __len__(self) -> int:
        return self._count

    def position(self, digest: Digest) -> int:
        """The number of the row of `digest`, -1 if there is none."""
        prefix = (digest[0] << 8 | digest[1]) >> self._shift
        low: int
        high: int
        low, high = _PAIR.unpack_from(self._view, HEAD_SIZE + 4 * prefix)
        if not low <= high <= self._count:
            raise damaged(self.name, "its fan-out is out of order")
        while high - low > NARROW:
            middle = (low + high) // 2
            if self._digest(middle) <= digest:
                low = middle
            else:
                high = middle
        found = row_of(
            digest, self._view[self._digests + DIGEST_SIZE * low : self._digests + DIGEST_SIZE * high].tobytes()
        )
        return found if found < 0 else low + found

    def _digest(self, position: int) -> bytes:
        start = self._digests + DIGEST_SIZE * position
        return self._view[start : start + DIGEST_SIZE].tobytes()

    def find(self, digest: Digest) -> Location | None:
        """Where the chunk lies."""
        position = self.position(digest)
        return None if position < 0 else self.location(position)

    def location(self, position: int) -> Location:
        """Where the chunk of that row lies."""
        number, *place = LOCATION.unpack_from(self._view, self._locations + LOCATION.size * position)
        if number >= len(self.packs):
            raise damaged(self.name, "it names a pack that it does not list")
        return Location(self.packs[number], *place)

    def heads(self) -> Iterator[int]:
        """The first four bytes of every digest, as numbers."""
        digests = self._view[self._digests : self._locations]
        return (head for (head,) in iter_unpack(">I28x", digests))

    def rows(self) -> Iterator[Row]:
        """All chunks, sorted by digest."""
        packs, kinds = self.packs, self.kinds
        digests = iter_unpack(f"{DIGEST_SIZE}s", self._view[self._digests : self._locations])
        end = self._locations + LOCATION.size * self._count
        places = LOCATION.iter_unpack(self._view[self._locations : end])
        for (digest,), place in zip(digests, places, strict=True):
            number, offset, stored, length, codec = place
            if number >= len(packs):
                raise damaged(self.name, "it names a pack that it does not list")
            yield Row(digest, packs[number], offset, stored, length, codec, kinds[number])


class IndexFile(NamedTuple):
    """A new index, not yet written."""

    name: str
    buffers: list[bytes]
    rows: int


def build_index(rows: Iterable[Row]) -> IndexFile:
    """An index of `rows` in any order; of several with one digest one is kept."""
    return _compose(sorted(rows, key=itemgetter(0)))


def merge_indexes(sources: Iterable[Iterable[Row]]) -> IndexFile:
    """An index of all rows of `sources`, each sorted (`Index.rows` is); of several with one digest one is kept."""
    return _compose(heapq.merge(*sources))


def _compose(rows: Iterable[Row]) -> IndexFile:
    """From sorted rows. Held in memory: 49 bytes a row."""
    numbers: dict[Digest, int] = {}
    kinds: dict[Digest, int] = {}
    digests: list[bytes] = []
    locations: list[bytes] = []
    prefixes: Counter[int] = Counter()
    distinct = _distinct(rows)
    while block := list(islice(distinct, BLOCK)):
        names, packs, offsets, stored, lengths, codecs, pack_kinds = zip(*block, strict=True)
        kinds.update(zip(packs, pack_kinds, strict=True))
        for pack in dict.fromkeys(packs):
            numbers.setdefault(pack, len(numbers))
        digests.append(b"".join(names))
        places = map(LOCATION.pack, map(numbers.__getitem__, packs), offsets, stored, lengths, codecs)
        locations.append(b"".join(places))
        prefixes.update(prefix for (prefix,) in iter_unpack(">H30x", digests[-1]))
    count = prefixes.total()
    bits = fan_out_bits(count)
    buffers = [
        _HEAD.pack(_MAGIC, _VERSION, bits, count, len(numbers)),
        _fan_out(prefixes, bits),
        *digests,
        *locations,
        *numbers,
        bytes(map(kinds.__getitem__, numbers)),
    ]
    hasher = blake3()
    for buffer in buffers:
        hasher.update(buffer)
    return IndexFile(hasher.hexdigest(), buffers, count)


def _distinct(rows: Iterable[Row]) -> Iterator[Row]:
    last = b""
    for row in rows:
        if row[0] > last:
            last = row[0]
            yield row
        elif row[0] < last:
            raise IntegrityError("damaged-index", f"digests are out of order in an index that names {last.hex()}")


def _fan_out(prefixes: Counter[int], bits: int) -> bytes:
    counts = [0] * ((1 << bits) + 1)
    for prefix, count in prefixes.items():
        counts[(prefix >> (16 - bits)) + 1] += count
    return Struct(f"<{len(counts)}I").pack(*accumulate(counts))


def tier(rows: int) -> int:
    """How often `rows` can be divided by eight."""
    return max(0, rows.bit_length() - 1) // 3


def merge_plan(counts: Sequence[int]) -> list[list[int]]:
    """Which indexes, given by their numbers of rows, to merge: groups of positions, each to become one index.

    Eight of one tier become one, which may be the eighth of the next tier and so on: then all of them merge at once.
    """
    tiers: list[list[tuple[int, list[int]]]] = [[] for _ in range(TOP_TIER + 1)]
    for position, count in enumerate(counts):
        tiers[min(tier(count), TOP_TIER)].append((count, [position]))
    for level in range(TOP_TIER):
        if len(tiers[level]) >= MERGED:
            count = sum(count for count, _ in tiers[level])
            merged = [position for _, group in tiers[level] for position in group]
            tiers[level] = []
            tiers[max(min(tier(count), TOP_TIER), level + 1)].append((count, merged))
    return [group for level in tiers for _, group in level if len(group) > 1]
