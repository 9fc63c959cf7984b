"""The store made whole, as far as what is here goes; then what versions still lack is taken from donors.

    good chunks of damaged packs       move to new packs
    lost indexes                       are made anew from the tables of the packs that no sound index lists
    indexes that list damaged packs    are written anew without them
    one log entry says all of that     then what it replaces moves to lost+found

A chunk that stays lost is listed nowhere afterwards, so that logging the same file again brings it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from itertools import chain

from artcli.buckets.disk import DiskBucket
from artcli.catalog.facts import Draft
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.flows.careful import digest_of_file, read
from artcli.flows.collect.sweep import PACK, dust, look
from artcli.flows.fsck.bits import BitSearch
from artcli.flows.fsck.donors import Giver
from artcli.flows.fsck.findings import Mended
from artcli.flows.fsck.lost_found import move_away
from artcli.flows.fsck.store_check import Level, StoreState, chunk_of, examine_store, is_chunk, rows_in
from artcli.flows.fsck.versions_check import Walk
from artcli.progress import Progress
from artcli.store.codec import Tuner
from artcli.store.index import IndexFile, build_index, index_key, merge_indexes
from artcli.store.pack import DATA, Frame, Location, Row, Table, pack_key, read_table
from artcli.store.store import Store, verified
from artcli.store.writer import Writer

GROUP = 128 * 1024
"""Rows of an index that is made anew."""

REASON = "fsck --repair"


class StoreRepair:
    """The repair of the store of an open repository; the lock is held."""

    def __init__(
        self, repository: Repository, level: Level, donors: Sequence[Giver], bits: BitSearch, progress: Progress
    ) -> None:
        self.repository = repository
        self.bucket = DiskBucket(repository.path)
        self.level = max(level, Level.DEFAULT)
        self.donors = donors
        self.bits = bits
        self.progress = progress
        self._saved: Counter[Digest] = Counter()
        self._corrected = 0

    def run(self, *, adopt: bool) -> Iterator[Mended]:
        """Repair it. `adopt`: what no index lists may be needed, as after the loss of a log entry."""
        state = examine_store(self.bucket, self.repository.catalog.indexes(), self.level, self.progress)
        if not state.is_sound or adopt:
            yield from self._mend(state, adopt or bool(state.bad_indexes))
        if self.donors:
            yield from self._heal()

    def set_dust_aside(self) -> Iterator[Mended]:
        """Move away what nothing names: where log entries are lost it may be what they named."""
        live = self.repository.catalog.indexes()
        packs = {pack for index in Store(self.bucket, live).indexes for pack in index.packs}
        found = dust(look(self.bucket), packs, set(live))
        keys = [*map(index_key, found.indexes), *map(pack_key, found.packs)]
        for key in keys:
            move_away(self.bucket, key)
        if keys:
            yield Mended("pack", "packs", f"{len(keys)} files that no log entry names any more moved to lost+found")

    # --- what is here ---

    def _mend(self, state: StoreState, adopt: bool) -> Iterator[Mended]:
        away = {pack_key(pack) for pack in state.bad_packs}
        for name in state.bad_indexes:
            move_away(self.bucket, index_key(name))  # at once: it may be made anew under the same name
        with Store(self.bucket, ()).writer() as writer:  # which knows no chunk, so that it takes each
            # small chunks first: the time for correcting bits goes furthest with them
            there = {pack for pack, bad in state.bad_packs.items() if bad.error.slug != "missing-pack"}
            for row in sorted(rows_in(state.indexes, there), key=lambda row: row.stored):
                self._saved[row.pack] += self._save(writer, row)
            tables: list[Table] = []
            for pack in self._unlisted(state) if adopt else ():
                if not self._adopt(pack, writer, tables):
                    away.add(pack_key(pack))
            add = writer.flush().add
        remove = list(state.bad_indexes)
        for index in state.indexes:
            if not state.bad_packs.keys().isdisjoint(index.packs):
                kept = (row for row in index.rows() if row.pack not in state.bad_packs)
                add += self._write(merge_indexes([kept]))
                remove.append(index.name)
        for group in _groups(tables):
            add += self._write(build_index(chain.from_iterable(table.rows() for table in group)))
        self._commit(add, remove)
        away.update(index_key(name) for name in remove if name not in add)
        for key in sorted(away):
            move_away(self.bucket, key)
        yield from self._statements(state, away)

    def _save(self, writer: Writer, row: Row) -> bool:
        """Put a chunk into a new pack, if it is sound, or but for one bit."""
        stored = chunk_of(self.bucket, row) or self._correct(row)
        if stored is None:
            return False
        if row.kind == DATA:
            writer.add(Frame(row.digest, row.codec, row.length, row.stored, [stored]))
        else:
            writer.put(verified(row.digest, Location(*row[1:6]), stored))
        return True

    def _correct(self, row: Row) -> bytes | None:
        """The stored bytes of a damaged chunk, if turning one bit makes them right."""
        try:
            stored = read(self.bucket, pack_key(row.pack), row.offset, row.stored)
        except IntegrityError:
            return None
        if len(stored) < row.stored or not any(stored):
            return None
        self.progress.phase("trying to correct one bit")
        found = self.bits.search(stored, lambda changed: is_chunk(row, changed))
        self._corrected += found is not None
        return found

    def _adopt(self, pack: Digest, writer: Writer, tables: list[Table]) -> bool:
        """Let a pack that no index lists be listed again, or at least its good chunks; False if it is damaged."""
        try:
            table = read_table(self.bucket, pack)
            sound = digest_of_file(self.bucket, pack_key(pack))[0] == pack
        except IntegrityError:
            return False
        if sound:
            tables.append(table)
            return True
        for row in table.rows():
            self._save(writer, row)
        return False

    def _unlisted(self, state: StoreState) -> list[Digest]:
        listed: Set[Digest] = {pack for index in state.indexes for pack in index.packs}
        return sorted(state.there.packs.keys() - listed)

    def _write(self, file: IndexFile) -> list[str]:
        """Write an index; its name, or nothing if it lists nothing."""
        if not file.rows:
            return []
        self.bucket.add(index_key(file.name), file.buffers)
        return [file.name]

    def _commit(self, add: list[str], remove: list[str]) -> None:
        fresh, gone = [name for name in add if name not in remove], [name for name in remove if name not in add]
        if fresh or gone:
            data = {"add": fresh, "remove": gone}
            self.repository.commit(lambda _, make: [make(Draft("index", data, REASON))])

    def _statements(self, state: StoreState, away: set[str]) -> Iterator[Mended]:
        for name in state.bad_indexes:
            yield Mended("index", index_key(name), "made anew from the packs")
        for pack, bad in state.bad_packs.items():
            saved = self._saved[pack]
            yield Mended("pack", pack_key(pack), f"{saved} of its {bad.listed} chunks are in a new pack")
            away.discard(pack_key(pack))
        if self._corrected:
            yield Mended("chunk", "bits", f"{self._corrected} chunks had one wrong bit, which was corrected")
        for key in sorted(away):
            if PACK.fullmatch(key):
                yield Mended("pack", key, "moved away")

    # --- what donors have ---

    def _heal(self) -> Iterator[Mended]:
        """Walk through all versions and take what is missing from donors."""
        self.progress.phase("reading manifests")
        repository = self.repository
        repository.refresh()
        store = Store(self.bucket, repository.catalog.indexes())
        with Store(self.bucket, ()).writer() as writer:
            healing = _Healing(store, writer, self.donors)
            walk = Walk(healing, store.indexes, healing.cause, lambda: None)
            for version in list(repository.catalog.versions(states=(LIVE, TRASH))):
                for _ in walk.version(version):
                    pass  # the examination that follows tells what is lost
            register = Register(repository.catalog.database)
            told = [text.digest for text in repository.catalog.texts()]
            told += [text.digest for text in register.texts((LIVE, TRASH))]
            for digest in told:
                with suppress(IntegrityError):  # here and below: the same
                    healing.get(digest)
            for segment in register.holding((LIVE, TRASH)):
                for _ in walk.segment(segment, ""):
                    pass
                for chunk in (*segment.records, *segment.console):
                    with suppress(IntegrityError):
                        healing.get(chunk)
            flushed = writer.flush()
        self._commit(flushed.add, [])
        for directory, count in healing.given.items():
            yield Mended("chunk", directory, f"{count} {'chunk' if count == 1 else 'chunks'} taken from there")


class _Healing:
    """A store that asks donors for what it lacks, and keeps it."""

    def __init__(self, store: Store, writer: Writer, donors: Sequence[Giver]) -> None:
        self.store = store
        self.writer = writer
        self.donors = donors
        self.given: dict[str, int] = {}

    def get(self, digest: Digest) -> bytes:
        try:
            return self.store.get(digest)
        except IntegrityError:
            if digest in self.writer:
                return self.writer.get(digest)
            data = self._donated(digest)
            if data is None:
                raise
        self.writer.put(data)
        return data

    def cause(self, digest: Digest) -> str | None:
        if digest in self.store or digest in self.writer:
            return None
        data = self._donated(digest)
        if data is None:
            return ""
        frame = self.writer.encode(digest, data, Tuner())
        if frame is not None:
            self.writer.add(frame)
        return None

    def _donated(self, digest: Digest) -> bytes | None:
        for donor in self.donors:
            if (data := donor.get(digest)) is not None:
                name = donor.name
                self.given[name] = self.given.get(name, 0) + 1
                return data
        return None


def _groups(tables: Sequence[Table]) -> Iterator[list[Table]]:
    """Tables together, so many that their index stays small."""
    group: list[Table] = []
    count = 0
    for table in tables:
        group.append(table)
        count += table.count
        if count >= GROUP:
            yield group
            group, count = [], 0
    if group:
        yield group
