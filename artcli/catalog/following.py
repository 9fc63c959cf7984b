"""Keeps the fold of a log in a database file that any process may read, extend or delete.

The file is a cache: it is never synced to the disk, since two fsyncs are all that an alias may cost. A power cut may
leave it torn, so it is believed only within the boot that wrote it, and made anew from the log otherwise. Whatever is
wrong with it (a medium that cannot be written, a full disk, garbage), the fold moves into memory and the work goes on.

The old file stays until a new one has folded the whole log: of an entry that the log has lost, the line of facts that
it remembers is the second copy from which `fsck --repair` makes the entry again.

What must survive is the high-water mark: how far this machine has seen the log, so that the loss of its newest entry is
noticed. It is read before the log is, so that an entry added meanwhile cannot look like a loss.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.catalog.facts import Fact
from artcli.catalog.fold import Fold
from artcli.catalog.log import GENESIS, Log, LogEntry
from artcli.catalog.tables import TABLES_FORMAT
from artcli.catalog.takeover import take_over
from artcli.database import Connection, journal_of
from artcli.errors import ArtError, IntegrityError, LockedError

BUSY = 60.0
"""Seconds to wait for another process that extends the same cache."""
PATIENCE = (0.1, 0.4, 1.5)
"""Seconds between looks for an entry that must be there: other hosts' entries show late on some file systems."""


class Head(NamedTuple):
    """How far a log was read."""

    n: int
    digest: str


START = Head(-1, GENESIS)


class Follower:
    """A fold, its log, and the mark; `database` answers questions."""

    def __init__(
        self, log: Log, cache: Path, seen: Path, authority: Log | None = None, *, aside: Path | None = None
    ) -> None:
        """`cache`: the database file; `seen`: the file of the mark. Nothing is read before `follow`.

        `authority`: the log whose facts come before those of `log` (see `fold`), as far as it was mirrored; `aside`:
        the database file of a follower of that log alone, if there is one.
        """
        self.log = log
        self.authority = authority
        self._aside = aside
        self.cache = cache.with_name(f"{cache.stem}-{TABLES_FORMAT}{cache.suffix}")
        self.seen = seen
        self.stamp = f"{log.place} {authority.place if authority else '-'} {boot_id()}"
        self.in_memory = False
        self.database: sqlite3.Connection
        self.fold: Fold
        self._is_open = False
        self._is_garbage = False
        """The file proved to be damaged while it was in use."""

    @property
    def head(self) -> Head:
        return Head(*self.fold.head)

    @property
    def state(self) -> str:
        """What differs whenever the tables do."""
        heads = [self.fold.head, *([self.fold.head_of(self.authority.place)] if self.authority else [])]
        return " ".join(digest for _, digest in heads)

    def follow(self) -> None:
        """Read the log to its end; raises `IntegrityError` (`log-rolled-back`) if it is not what was seen before."""
        mark = self._mark()
        self._open(mark)
        self._somehow(lambda: self._read_on(mark))
        head = self.head
        if head.n > mark.n:
            self._set_mark(head)

    def commit(self, planned_on: Head, made: Sequence[Fact]) -> bool:
        """Add facts as the next entry, if nothing has come after `planned_on`; True if they are in the log now.

        Raises `ArtError` (`unfit-fact`) for facts that the fold could not use.
        """
        try:
            added = self._commit(planned_on, made)
        except sqlite3.DatabaseError as error:
            # perhaps the entry is in the log, and only the cache could not keep it: the log knows
            self._leave_file(error)
            self._catch_up(START)
            self._drop_garbage()
            asked = "SELECT id FROM facts WHERE own AND n = ?"
            ids = {row[0] for row in self.database.execute(asked, (planned_on.n + 1,))}
            added = ids >= {fact.id for fact in made}
        if added:
            self._set_mark(self.head)
        return added

    def accept(self) -> None:
        """Take the log as it is for the truth, and forget how far it was once seen."""
        self._open(START)
        self._somehow(lambda: self._catch_up(START))
        self._set_mark(self.head)

    def read_anew(self, authority: Log | None) -> None:
        """Forget what was folded and read both logs from their beginnings: the authority's is another than it was."""
        self.authority = authority
        self._somehow(self._fold_anew)

    def _fold_anew(self) -> None:
        with _transaction(self.database):
            self.fold.clear()
            self.fold.follow(self._news())
            self.fold.follow(self.log.after(*START))

    def forget_mark(self) -> None:
        """Forget how far the log was seen: it is to be replaced."""
        self.seen.unlink(missing_ok=True)

    @contextmanager
    def snapshot(self) -> Iterator[Head]:
        """Questions in the block are all answered as of one entry, whatever other processes add meanwhile."""
        self.database.execute("BEGIN")
        try:
            yield self.head
        finally:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")

    def close(self) -> None:
        if self._is_open:
            self.database.close()

    # Following

    def _read_on(self, mark: Head) -> None:
        """Fold what is new in the log, which must reach the mark and agree with it."""
        for pause in (0.0, *PATIENCE):
            time.sleep(pause)
            self._catch_up(mark)
            if self.head.n >= mark.n:
                break
        head = self.head
        if head.n < mark.n:
            raise _rolled_back(f"the log of this repository ends at entry {head.n}, and was seen to reach {mark.n}")
        if head.n == mark.n and head != mark:
            raise _changed(mark.n)

    def _catch_up(self, mark: Head) -> None:
        if next(self._news(), None) is None and next(self.log.after(*self.head), None) is None:
            return
        with _transaction(self.database):
            if not self.fold.fits(self._news()):
                self.fold.clear()
            if self.authority is not None and self.head == Head(*self.fold.head_of(self.authority.place)) == START:
                self._take_over(self.authority)
            self.fold.follow(self._news())
            self.fold.follow(_watched(self.log.after(*self.head), mark))

    def _take_over(self, authority: Log) -> None:
        """Begin with what is folded of the authority's log in a file of its own, if that is to be believed."""
        if self._aside is None:
            return
        alone = Follower(authority, self._aside, self.seen)
        try:
            with lock.held(alone.cache.with_suffix(".lock"), alone=True, wait=0):
                if alone.cache.is_file():
                    with closing(connect(alone.cache)) as there:
                        there.execute("BEGIN")
                        if alone._believed(there):
                            take_over(self.database, there, authority.place)
        except (sqlite3.DatabaseError, OSError, LockedError):
            self.fold.clear()

    def _news(self) -> Iterator[LogEntry]:
        """What the authority's log has more than was folded of it."""
        if self.authority is None:
            return iter(())
        return self.authority.after(*self.fold.head_of(self.authority.place))

    def _commit(self, planned_on: Head, made: Sequence[Fact]) -> bool:
        # the fold comes first, inside the transaction: no fact that it cannot use ever gets into the log
        try:
            with _transaction(self.database):
                if self.head != planned_on:
                    return False
                entry, data = self.log.entry(planned_on.n + 1, planned_on.digest, made)
                self.fold.follow([entry])
                self._check_faults(entry.n)
                if not self.log.add(entry.n, data):
                    raise _Lost
        except _Lost:
            return False
        return True

    def _check_faults(self, n: int) -> None:
        found = self.database.execute("SELECT kind, fault FROM facts WHERE own AND n = ? AND fault IS NOT NULL", (n,))
        for kind, fault in found:
            raise ArtError("unfit-fact", f"a fact of kind '{kind}' would not hold what it needs: {fault}")

    def _somehow(self, work: Callable[[], None]) -> None:
        """Do `work` on the database in the file, or if that fails in memory."""
        try:
            work()
        except sqlite3.DatabaseError as error:
            self._leave_file(error)
            work()
        self._drop_garbage()

    def _leave_file(self, error: sqlite3.DatabaseError) -> None:
        """Go on in memory; where that is so already, the error is none of the file's."""
        if self.in_memory:
            raise error
        self.database.close()
        self._use_memory()
        # a file that is locked, or on a full disk, may be of use to others
        self._is_garbage = not isinstance(error, sqlite3.OperationalError)

    def _drop_garbage(self) -> None:
        """Remove a damaged file, now that the log was read to its end without it."""
        if self._is_garbage:
            _remove(self.cache)
            self._is_garbage = False

    # The file

    def _open(self, mark: Head) -> None:
        """Open the file if it is to be believed, else make one; raises what the reading of the log raises."""
        if self._is_open:
            return
        try:
            # one process at a time, so that none opens the file while another replaces it, and one alone folds
            with lock.held(self.cache.with_suffix(".lock"), alone=True, wait=BUSY):
                self._open_file(mark)
        except (sqlite3.DatabaseError, OSError, LockedError):
            self._use_memory()  # a medium that cannot be written, or is full; or another process folds for long

    def _open_file(self, mark: Head) -> None:
        try:
            database = connect(self.cache)
            if self._believed(database):
                self._use(database)
                return
            database.close()
        except sqlite3.DatabaseError:
            pass  # torn or foreign: what follows replaces it
        self._replace_file(mark)
        self._use(connect(self.cache))

    def _replace_file(self, mark: Head) -> None:
        """Fold the log into a new file, and only then let it take the place of the old one."""
        fresh = self.cache.with_suffix(".fresh")
        _remove(fresh)
        try:
            # no write-ahead log: all that this file is must go with its name
            self._use(self._make(connect(fresh, journal="MEMORY")))
            try:
                self._read_on(mark)
            finally:
                self._is_open = False
                self.database.close()
            _remove(self.cache, but_itself=True)
            os.replace(fresh, self.cache)
        finally:
            _remove(fresh)

    def _use(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.fold = Fold(database, self.log.place)
        self._is_open = True

    def _use_memory(self) -> None:
        self.in_memory = True
        self._use(self._make(connect(None)))

    def _believed(self, database: sqlite3.Connection) -> bool:
        """The file is of this format, place and boot, and its heads are entries that the logs still have."""
        found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'stamp'").fetchone()
        if not found or database.execute("SELECT stamp FROM stamp").fetchone() != (self.stamp,):
            return False
        fold = Fold(database, self.log.place)
        return all(_has(log, Head(*fold.head_of(log.place))) for log in (self.log, self.authority) if log is not None)

    def _make(self, database: sqlite3.Connection) -> sqlite3.Connection:
        with _transaction(database):
            Fold.empty(database, self.log.place)
            database.execute("CREATE TABLE stamp (stamp TEXT)")
            database.execute("INSERT INTO stamp VALUES (?)", (self.stamp,))
        return database

    # The mark

    def _mark(self) -> Head:
        try:
            found = json.loads(self.seen.read_bytes())
            return Head(int(found["n"]), str(found["digest"]))
        except (OSError, ValueError, KeyError, TypeError):
            return START  # never written, or torn by a power cut: the mark is a help, not the truth

    def _set_mark(self, head: Head) -> None:
        try:
            self.seen.parent.mkdir(parents=True, exist_ok=True)
            replace(self.seen, json.dumps(head._asdict()).encode(), durable=False)
        except OSError:
            return  # a medium that cannot be written has no news to mark


class _Lost(Exception):
    """Another process has won the number."""


class _transaction:
    """Begin at once, so that two processes extend the cache one after the other; roll back on any error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.database.execute("COMMIT")
        elif self.database.in_transaction:
            self.database.execute("ROLLBACK")


def _has(log: Log, head: Head) -> bool:
    """Whether the log has this entry; the beginning is in each."""
    if head.n < 0:
        return True
    try:
        entry = log.read(head.n)
    except IntegrityError:
        return False
    return entry is not None and entry.digest == head.digest


def _watched(entries: Iterator[LogEntry], mark: Head) -> Iterator[LogEntry]:
    """The entries, as long as the marked one is what it was."""
    for entry in entries:
        if entry.n == mark.n and entry.digest != mark.digest:
            raise _changed(mark.n)
        yield entry


def _changed(n: int) -> IntegrityError:
    return _rolled_back(f"entry {n} of the log of this repository is not the one that was seen before")


def _rolled_back(message: str) -> IntegrityError:
    return IntegrityError("log-rolled-back", message, hint="art help log-rolled-back")


def boot_id() -> str:
    """What differs from one start of this machine to the next; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _remove(path: Path, *, but_itself: bool = False) -> None:
    """Remove a database and what SQLite lays beside it; on a medium that cannot be written it stays."""
    for suffix in ("-wal", "-shm", "-journal") if but_itself else ("", "-wal", "-shm", "-journal"):
        try:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError:
            pass


def connect(path: Path | None, journal: str | None = None) -> sqlite3.Connection:
    """A database that can be made anew, in autocommit mode; None: in memory. Raises `sqlite3.DatabaseError`."""
    database = sqlite3.connect(
        path or ":memory:", isolation_level=None, timeout=BUSY, check_same_thread=False, factory=Connection
    )
    try:
        # durable only where the boot id cannot tell that the machine has stopped meanwhile; first, for choosing the
        # journal writes, too
        database.execute(f"PRAGMA synchronous = {'OFF' if boot_id() else 'NORMAL'}")
        database.execute(f"PRAGMA journal_mode = {journal or journal_of(path)}")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
