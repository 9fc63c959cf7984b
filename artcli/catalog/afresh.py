"""The fold of a whole log, made now: for those who must not trust a cache.

gc destroys what the fold does not name, and fsck judges the cache; both read the log from its first entry. The tables
lie in a database of SQLite's own that nobody else sees: in memory while they are small, else in a temporary file.
"""

from __future__ import annotations

import sqlite3

from artcli.catalog.fold import Fold
from artcli.catalog.log import Log
from artcli.database import Connection


def empty_fold() -> Fold:
    """A fold of nothing yet."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False, uri=True, factory=Connection)
    database.execute("PRAGMA journal_mode = MEMORY")
    return Fold.empty(database)


def fold_afresh(log: Log) -> Fold:
    """The fold of all of `log`; raises `IntegrityError` (`damaged-log`) where its chain breaks."""
    fold = empty_fold()
    catch_up(fold, log)
    return fold


def catch_up(fold: Fold, log: Log) -> None:
    """Follow the log to its end; raises as `fold_afresh`."""
    fold.database.execute("BEGIN")
    try:
        fold.follow(log.after(*fold.head))
    finally:
        fold.database.execute("COMMIT")  # what was read is right, even if what follows is damaged
