"""The fold of a whole log, made now: for those who must not trust a cache.

gc destroys what the fold does not name, and fsck judges the cache; both read the log from its first entry. The tables
lie in a database of SQLite's own that nobody else sees: in memory while they are small, else in a temporary file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from artcli.catalog.catalog import Catalog
from artcli.catalog.fold import Fold
from artcli.catalog.log import Log, LogEntry
from artcli.database import Connection


def empty_fold(place: str | None = None) -> Fold:
    """A fold of nothing yet, for the place with this id."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False, uri=True, factory=Connection)
    database.execute("PRAGMA journal_mode = MEMORY")
    return Fold.empty(database, place)


def fold_afresh(log: Log, authority: Log | None = None) -> Fold:
    """The fold of all of `log`, after that of its authority; raises `IntegrityError` (`damaged-log`) where a chain
    breaks.
    """
    fold = empty_fold(log.place)
    catch_up(fold, log, authority)
    return fold


def catch_up(fold: Fold, log: Log, authority: Log | None = None) -> None:
    """Follow both logs to their ends; raises as `fold_afresh`."""
    fold.database.execute("BEGIN")
    try:
        if authority is not None:
            if not fold.fits(authority.after(*fold.head_of(authority.place))):
                fold.clear()
            fold.follow(authority.after(*fold.head_of(authority.place)))
        fold.follow(log.after(*fold.head))
    finally:
        fold.database.execute("COMMIT")  # what was read is right, even if what follows is damaged


def indexes_after(live: Iterable[str], entries: Iterable[LogEntry]) -> list[str]:
    """The live indexes once `entries` have come after those that left the indexes `live`; raises what reading them
    raises.
    """
    fold = empty_fold()
    try:
        fold.database.executemany("INSERT INTO indexes VALUES (?)", [(name,) for name in live])
        fold.follow(entries)
        return Catalog(fold.database).indexes()
    finally:
        fold.database.close()
