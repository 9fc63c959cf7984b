"""The stat cache: when these folders had these stats, the sources equalled that manifest.

A *tree* is a list of sources; it has the root page of the manifest that it equalled, and a row for each folder.
Digests are not here: they are in the manifest. New rows gather in a temporary table of SQLite's own while a walk
goes on, and become part of the file in one short transaction, if nobody else has saved the tree meanwhile: then
theirs stays.

The file is a cache: it is never fsynced, each row carries a checksum bound to its place, a tree knows the sum of
them, and whatever is wrong with the file (cut short, foreign, of another version) costs one full walk: it is
deleted and made anew. A file that is locked or cannot be written is left alone, and nothing is known or remembered.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from blake3 import blake3

from artcli.content import digest_of
from artcli.database import Connection, journal_of
from artcli.errors import ArtError
from artcli.files.listing import RECORD_SIZE
from artcli.files.rows import Row
from artcli.files.sources import Source, tree_name

FILE_NAME = "stat.db"
APPLICATION = 0x61727463
VERSION = 1
MOST_TREES = 64
"""Trees remembered; the one saved longest ago goes first."""
PATIENCE = 0.5
"""Seconds to wait for another process's transaction."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE tree (
    id INTEGER PRIMARY KEY, name BLOB UNIQUE NOT NULL, root BLOB NOT NULL, stamp BLOB NOT NULL,
    rows INTEGER NOT NULL, sum BLOB NOT NULL, mark BLOB NOT NULL, saved REAL NOT NULL
);
CREATE TABLE row (
    tree INTEGER NOT NULL, key BLOB NOT NULL, mark BLOB NOT NULL, data BLOB NOT NULL, UNIQUE (tree, key)
);
"""


class _Damaged(Exception):
    """The file's bytes are not what was written."""


class StatCache:
    """The stat cache in a directory for caches. One thread at a time; any number of processes."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._db: sqlite3.Connection | None = None
        self._known: Known | None = None

    def __enter__(self) -> StatCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was not saved, and let go of the file."""
        self._release()
        if self._db is not None:
            self._db.close()
            self._db = None

    def tree(self, sources: Sequence[Source]) -> Known:
        """What is known of `sources`: nothing if they are new or the file is damaged, locked or cannot be made.

        What an earlier call gave is of no use any more, and remembers nothing.
        """
        name = tree_name(sources)
        self._release()
        self._known = self._tree(name)
        return self._known

    def _release(self) -> None:
        """The last tree no longer holds its state of the file, and forgets what it has not saved."""
        if self._known is not None:
            self._known.close()
            self._known = None

    def _tree(self, name: bytes) -> Known:
        for _ in range(2):
            try:
                db = self._open()
                return Known(db, name, *_check_tree(db, name))
            except sqlite3.OperationalError:
                break
            except (sqlite3.DatabaseError, _Damaged):
                self._discard()
            except OSError:
                break
        self.close()
        return Known(None, name)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, factory=Connection
            )
            _prepare(self._db, journal_of(self.path))
        return self._db

    def _discard(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)


def _prepare(db: sqlite3.Connection, journal: str) -> None:
    """Set the connection up, and make the tables of a new file; raises `_Damaged` for a foreign one."""
    db.execute("PRAGMA synchronous = OFF")
    if (
        db.execute("PRAGMA user_version").fetchone() == (0,)
        and not db.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        db.execute(f"PRAGMA journal_mode = {journal}")
        try:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except sqlite3.OperationalError:
            _end(db)
            if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise
    found = (*db.execute("PRAGMA application_id").fetchone(), *db.execute("PRAGMA user_version").fetchone())
    if found != (APPLICATION, VERSION):
        raise _Damaged
    db.execute("CREATE TEMP TABLE staged (key BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID")


def _end(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("COMMIT")


def _mark(name: bytes, key: bytes, data: bytes) -> bytes:
    hasher = blake3(b"".join((name, len(key).to_bytes(4, "little"), key)))
    hasher.update(data)
    return hasher.digest()[:8]


def _tree_mark(name: bytes, root: bytes, stamp: bytes, rows: int, total: bytes) -> bytes:
    return digest_of(b"".join((name, root, stamp, rows.to_bytes(8, "little"), total)))[:8]


def _check_tree(db: sqlite3.Connection, name: bytes) -> tuple[int | None, bytes | None, bytes]:
    """(id, root page, stamp) of a tree, all of whose rows have been read and found right; raises `_Damaged`.

    A transaction stays open: the rows must be read again as they are now, whatever others save meanwhile.
    """
    db.execute("BEGIN")
    try:
        found = db.execute("SELECT id, root, stamp, rows, sum, mark FROM tree WHERE name = ?", (name,)).fetchone()
        if found is None:
            return None, None, b""
        number, root, stamp, rows, total, mark = found
        if not isinstance(rows, int) or mark != _tree_mark(name, root, stamp, rows, total):
            raise _Damaged
        count = summed = 0
        for key, its_mark, data in db.execute("SELECT key, mark, data FROM row WHERE tree = ?", (number,)):
            if its_mark != _mark(name, key, data):
                raise _Damaged
            count += 1
            summed += int.from_bytes(its_mark, "little")
        if (count, _total(summed)) != (rows, total):
            raise _Damaged
        return number, root, stamp
    except (TypeError, AttributeError, ValueError) as error:
        raise _Damaged from error  # a column of another type


def _total(summed: int) -> bytes:
    return (summed % (1 << 64)).to_bytes(8, "little")


class Known:
    """What the cache knows of one tree, and what a walk has learnt anew."""

    def __init__(
        self,
        db: sqlite3.Connection | None,
        name: bytes,
        number: int | None = None,
        root: bytes | None = None,
        stamp: bytes = b"",
    ) -> None:
        self._db = db
        self._name = name
        self._number = number
        self._stamp = stamp
        self._fresh = False
        self._incomplete = False
        self.root = root
        """The root page of the manifest that the rows describe."""
        self._rows: Iterator[tuple[bytes, bytes]] = iter(())
        self._next: tuple[bytes, bytes] | None = None
        self._distrusted: list[bytes] = []

    def close(self) -> None:
        """End the transaction in which rows are read; nothing is known or remembered from now on."""
        if self._db is not None:
            _end(self._db)
            self._db = None
        self.root = None

    def forget(self) -> None:
        """The manifest is of no use any more: every file is to be looked at."""
        self.root = None
        self._fresh = True

    # --- for a walk, in its order ---

    def begin(self) -> None:
        """A walk begins."""
        self._distrusted = []
        self._rows = iter(())
        if self._db is not None:
            self._db.execute("DELETE FROM staged")
            if self.root is not None:
                self._rows = self._db.execute("SELECT key, data FROM row WHERE tree = ? ORDER BY key", (self._number,))
        self._next = self._read()

    def take(self, key: bytes) -> Row | None:
        """The row of a folder; folders are asked for in ascending order of their key."""
        while self._next is not None and self._next[0] < key:
            self.drop(self._next[0])
            self._next = self._read()
        if self._next is None or self._next[0] != key:
            return None
        row = Row(self._next[1])
        self._next = self._read()
        return row

    def _read(self) -> tuple[bytes, bytes] | None:
        try:
            return next(self._rows, None)
        except sqlite3.Error as error:
            raise _failed(error) from error

    def peek(self, key: bytes) -> Row | None:
        """The row of a folder further on."""
        if self._db is None or self.root is None:
            return None
        try:
            found = self._db.execute("SELECT data FROM row WHERE tree = ? AND key = ?", (self._number, key)).fetchone()
        except sqlite3.Error as error:
            raise _failed(error) from error
        return Row(found[0]) if found else None

    def stage(self, key: bytes, data: bytes) -> None:
        """The folder's row is to be this."""
        self._stage(key, data)

    def drop(self, key: bytes) -> None:
        """The folder is to have no row."""
        self._stage(key, None)

    def _stage(self, key: bytes, data: bytes | None) -> None:
        if self._db is None:
            return
        try:
            self._db.execute("INSERT OR REPLACE INTO staged VALUES (?, ?)", (key, data))
        except sqlite3.Error:
            self._incomplete = True  # no room for temporary files: the walk goes on, and is not remembered

    # --- for the caller of the walk ---

    def distrust(self, path: bytes) -> None:
        """The file at `path` was not as the walk saw it when it was read: look at it again the next time."""
        self._distrusted.append(path)

    def save(self, root: bytes) -> bool:
        """Remember that the walked tree equals the manifest of this root page; False if that could not be kept."""
        db = self._db
        if db is None or self._incomplete:
            return False
        try:
            if root == self.root and not self._distrusted and not _one(db, "SELECT count(*) FROM staged"):
                return True
            self._next, self._rows = None, iter(())
            _end(db)
            db.execute("BEGIN IMMEDIATE")
            try:
                if not self._is_unchanged(db):
                    return False
                self._write(db, root)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except sqlite3.Error:
            return False  # locked, read-only, disk full: a cache that stays as it was is still right
        return True

    def _is_unchanged(self, db: sqlite3.Connection) -> bool:
        found = db.execute("SELECT stamp FROM tree WHERE name = ?", (self._name,)).fetchone()
        return (found[0] if found else b"") == self._stamp

    def _write(self, db: sqlite3.Connection, root: bytes) -> None:
        if self._number is None:
            self._number = 1 + (_one(db, "SELECT max(id) FROM tree") or 0)
        if self._fresh:
            db.execute("DELETE FROM row WHERE tree = ?", (self._number,))
        self._apply_distrust(db)
        db.execute("DELETE FROM row WHERE tree = ? AND key IN (SELECT key FROM staged)", (self._number,))
        rows = db.execute("SELECT key, data FROM staged WHERE data IS NOT NULL")
        db.executemany(
            "INSERT INTO row VALUES (?, ?, ?, ?)",
            ((self._number, key, _mark(self._name, key, data), data) for key, data in rows),
        )
        count = summed = 0
        for (mark,) in db.execute("SELECT mark FROM row WHERE tree = ?", (self._number,)):
            count += 1
            summed += int.from_bytes(mark, "little")
        stamp, total = os.urandom(16), _total(summed)
        mark = _tree_mark(self._name, root, stamp, count, total)
        values = (self._number, self._name, root, stamp, count, total, mark, time.time())
        db.execute("INSERT OR REPLACE INTO tree VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        _drop_old_trees(db, keep=self._number)
        db.execute("DELETE FROM staged")
        self._stamp, self.root, self._fresh, self._distrusted = stamp, root, False, []

    def _apply_distrust(self, db: sqlite3.Connection) -> None:
        """Mark the stats of distrusted files in the rows of their folders."""
        for key, names in _by_folder(self._distrusted).items():
            found = db.execute("SELECT data FROM staged WHERE key = ?", (key,)).fetchone()
            if not found:
                found = db.execute("SELECT data FROM row WHERE tree = ? AND key = ?", (self._number, key)).fetchone()
            if found and found[0] is not None:
                self._stage(key, without(found[0], names))


def _failed(error: sqlite3.Error) -> ArtError:
    return ArtError("cache-failed", f"the stat cache cannot be read: {error}", hint="rm .art/cache/stat.db*")


def without(data: bytes, names: set[bytes]) -> bytes:
    """A row that vouches for no file of these names."""
    row = Row(data)
    marked = bytearray(data)
    start = len(data) - len(row.records)
    for i, name in enumerate(row.split_names()):
        if name in names:
            marked[start + i * RECORD_SIZE : start + (i + 1) * RECORD_SIZE] = bytes(RECORD_SIZE)
    return bytes(marked)


def _by_folder(paths: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    folders: dict[bytes, set[bytes]] = {}
    for path in paths:
        key, slash, name = path.rpartition(b"/")
        folders.setdefault(key + slash, set()).add(name)
    return folders


def _one(db: sqlite3.Connection, query: str) -> Any:
    return db.execute(query).fetchone()[0]


def _drop_old_trees(db: sqlite3.Connection, keep: int) -> None:
    old = db.execute(
        "SELECT id FROM tree WHERE id <> ? ORDER BY saved DESC LIMIT -1 OFFSET ?", (keep, MOST_TREES - 1)
    ).fetchall()
    for (number,) in old:
        db.execute("DELETE FROM row WHERE tree = ?", (number,))
        db.execute("DELETE FROM tree WHERE id = ?", (number,))
