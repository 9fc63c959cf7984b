"""The authority's part of a repository's tables, taken from those that follow the authority's log alone.

Both are folds of the same entries, but for what is said of the place's own packs, and to copy rows takes a fraction of
what it takes to fold: a clone folds the log that it brings once, and so does whoever begins anew because others'
versions came first.
"""

from __future__ import annotations

import re
import sqlite3

from artcli.catalog.fold import OF_A_PLACE
from artcli.catalog.runs import fold as runs
from artcli.catalog.tables import SCHEMA

_SAME = [
    table
    for table in re.findall(r"CREATE TABLE (\w+)", SCHEMA + runs.SCHEMA)
    if table not in ("heads", "facts", "indexes", "condemned")
]
_HEADS = "SELECT ?, n, digest FROM heads WHERE place = ''"
_FACTS = (
    "SELECT seq, id, 0, n, kind, artifact, version, run, applied, undoes, undone_by, fault, line, 1 FROM facts"
    f" WHERE kind NOT IN ({', '.join('?' * len(OF_A_PLACE))})"
)


def take_over(database: sqlite3.Connection, there: sqlite3.Connection, place: str) -> None:
    """Fill the empty tables of `database` as if it had folded, as its authority's, all that `there` has of `place`.

    The caller has transactions in both. Raises `sqlite3.DatabaseError`; some rows may be there then.
    """
    _copy(database, "heads", there.execute(_HEADS, (place,)))
    _copy(database, "facts", there.execute(_FACTS, tuple(OF_A_PLACE)))
    for table in _SAME:
        _copy(database, table, there.execute(f"SELECT * FROM {table}"))


def _copy(database: sqlite3.Connection, table: str, rows: sqlite3.Cursor) -> None:
    database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows.description))})", rows)
