"""A database file that can be made anew from other files at any time, in `.art/cache/`.

It is never synced to the disk, so it is believed only within the boot that wrote it; and it is made anew where it is
damaged, of another format or of another place. Where it cannot be written, memory serves. Any number of processes may
use it at once: whoever replaces it does so alone, and those who still have the old one open finish with that.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from artcli import lock
from artcli.catalog.following import BUSY, boot_id, connect

R = TypeVar("R")


class Derived:
    """The database in a file; `database` is the open connection, in autocommit mode."""

    def __init__(self, path: Path, stamp: str, schema: str) -> None:
        """`stamp`: what the file must say it is, or it is made anew by the statements of `schema`."""
        self.path = path
        self.stamp = f"{stamp} {boot_id()}"
        self.schema = schema
        self.in_memory = False
        self.process = os.getpid()
        self.database = self._open()

    def asked(self, question: Callable[[], R]) -> R:
        """The answer to a question about `database`; asked again of an empty one if this one is damaged.

        Raises sqlite3.DatabaseError if not even memory helps.
        """
        for _ in range(2):
            try:
                return question()
            except sqlite3.DatabaseError as error:
                self._replace(error)
        return question()

    def alone(self) -> Alone:
        """A block in which no other process writes; all of it is kept, or nothing if it raises."""
        return Alone(self.database)

    def close(self) -> None:
        self.database.close()

    def _open(self) -> sqlite3.Connection:
        try:
            # one process at a time, so that none opens the file while another replaces it
            with lock.held(self.path.with_suffix(".lock"), alone=True, wait=BUSY):
                return self._open_file()
        except (sqlite3.DatabaseError, OSError):
            return self._make(None)

    def _open_file(self) -> sqlite3.Connection:
        try:
            database = connect(self.path)
            if _stamp_of(database) == self.stamp:
                return database
            database.close()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            pass  # torn or foreign: what follows replaces it
        self._remove()
        return self._make(self.path)

    def _make(self, path: Path | None) -> sqlite3.Connection:
        self.in_memory = path is None
        database = connect(path)
        with Alone(database):
            for statement in self.schema.split(";"):
                database.execute(statement)
            database.execute("CREATE TABLE stamp (stamp TEXT NOT NULL)")
            database.execute("INSERT INTO stamp VALUES (?)", (self.stamp,))
        return database

    def _remove(self) -> None:
        for name in (self.path.name, self.path.name + "-wal", self.path.name + "-shm"):
            self.path.with_name(name).unlink(missing_ok=True)

    def _replace(self, error: sqlite3.DatabaseError) -> None:
        """Make the file anew if it is damaged; go on in memory if it cannot be used. Raises `error` after that."""
        if self.in_memory:
            raise error
        self.database.close()
        if isinstance(error, sqlite3.OperationalError):
            self.database = self._make(None)  # locked, or on a full disk: it may be of use to others
            return
        try:
            with lock.held(self.path.with_suffix(".lock"), alone=True, wait=BUSY):
                self._remove()
        except OSError:
            self.database = self._make(None)
            return
        self.database = self._open()


class Alone:
    """Begin at once, so that two processes write one after the other; roll back on any error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.database.execute("COMMIT")
        elif self.database.in_transaction:
            self.database.execute("ROLLBACK")


def _stamp_of(database: sqlite3.Connection) -> str | None:
    found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'stamp'").fetchone()
    row = database.execute("SELECT stamp FROM stamp").fetchone() if found else None
    return str(row[0]) if row else None
