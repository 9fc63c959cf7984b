"""Keeps the fold of a log in a database file that any process may read, extend or delete.

The file is a cache: it is never synced to the disk, since two fsyncs are all that an alias may cost. A power cut may
leave it torn, so it is believed only within the boot that wrote it, and made anew from the log otherwise. What must
survive is the high-water mark: how far this machine has seen the log, so that the loss of its newest entry is noticed.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

from artcli.catalog import lock
from artcli.catalog.fold import TABLES_FORMAT, Fold
from artcli.catalog.log import Log, LogEntry
from artcli.errors import IntegrityError

BUSY = 60.0
"""Seconds to wait for another process that extends the same cache."""


class Follower:
    """A fold, its log, and the mark; `database` answers questions."""

    def __init__(self, log: Log, cache: Path, seen: Path) -> None:
        self.log = log
        self.cache = cache.with_name(f"{cache.stem}-{TABLES_FORMAT}{cache.suffix}")
        self.seen = seen
        self.stamp = f"{log.place} {boot_id()}"
        self.database = self._open()
        self.fold = Fold(self.database)
        self.follow()

    @property
    def head(self) -> tuple[int, str]:
        return self.fold.head

    def follow(self) -> None:
        """Read the log to its end; raises `IntegrityError` (`log-rolled-back`) if it is shorter than it was."""
        if self.log.read(self.head[0] + 1) is not None:
            with _transaction(self.database):
                self.fold.follow(self.log.after(*self.head))
        n, digest = self.head
        marked, expected = self._mark()
        if marked > n or (marked == n and expected != digest):
            raise IntegrityError(
                "log-rolled-back",
                f"the log of this repository ends at entry {n}, and this machine has seen it reach entry {marked}",
                hint="art help log-rolled-back",
            )
        if marked < n:
            self._set_mark(n, digest)

    def advance(self, entry: LogEntry) -> None:
        """Apply an entry that this process has just added."""
        with _transaction(self.database):
            if self.head == (entry.n - 1, entry.previous):
                self.fold.follow([entry])
        self._set_mark(entry.n, entry.digest)

    def accept(self) -> None:
        """Take the log as it is for the truth, and forget how far it was once seen."""
        self._set_mark(*self.head)

    def close(self) -> None:
        self.database.close()

    def _open(self) -> sqlite3.Connection:
        try:
            # one process at a time, so that none opens the file while another replaces it
            with lock.held(self.cache.with_suffix(".lock"), alone=True, wait=BUSY):
                return self._open_file()
        except (sqlite3.DatabaseError, OSError):
            return self._make(None)  # a medium that cannot be written, or is full: fold into memory

    def _open_file(self) -> sqlite3.Connection:
        try:
            database = _connect(self.cache)
            if self._believed(database):
                return database
            database.close()
        except sqlite3.DatabaseError:
            pass  # torn or foreign: what follows replaces it
        for name in (self.cache.name, self.cache.name + "-wal", self.cache.name + "-shm"):
            self.cache.with_name(name).unlink(missing_ok=True)
        return self._make(self.cache)

    def _believed(self, database: sqlite3.Connection) -> bool:
        """The file is of this format, place and boot, and its head is an entry that the log still has."""
        found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'stamp'").fetchone()
        if not found or database.execute("SELECT stamp FROM stamp").fetchone() != (self.stamp,):
            return False
        n, digest = Fold(database).head
        if n < 0:
            return True
        entry = self.log.read(n)
        return entry is not None and entry.digest == digest

    def _make(self, path: Path | None) -> sqlite3.Connection:
        database = _connect(path)
        with _transaction(database):
            Fold.empty(database)
            database.execute("CREATE TABLE stamp (stamp TEXT)")
            database.execute("INSERT INTO stamp VALUES (?)", (self.stamp,))
        return database

    def _mark(self) -> tuple[int, str]:
        try:
            found = json.loads(self.seen.read_bytes())
            return int(found["n"]), str(found["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return -1, ""  # never written, or torn by a power cut: the mark is a help, not the truth

    def _set_mark(self, n: int, digest: str) -> None:
        if self._mark()[0] == n:
            return
        fresh = self.seen.with_name(f"{self.seen.name}.{os.getpid()}")
        try:
            self.seen.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"n": n, "digest": digest}))
            os.replace(fresh, self.seen)
        except OSError:
            return  # a medium that cannot be written has no news to mark


class _transaction:
    """Begin at once, so that two processes extend the cache one after the other; roll back on any error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.database.execute("COMMIT" if kind is None else "ROLLBACK")


def boot_id() -> str:
    """What differs from one start of this machine to the next; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=BUSY, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    # durable only where the boot id can tell that the machine has stopped meanwhile
    database.execute(f"PRAGMA synchronous = {'OFF' if boot_id() else 'NORMAL'}")
    return database
