"""What the runs of a repository said, in a database that follows them: `.art/cache/runs.db`.

    parts     a sealed segment, or what the spool of this machine holds of one (with how far it was read): what it
              adds up to (`runs.said`)
    points    for each part and metric, arrays of steps, values and times: 24 bytes a point, checksummed
    steps     for each part the steps of its rows, 8 bytes each: where several wrote at once, rows are counted by them
    files     files of the run that records name
    said      for each run what its parts add up to: `settled` those up to a place, the other columns all of them

The log and the spools are the truth; see `derived` for what becomes of the file. Each part is read once, whatever comes
after it, so that following costs what is new. Parts stand in the order of `live.place`.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import weakref
import zlib
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from artcli.catalog.derived import Derived
from artcli.catalog.repository import Repository
from artcli.catalog.runs import live, records
from artcli.catalog.runs.live import Heard, Key
from artcli.catalog.runs.said import Batch, Points, Said
from artcli.errors import UNREADABLE, ArtError

R = TypeVar("R")

FORMAT = 3
"""Raise it whenever the tables or what they hold changes."""
SLICE = 2.0
"""Seconds of reading after which what was read is kept, and other processes get their turn."""
HISTORY, SYSTEM = 0, 1
"""Streams of points: what the run logged, samples of its machine."""

_SCHEMA = """
CREATE TABLE followed (state TEXT NOT NULL);
INSERT INTO followed VALUES ('nothing');
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, writer TEXT NOT NULL, n INTEGER NOT NULL, place TEXT NOT NULL,
    sealed INTEGER NOT NULL, offset INTEGER NOT NULL, said TEXT NOT NULL, UNIQUE (run, writer, n));
CREATE INDEX parts_place ON parts (run, place);
CREATE TABLE points (
    part INTEGER NOT NULL, run TEXT NOT NULL, stream INTEGER NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL,
    crc INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX points_key ON points (run, stream, key);
CREATE INDEX points_part ON points (part);
CREATE TABLE steps (part INTEGER NOT NULL, run TEXT NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX steps_run ON steps (run);
CREATE INDEX steps_part ON steps (part);
CREATE TABLE files (part INTEGER NOT NULL, run TEXT NOT NULL, path TEXT NOT NULL, size INTEGER);
CREATE INDEX files_run ON files (run);
CREATE INDEX files_part ON files (part);
CREATE TABLE said (
    run TEXT PRIMARY KEY, settled TEXT NOT NULL, parts INTEGER NOT NULL, place TEXT NOT NULL, config TEXT NOT NULL,
    summary TEXT NOT NULL, rows INTEGER NOT NULL, first REAL, last REAL, spent REAL NOT NULL, rest TEXT NOT NULL)
"""
_BESIDE = ("config", "summary", "rows", "spent")
"""Of what a run adds up to, what has columns of its own."""


class Part(NamedTuple):
    """A row of `parts`; id 0 for one to be."""

    id: int
    key: Key
    place: str
    sealed: int
    offset: int = 0


class RunCache:
    """The cache of a repository; `database` answers questions after `follow`."""

    def __init__(self, repository: Repository) -> None:
        self._repository = weakref.ref(repository)
        self._derived = Derived(repository.path / "cache" / "runs.db", f"runs {FORMAT} {repository.place}", _SCHEMA)
        self.process = os.getpid()
        self.faults: dict[str, ArtError] = {}
        """Runs of which something is missing or damaged, as of the last `follow`."""

    @property
    def repository(self) -> Repository:
        found = self._repository()
        assert found is not None, "who asks has the repository open"
        return found

    @property
    def database(self) -> sqlite3.Connection:
        return self._derived.database

    def follow(self, runs: Collection[str] | None = None) -> None:
        """Read what is new in all runs, or in these; raises as `Repository.refresh`."""
        self.asked(lambda _: None, runs)

    def asked(self, question: Callable[[sqlite3.Connection], R], runs: Collection[str] | None = None) -> R:
        """Follow (these runs), then ask; a cache that turns out to be damaged is made anew first."""

        def ask() -> R:
            self._follow(runs)
            return question(self.database)

        return self._derived.asked(ask)

    # following

    def _follow(self, runs: Collection[str] | None) -> None:
        repository = self.repository
        known = self._offsets()
        heard = live.hear(repository, runs, known)
        repository.refresh()
        self.faults = {}
        if self._behind(heard, runs):
            with repository.reading():
                while not self._step(heard, runs, known):
                    pass

    def _offsets(self) -> dict[Key, int]:
        rows = self.database.execute("SELECT run, writer, n, offset FROM parts WHERE NOT sealed")
        return {(run, writer, n): offset for run, writer, n, offset in rows}

    def _behind(self, heard: Sequence[Heard], runs: Collection[str] | None) -> bool:
        if any(item.lines for item in heard):
            return True
        if runs is not None:
            sealed = {(key, True) for key in self._sealed(runs)}
            unsealed = {(item.key, False) for item in heard if (item.key, True) not in sealed}
            return {(part.key, bool(part.sealed)) for part in self._parts(runs)} != sealed | unsealed
        followed = self.database.execute("SELECT state FROM followed").fetchone()
        return followed != (self.repository.follower.state,) or {item.key for item in heard} != {*self._offsets()}

    def _step(self, heard: Sequence[Heard], runs: Collection[str] | None, known: Mapping[Key, int]) -> bool:
        """Read for a while; whether all is read. `known`: what was read of spools before they were heard."""
        deadline = time.monotonic() + SLICE
        with self._derived.alone():
            parts = {part.key: part for part in self._parts(runs)}
            sealed = self._sealed(runs)
            there = {*sealed, *(item.key for item in heard)}
            gone = [part for key, part in parts.items() if key not in there and (part.sealed or key in known)]
            touched = {self._drop(part) for part in gone}
            done = True
            for key, place in sealed.items():
                part = parts.get(key)
                if part and part.sealed and part.place == place:
                    continue
                if touched and time.monotonic() > deadline:
                    done = False
                    break
                if self._read_segment(Part(0, key, place, 1), part):
                    touched.add(key[0])
            for item in heard:
                if item.key not in sealed and self._read_live(item, parts.get(item.key), known):
                    touched.add(item.key[0])
            for run in touched:
                self._settle(run)
            if done and runs is None and not self.faults:
                self.database.execute("UPDATE followed SET state = ?", (self.repository.follower.state,))
        return done

    def _parts(self, runs: Collection[str] | None) -> list[Part]:
        where, values = _among("run", runs)
        rows = self.database.execute(f"SELECT id, run, writer, n, place, sealed, offset FROM parts{where}", values)
        return [Part(id, (run, writer, n), place, *rest) for id, run, writer, n, place, *rest in rows]

    def _sealed(self, runs: Collection[str] | None) -> dict[Key, str]:
        """The places of the sealed segments of runs that are not purged."""
        where, values = _among("s.run", runs)
        rows = self.repository.follower.database.execute(
            "SELECT s.run, s.writer, s.n, s.resumes, s.since FROM segments s JOIN runs r ON r.id = s.run"
            f"{where}{' AND' if where else ' WHERE'} r.state != 'purged'",
            values,
        )
        return {(run, writer, n): live.place(resumes, since, writer, n) for run, writer, n, resumes, since in rows}

    def _drop(self, part: Part) -> str:
        for table, column in (("points", "part"), ("steps", "part"), ("files", "part"), ("parts", "id")):
            self.database.execute(f"DELETE FROM {table} WHERE {column} = ?", (part.id,))
        return part.key[0]

    def _read_segment(self, part: Part, before: Part | None) -> bool:
        """Read a sealed segment, in the place of what was read of it before; False if it cannot be read."""
        store, said = self.repository.store, Said()
        try:
            chunks = map(store.get, self._chunks(part.key))
            batch = said.absorb(chain.from_iterable(map(records.decode_sealed, chunks)))
        except UNREADABLE as error:
            self.faults[part.key[0]] = error
            return False
        if before is not None:
            self._drop(before)
        self._keep(part, said, batch)
        return True

    def _chunks(self, key: Key) -> list[bytes]:
        question = "SELECT records FROM segments WHERE run = ? AND writer = ? AND n = ?"
        found = self.repository.follower.database.execute(question, key).fetchone()
        return [bytes.fromhex(text) for text in records.from_json(found[0])]

    def _read_live(self, item: Heard, part: Part | None, known: Mapping[Key, int]) -> bool:
        """Read what is new in a spool; False if another process has done so meanwhile."""
        if part is not None and not item.offset and known.get(item.key) == part.offset:
            self._drop(part)  # another file than the one that was read
            part = None
        if (part.offset if part else 0) != item.offset or not item.lines:
            return False
        said = Said()
        if part is not None:
            said = self._said_of(part.id)
        batch = said.absorb(records.decode_all(item.lines))
        part = part or Part(0, item.key, item.place, 0)
        self._keep(part._replace(offset=item.offset + len(item.lines)), said, batch)
        return True

    def _said_of(self, part: int) -> Said:
        return _said(self.database.execute("SELECT said FROM parts WHERE id = ?", (part,)).fetchone()[0])

    def _keep(self, part: Part, said: Said, batch: Batch) -> None:
        run, id = part.key[0], part.id
        text = records.to_json(said.document)
        if id:
            self.database.execute("UPDATE parts SET offset = ?, said = ? WHERE id = ?", (part.offset, text, id))
        else:
            done = self.database.execute(
                "INSERT INTO parts (run, writer, n, place, sealed, offset, said) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*part.key, part.place, part.sealed, part.offset, text),
            )
            id = done.lastrowid or 0
        for stream, found in ((HISTORY, batch.history), (SYSTEM, batch.system)):
            self.database.executemany(
                "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(id, run, stream, bindable(key), *_packed(points)) for key, points in found.items()],
            )
        if batch.steps:
            data = _little(batch.steps)
            self.database.execute("INSERT INTO steps VALUES (?, ?, ?, ?)", (id, run, zlib.crc32(data), data))
        sizes = ((bindable(path), size if isinstance(size, int) else None) for path, size in batch.files.items())
        self.database.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", [(id, run, *item) for item in sizes])

    # adding up

    def _settle(self, run: str) -> None:
        """Add up the parts of a run: those that came after what was settled before, or all if that is another now."""
        row = self.database.execute("SELECT settled, parts, place FROM said WHERE run = ?", (run,)).fetchone()
        settled, parts, upto = Said(), 0, ""
        if row and row[1] == self._count(run, row[2]):
            settled, parts, upto = _said(row[0]), row[1], row[2]
        rows = self.database.execute(
            "SELECT place, sealed, said FROM parts WHERE run = ? AND place > ? ORDER BY place", (run, upto)
        )
        whole: Said | None = None
        for place, sealed, text in rows:
            if sealed and whole is None:
                settled.add(_said(text))
                parts, upto = parts + 1, place
            else:
                whole = whole or _said(records.to_json(settled.document))
                whole.add(_said(text))
        self._put(run, (records.to_json(settled.document), parts, upto), whole or settled)

    def _count(self, run: str, place: str) -> int:
        """Parts up to a place; none if one of them is not sealed."""
        row = self.database.execute(
            "SELECT COUNT(*) * MIN(sealed) FROM parts WHERE run = ? AND place <= ?", (run, place)
        ).fetchone()
        return row[0] or 0

    def _put(self, run: str, settled: tuple[str, int, str], said: Said) -> None:
        rest = {key: value for key, value in said.document.items() if key not in _BESIDE}
        first, last = said.times or (None, None)
        rows = self._distinct(run) if said.crossed else said.rows
        row = (
            run, *settled, records.to_json(said.settings), records.to_json(said.outcome), rows, first, last, said.spent,
            records.to_json(rest),
        )  # fmt: skip
        self.database.execute(f"INSERT OR REPLACE INTO said VALUES ({', '.join('?' * len(row))})", row)

    def _distinct(self, run: str) -> int:
        """How many steps the rows of a run have."""
        import numpy

        pieces = []
        for crc, data in self.database.execute("SELECT crc, data FROM steps WHERE run = ?", (run,)):
            if zlib.crc32(data) != crc:
                raise sqlite3.DatabaseError("steps are damaged")
            pieces.append(numpy.frombuffer(data, "<i8"))
        return len(numpy.unique(numpy.concatenate(pieces))) if pieces else 0


_CACHES: weakref.WeakKeyDictionary[Repository, RunCache] = weakref.WeakKeyDictionary()


def cache_of(repository: Repository) -> RunCache:
    """The cache of an open repository: one in each process that has it open."""
    found = _CACHES.get(repository)
    if found is None or found.process != os.getpid():
        found = _CACHES[repository] = RunCache(repository)
    return found


def bindable(text: str) -> str:
    """The text as SQLite takes it: what is no UTF-8 in it spelt out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def unpacked(count: int, crc: int, data: bytes) -> bytes:
    """The bytes of points: all steps, all values, all times, 8 bytes each, little-endian.

    Raises sqlite3.DatabaseError if they are damaged.
    """
    if len(data) != 24 * count or zlib.crc32(data) != crc:
        raise sqlite3.DatabaseError("points are damaged")
    return data


def _packed(points: Points) -> tuple[int, int, bytes]:
    data = _little(points.steps) + _little(points.values) + _little(points.times)
    return len(points.steps), zlib.crc32(data), data


def _little(values: array[Any]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _said(text: str) -> Said:
    try:
        return Said.of(records.from_json(text))
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"what a run said is damaged: {error}") from error


def _among(column: str, values: Collection[str] | None) -> tuple[str, Sequence[str]]:
    if values is None:
        return "", ()
    return f" WHERE {column} IN ({', '.join('?' * len(values))})", tuple(values)
