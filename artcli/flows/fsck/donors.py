"""Where a repair takes what is lost here: another repository, a copy of this one, a remote. Everything is verified.

A donor may be damaged itself. Its log is not asked which indexes are live: any index and any pack that is sound serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.catalog.log import ENTRY_SIZE, SEGMENT, Log, LogEntry, decode, encode, entry_key
from artcli.catalog.repository import FOLDER
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError, NoRepositoryError
from artcli.flows.careful import open_index, read
from artcli.flows.collect.sweep import look
from artcli.store.index import Index, build_index
from artcli.store.pack import Table, read_table, read_tables
from artcli.store.store import Store, fetch


class Giver(Protocol):
    """What every donor does."""

    @property
    def name(self) -> str:
        """As the user knows it."""

    def entry(self, n: int) -> bytes | None:
        """The bytes of log entry `n`, if they are whole; whether they are of this repository is for the caller."""

    def get(self, digest: Digest) -> bytes | None:
        """A chunk, verified, if the donor has it."""


class Away(NamedTuple):
    """A donor that is a place far away."""

    name: str
    bucket: Bucket


class Donor:
    """The repository in `directory`, or the `.art` folder that this is."""

    def __init__(self, directory: Path) -> None:
        """Raises `NoRepositoryError` (`no-repository`) if nothing there is one."""
        inside = directory / FOLDER
        self.path = inside if inside.is_dir() else directory
        if not any((self.path / name).is_dir() for name in ("packs", "log", "index")):
            raise NoRepositoryError("no-repository", f"no art repository at {directory}", hint="art fsck --help")
        self.name = str(self.path)
        self._bucket = DiskBucket(self.path)
        self._indexes: list[Index] | None = None

    def entry(self, n: int) -> bytes | None:
        return _entry(self._bucket, n)

    def get(self, digest: Digest) -> bytes | None:
        if self._indexes is None:
            self._indexes = self._open()
        for index in self._indexes:
            location = index.find(digest)
            try:
                if location is not None:
                    return bytes(fetch(self._bucket, digest, location))
            except (IntegrityError, OSError):
                continue  # another index may know a sound copy
        return None

    def _open(self) -> list[Index]:
        indexes = []
        there = look(self._bucket)
        for name in there.indexes:
            try:
                indexes.append(open_index(self._bucket, name))
            except IntegrityError:
                continue  # its packs are looked into below
        listed = {pack for index in indexes for pack in index.packs}
        return indexes + self._index_of([pack for pack in there.packs if pack not in listed])

    def _index_of(self, packs: Sequence[Digest]) -> list[Index]:
        """An index in memory of packs that no index lists."""
        tables = []
        for pack in packs:
            try:
                tables.append(read_table(self._bucket, pack))
            except IntegrityError:
                continue  # a damaged donor gives what it can
        return _index_of(tables)


class FarDonor:
    """A place far away: small indexes are fetched, large ones and packs without an index are looked into."""

    def __init__(self, path: Path, place: Away) -> None:
        """`path`: the `.art` folder that is repaired. Nothing is asked yet."""
        self.name = place.name
        self._bucket = place.bucket
        self._folder = path / "cache" / "donors" / digest_of(place.name.encode()).hex()[:16]
        self._store: Store | None = None
        self._extra: list[Index] = []

    def entry(self, n: int) -> bytes | None:
        return _entry(self._bucket, n)

    def get(self, digest: Digest) -> bytes | None:
        store = self._store or self._open()
        try:
            return store.get(digest)
        except IntegrityError:
            pass  # a pack that no index lists may have it
        for index in self._extra:
            location = index.find(digest)
            try:
                if location is not None:
                    return bytes(fetch(self._bucket, digest, location))
            except IntegrityError:
                continue  # what is damaged there, too
        return None

    def _open(self) -> Store:
        there = look(self._bucket)
        self._store = Store(self._bucket, sorted(there.indexes), remote=self._folder)
        listed = {pack for packs in self._store.listed.values() for pack in packs}
        unlisted = {pack: size for pack, (size, _) in there.packs.items() if pack not in listed}
        tables = read_tables(self._bucket, unlisted).values()
        self._extra = _index_of([table for table in tables if isinstance(table, Table)])
        return self._store


def _index_of(tables: Sequence[Table]) -> list[Index]:
    file = build_index(chain.from_iterable(table.rows() for table in tables))
    return [Index(file.name, memoryview(b"".join(file.buffers)))] if file.rows else []


def _entry(bucket: Bucket, n: int) -> bytes | None:
    try:
        data = read(bucket, entry_key(n), 0, ENTRY_SIZE + 1)
        decode(n, data)
        return data
    except IntegrityError:
        return next((encoded(entry) for entry in sealed(bucket, n) if entry.n == n), None)


def sealed(bucket: Bucket, n: int) -> Iterator[LogEntry]:
    """The entries of the segment that has entry `n`, as far as it is sound."""
    try:
        yield from Log(bucket, "").segment(n // SEGMENT)
    except (Missing, IntegrityError, OSError):
        return


def encoded(entry: LogEntry) -> bytes:
    """The bytes that the entry was read from."""
    return encode(entry.n, entry.previous, entry.place, [fact.line for fact in entry.facts])
