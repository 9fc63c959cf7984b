"""Indexes and packs: each is what its name says, and they agree.

each live index    its digest; its form; its digests in order
each pack that     is there, and long enough for what indexes say
one of them lists  its digest; its table says of each chunk what the index says      (not if quick)
                   each of its chunks, decoded and hashed                            (if full, or if it is damaged)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from artcli.buckets.bucket import Bucket
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError
from artcli.flows.careful import digest_of_file, load_pack, open_index, read
from artcli.flows.collect.plan import ENDS, ROW
from artcli.flows.collect.sweep import Found, look
from artcli.flows.fsck.findings import Finding
from artcli.progress import Progress
from artcli.store.index import Index, index_key
from artcli.store.pack import Location, Row, Table, damages, is_possible, pack_key, read_table
from artcli.store.store import verified
from artcli.threads import ahead, worker_count


class Level(IntEnum):
    """How thoroughly."""

    QUICK = 0
    DEFAULT = 1
    FULL = 2


class StoreState:
    """What is known of the live indexes and their packs."""

    def __init__(self, bucket: Bucket, there: Found) -> None:
        self.bucket = bucket
        self.there = there
        self.indexes: list[Index] = []
        """Those that are sound."""
        self.bad_indexes: dict[str, IntegrityError] = {}
        self.bad_packs: dict[Digest, BadPack] = {}
        self.packs = 0
        """Packs that were looked at."""
        self.size = 0
        """Bytes of them that were read."""

    def findings(self) -> Iterator[Finding]:
        """Its damage."""
        for name, error in sorted(self.bad_indexes.items()):
            yield Finding("index", index_key(name), error.slug, _without_name(error, name))
        for pack, bad in sorted(self.bad_packs.items()):
            lost = len(bad.chunks)
            of = (
                f"; {lost} of its {bad.listed} chunks {'is' if lost == 1 else 'are'} lost"
                if lost
                else "; its chunks are sound"
            )
            yield Finding("pack", pack_key(pack), bad.error.slug, _without_name(bad.error, pack.hex()) + of)

    @property
    def is_sound(self) -> bool:
        return not self.bad_indexes and not self.bad_packs

    def cause(self, digest: Digest) -> str | None:
        """None if a sound copy of the chunk is there; else what is damaged, "" if nothing that is there."""
        cause = ""
        for index in self.indexes:
            location = index.find(digest)
            if location is None:
                continue
            bad = self.bad_packs.get(location.pack)
            if bad is None or digest not in bad.chunks:
                return None
            cause = pack_key(location.pack)
        return cause or next((index_key(name) for name in self.bad_indexes), "")


class BadPack(NamedTuple):
    """A damaged pack."""

    error: IntegrityError
    listed: int
    """Chunks that indexes list in it."""
    chunks: Set[Digest]
    """Those of them that are damaged."""


class Extent(NamedTuple):
    """What one index says of one pack."""

    chunks: int
    least: int
    """Bytes that the pack must have at least."""


class Reach(NamedTuple):
    """How the files of a store are come by."""

    open: Callable[[str], Index]
    """The index of that name, after all its bytes were found right."""
    tables: Callable[[Mapping[Digest, int]], Iterator[Table | IntegrityError]] | None = None
    """The tables of packs of these sizes, in order, where they are believed without a look at all their bytes."""


def examine_store(
    bucket: Bucket,
    live: Sequence[str],
    level: Level,
    progress: Progress,
    only: Set[Digest] | None = None,
    reach: Reach | None = None,
) -> StoreState:
    """Look at the live indexes and their packs (or `only` some of those)."""
    state = StoreState(bucket, look(bucket))
    reach = reach or Reach(partial(open_index, bucket))
    extents = _examine_indexes(state, live, reach)
    packs = {pack for extent in extents.values() for pack in extent if only is None or pack in only}
    errors = _examine_presence(state, extents, packs)
    state.packs = len(packs)
    if level > Level.QUICK:
        errors |= _examine_packs(state, extents, sorted(packs - set(errors)), level, progress, reach)
    _examine_damage(state, errors)
    return state


def _without_name(error: IntegrityError, name: str) -> str:
    """The message, in a place where the name stands already."""
    text, _, last = error.message.rpartition(": ")
    return text if last.endswith(name) else error.message


# --- indexes ---


def _examine_indexes(state: StoreState, live: Sequence[str], reach: Reach) -> dict[Index, dict[Digest, Extent]]:
    extents = {}
    for name in live:
        try:
            index = reach.open(name)
            extents[index] = _extents(index)
            state.indexes.append(index)
        except IntegrityError as error:
            state.bad_indexes[name] = error
    return extents


def _extents(index: Index) -> dict[Digest, Extent]:
    """For each pack what the index says of it; raises `IntegrityError` `damaged-index` for what no writer writes."""
    counts: Counter[Digest] = Counter()
    sizes: Counter[Digest] = Counter()
    last = b""
    for row in index.rows():
        if row.digest <= last or not is_possible(Location(*row[1:6])):
            raise IntegrityError("damaged-index", f"it lists what cannot be: index {index.name}")
        last = row.digest
        counts[row.pack] += 1
        sizes[row.pack] += row.stored + ROW
    return {pack: Extent(count, sizes[pack] + ENDS) for pack, count in counts.items()}


# --- packs ---


def _examine_presence(
    state: StoreState, extents: dict[Index, dict[Digest, Extent]], packs: Set[Digest]
) -> dict[Digest, IntegrityError]:
    errors = {}
    for of_index in extents.values():
        for pack in of_index.keys() & packs:
            size = state.there.packs.get(pack, (-1, 0.0))[0]
            if size < 0:
                errors[pack] = IntegrityError("missing-pack", f"it is not there: pack {pack.hex()}")
            elif size < of_index[pack].least:
                errors[pack] = IntegrityError("damaged-pack", f"it is too short for its chunks: pack {pack.hex()}")
    return errors


def _examine_packs(
    state: StoreState,
    extents: dict[Index, dict[Digest, Extent]],
    packs: Sequence[Digest],
    level: Level,
    progress: Progress,
    reach: Reach,
) -> dict[Digest, IntegrityError]:
    total = sum(state.there.packs[pack][0] for pack in packs)
    progress.phase("reading packs", files=len(packs), size=total)
    listing: dict[Digest, list[Index]] = {}
    for index, of_index in extents.items():
        for pack in of_index:
            listing.setdefault(pack, []).append(index)
    errors = {}
    results: Iterator[Table | IntegrityError]
    if whole := level == Level.FULL or reach.tables is None:
        check = partial(_check_pack, state.bucket, full=level == Level.FULL)
        results = ahead(check, packs, workers=worker_count())
    else:
        results = reach.tables({pack: state.there.packs[pack][0] for pack in packs})
    for pack, result in zip(packs, results, strict=True):
        size = state.there.packs[pack][0]
        state.size += size * whole
        progress.advance(files=1, size=size)
        try:
            if isinstance(result, IntegrityError):
                raise result
            for index in listing[pack]:
                _agree(index, result, extents[index][pack].chunks)
        except IntegrityError as error:
            errors[pack] = error
    return errors


def _check_pack(bucket: Bucket, pack: Digest, *, full: bool) -> Table | IntegrityError:
    """The table of a sound pack, or what is wrong with it."""
    try:
        if full:
            memory, _ = load_pack(bucket, pack)
            for _, error in damages(memory, pack):
                return error
            return read_table(memory, pack)
        digest, _ = digest_of_file(bucket, pack_key(pack))
        if digest != pack:
            return IntegrityError("damaged-pack", f"its bytes are not those it is named by: pack {pack.hex()}")
        return read_table(bucket, pack)
    except IntegrityError as error:
        return error


def _agree(index: Index, table: Table, chunks: int) -> None:
    """Raise `IntegrityError` unless the index says of each chunk in the pack what the pack says."""
    agreed = 0
    for row in table.rows():
        location = index.find(row.digest)
        if location is not None and location.pack == table.pack:
            agreed += location == row[1:6]
    if agreed != chunks:
        raise IntegrityError(
            "damaged-index",
            f"index {index.name} and pack {table.pack.hex()} disagree about {chunks - agreed} chunks",
        )


# --- damaged packs, chunk by chunk ---


def _examine_damage(state: StoreState, errors: dict[Digest, IntegrityError]) -> None:
    """Find out which chunks of damaged packs are damaged."""
    counts: Counter[Digest] = Counter()
    lost: dict[Digest, set[Digest]] = {pack: set() for pack in errors}
    for row in rows_in(state.indexes, set(errors)):
        counts[row.pack] += 1
        if errors[row.pack].slug == "missing-pack" or chunk_of(state.bucket, row) is None:
            lost[row.pack].add(row.digest)
    for pack, error in errors.items():
        state.bad_packs[pack] = BadPack(error, counts[pack], lost[pack])


def rows_in(indexes: Sequence[Index], packs: Set[Digest]) -> Iterator[Row]:
    """All rows that lie in one of these packs."""
    for index in indexes:
        if not packs.isdisjoint(index.packs):
            for row in index.rows():
                if row.pack in packs:
                    yield row


def chunk_of(bucket: Bucket, row: Row) -> bytes | None:
    """The stored bytes of a chunk, if they are sound."""
    try:
        stored = read(bucket, pack_key(row.pack), row.offset, row.stored)
    except IntegrityError:
        return None
    return stored if is_chunk(row, stored) else None


def is_chunk(row: Row, stored: Buffer) -> bool:
    """Whether these bytes are what the pack should hold there."""
    try:
        verified(row.digest, Location(*row[1:6]), stored)
    except IntegrityError:
        return False
    return True
