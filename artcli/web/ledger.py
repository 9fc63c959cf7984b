"""The log of a served place, as its server follows it: what an entry would do is seen in tables before it is there.

An entry is folded in a transaction, judged by what it did to the tables, added to the log, and only then kept in the
tables: who was slower than another server over the same bucket rolls back and says so.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

from artcli.catalog.catalog import Catalog
from artcli.catalog.fold import check_required
from artcli.catalog.following import Follower
from artcli.catalog.log import Log, LogEntry, decode
from artcli.errors import IntegrityError
from artcli.store.index import Index
from artcli.web import rights
from artcli.web.answers import Refused
from artcli.web.connected import Judgement, Shelf
from artcli.web.guard import ADMIN, Bearer
from artcli.web.served import Served


class Ledger:
    """Judges the entries of one place, one after the other. Any thread may use it."""

    def __init__(self, served: Served) -> None:
        """Nothing is read before the first question."""
        self._served = served
        self._log = Log(served.bucket, served.place)
        self._follower = self._begun()
        self._lock = threading.RLock()
        self._indexes: dict[str, Index] = {}

    def _begun(self) -> Follower:
        """What is there is the truth: whoever serves a copy from a backup knows why, and clients notice it."""
        cache = self._served.path / "cache"
        (cache / "serve.seen").unlink(missing_ok=True)
        return Follower(self._log, cache / "serve.db", cache / "serve.seen")

    def _follow(self) -> None:
        """Read the log to its end; begin anew if it is not the one that was followed before."""
        self._follower.follow()
        head = self._follower.head
        there = self._log.read(head.n) if head.n >= 0 else None
        if head.n >= 0 and (there is None or there.digest != head.digest):
            self._follower.close()
            self._follower = self._begun()
            self._follower.follow()

    def add(self, n: int, data: bytes, bearer: Bearer) -> bool:
        """Commit these bytes as entry `n`; False if another entry has the number.

        Raises `Refused` (403, 422) if the entry is none, or may not be; `LockedError`.
        """
        try:
            entry = decode(n, data)
        except IntegrityError as error:
            raise Refused(422, error.slug, error.message) from error
        if entry.place != self._served.place:
            raise Refused(422, "another-place", "the entry is of the log of another place")
        with self._served.at_work(), self._lock:
            return self._add(entry, data, bearer)

    def _add(self, entry: LogEntry, data: bytes, bearer: Bearer) -> bool:
        self._follow()
        check_required(self._follower.database, writing=True)
        head = self._follower.head
        if entry.n <= head.n:
            return False
        if entry.n != head.n + 1 or entry.previous != head.digest:
            raise Refused(422, "broken-chain", f"the log ends at entry {head.n}, and this does not follow it")
        database = self._follower.database
        database.execute("BEGIN IMMEDIATE")
        try:
            self._judge(database, entry, bearer)
            added = self._log.add(entry.n, data)
            database.execute("COMMIT" if added else "ROLLBACK")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")
        return added

    def _judge(self, database: sqlite3.Connection, entry: LogEntry, bearer: Bearer) -> None:
        """Fold the entry, in a transaction that is open, and raise `Refused` if it may not be."""
        catalog = Catalog(database)
        protected, before = rights.protected(database), catalog.indexes()
        shelf = Shelf(self._served.bucket, self._sound(before), catalog.condemned())
        self._follower.fold.follow([entry])
        made = rights.made_by(database, entry.n)
        rights.check(made, bearer, protected, rights.protected(database))
        after = catalog.indexes()
        judgement = Judgement(shelf, Shelf(self._served.bucket, self._sound(after), catalog.condemned()))
        added = self._opened([name for name in after if name not in set(before)])
        judgement.check_packs(added)
        judgement.check_roots(catalog, made)
        judgement.check_pages(added)
        if bearer.scope < ADMIN:
            judgement.check_removed(self._sound([name for name in before if name not in set(after)]))
        for name in set(self._indexes) - set(after):
            del self._indexes[name]

    def _sound(self, names: Sequence[str]) -> list[Index]:
        """The indexes of these names, without those that are damaged or gone: these hide their chunks."""
        found = []
        for name in names:
            try:
                found += self._opened([name])
            except Refused:
                pass  # `art fsck` tells of it
        return found

    def _opened(self, names: Sequence[str]) -> list[Index]:
        """The indexes of these names; raises `Refused` (422) for one that is not here."""
        for name in names:
            if name not in self._indexes:
                try:
                    self._indexes[name] = Index.open(self._served.bucket, name)
                except IntegrityError as error:
                    raise Refused(422, error.slug, error.message) from error
        return [self._indexes[name] for name in names]

    def close(self) -> None:
        self._follower.close()
