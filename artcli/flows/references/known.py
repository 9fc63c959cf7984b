"""Which bytes references were found to have: so that what was brought once is recognised, and not brought again.

An etag names content but is no hash of it. So the digest of what was fetched is remembered by the digest of the
reference, in `.art/cache/references.db`; where that is lost, the bytes are fetched once more. A reference that records
a digest itself needs no memory.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from types import TracebackType

from artcli.catalog.manifest import REFERENCE, Entry
from artcli.content import DIGEST_SIZE, Digest, digest_of
from artcli.database import Connection, journal_of
from artcli.errors import IntegrityError
from artcli.flows.references import reference

_SCHEMA = "CREATE TABLE IF NOT EXISTS known (reference BLOB PRIMARY KEY, size, digest, mark) WITHOUT ROWID"


class Known:
    """The memory of the repository whose `.art` folder is `path`, opened when it is needed. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._file = path / "cache" / "references.db"
        self._guard = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Known:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def as_file(self, entry: Entry) -> Entry | None:
        """The file that the entry is on a disk once it was brought; None for a reference of which that is not known."""
        if entry.kind != REFERENCE:
            return entry
        found = self.digest(entry)
        return None if found is None else reference.file_entry(entry.path, *found)

    def if_known(self, entry: Entry | None) -> Entry | None:
        """What a reference is on the disk, if that is known, else itself: what was brought is recognised by it."""
        return entry and (self.as_file(entry) or entry)

    def digest(self, entry: Entry) -> tuple[int, Digest] | None:
        """Size and digest of the bytes of a reference."""
        try:
            said = reference.of(entry)
        except IntegrityError:
            return None  # whoever wants the bytes is told
        if said.digest is not None and said.size is not None:
            return said.size, said.digest
        if not self._file.is_file():
            return None
        with self._guard:
            try:
                query = "SELECT size, digest, mark FROM known WHERE reference = ?"
                row = self._open().execute(query, (entry.digest,)).fetchone()
            except sqlite3.DatabaseError:
                self._forget_all()
                return None
        if row is None or not isinstance(row[0], int) or not isinstance(row[1], bytes) or len(row[1]) != DIGEST_SIZE:
            return None
        return (row[0], row[1]) if row[2] == _mark(entry, row[0], row[1]) else None

    def learn(self, entry: Entry, size: int, digest: Digest) -> None:
        """The bytes of a reference have been fetched, and are these."""
        with self._guard:
            for _ in range(2):
                try:
                    with self._open() as database:
                        row = (entry.digest, size, digest, _mark(entry, size, digest))
                        database.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", row)
                    return
                except sqlite3.DatabaseError:
                    self._forget_all()  # and if it cannot be kept, it is fetched again some day

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._file.parent.mkdir(exist_ok=True)
            self._database = sqlite3.connect(self._file, factory=Connection, check_same_thread=False, timeout=30)
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute(f"PRAGMA journal_mode = {journal_of(self._file)}")
            self._database.execute(_SCHEMA)
        return self._database

    def _forget_all(self) -> None:
        """The file cannot be read or written: begin anew."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)


def _mark(entry: Entry, size: int, digest: Digest) -> bytes:
    """What shows that a row is not damaged."""
    return digest_of(entry.digest + size.to_bytes(8, "little") + digest)[:8]
