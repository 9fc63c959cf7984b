"""One SQL statement over the tables of a repository: it may read them, and nothing else, for so long.

SQLite itself is asked which tables a statement reads, by its authorizer, before any is filled; and the same authorizer
refuses whatever is not reading. The time that it may take includes the filling, and
not what whoever reads its rows takes.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artcli.catalog.repository import Repository
from artcli.errors import ArtError, UsageError
from artcli.flows.query import tables
from artcli.flows.query.tables import Scope

SECONDS = 60.0
"""How long a statement may take by default."""
LONGEST = 64 * 1024 * 1024
"""Bytes of the longest value that a statement may make."""
_STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""
_HARMFUL = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


class Answer(NamedTuple):
    """What a statement found."""

    columns: Sequence[str]
    rows: Iterator[Sequence[Any]]
    """They come as they are found; raises as `ask`."""


def ask(
    repository: Repository, statement: str, project: str, *, refs: Sequence[str] | None = None, seconds: float = SECONDS
) -> Answer:
    """Ask one statement; `refs`: ids of the versions whose files `files` holds (None: of all live ones).

    Raises `UsageError` (`bad-query`; `query-only-reads` for a statement that does anything else), `ArtError`
    (`query-too-long`).
    """
    database = sqlite3.connect("", isolation_level=None)
    database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
    try:
        tables.create(database)
        guard = _Guard()
        database.set_authorizer(guard)
        plan = statement if statement.lstrip().lower().startswith("explain") else f"EXPLAIN {statement}"
        for _ in _rows(database, plan, guard, None):
            pass
        database.set_authorizer(lambda *_: sqlite3.SQLITE_OK)  # None is understood from Python 3.11 on
        clock = _Clock(seconds)
        scope = Scope(repository, project, None if refs is None else frozenset(refs), clock.look)
        database.execute("BEGIN")
        for name in sorted(guard.read):
            tables.fill(database, name, scope)
        database.execute("COMMIT")
        if sys.version_info >= (3, 11):
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        database.set_authorizer(guard)
        return _answer(database, statement, guard, clock)
    except BaseException:
        database.close()
        raise


def _answer(database: sqlite3.Connection, statement: str, guard: _Guard, clock: _Clock) -> Answer:
    found = _rows(database, statement, guard, clock)
    columns = next(found)

    def rows() -> Iterator[Sequence[Any]]:
        try:
            yield from found
        finally:
            database.close()

    return Answer(_distinct([str(name) for name in columns]), rows())


def _rows(database: sqlite3.Connection, statement: str, guard: _Guard, clock: _Clock | None) -> Iterator[Sequence[Any]]:
    """The names of the columns, then the rows."""
    if clock is not None:
        database.set_progress_handler(clock.is_over, _STEPS)
    try:
        cursor = database.execute(statement)
        if cursor.description is None:
            raise UsageError("bad-query", "there is nothing to ask", hint='art query "SELECT * FROM versions"')
        yield [column[0] for column in cursor.description]
        for row in cursor:
            given = time.monotonic()
            yield row
            if clock is not None:
                clock.wait(given)
    except (sqlite3.Error, sqlite3.Warning, UnicodeEncodeError) as error:
        if guard.refused:
            raise UsageError(
                "query-only-reads", f"a query only reads; refused: {guard.refused}", hint="art help query-only-reads"
            ) from error
        if clock is not None and str(error) == "interrupted":
            clock.look()
            raise KeyboardInterrupt from error  # it came while SQLite asked the time
        columns = [f"{name}: {', '.join(names)}" for name, (names, _) in tables.described().items()]
        raise UsageError("bad-query", f"SQLite says: {error}", facts=columns, hint="art query --schema") from error


class _Clock:
    """How long a statement may take, from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    def wait(self, since: float) -> None:
        """Since then somebody else had the time: who reads the rows, perhaps a person with a pager."""
        self._ends += time.monotonic() - since

    def is_over(self) -> bool:
        return time.monotonic() > self._ends

    def look(self) -> None:
        """Raise `ArtError` (`query-too-long`) if the time is over."""
        if self.is_over():
            raise ArtError(
                "query-too-long", f"the query was given up after {self.seconds:g} seconds",
                hint="art query --timeout 600 …",
            )  # fmt: skip


class _Guard:
    """An authorizer (https://sqlite.org/c3ref/set_authorizer.html) that lets nothing through but reading."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        """Tables that were read."""
        self.refused = ""

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        if action == sqlite3.SQLITE_READ:
            self.read.add(str(first))
            return sqlite3.SQLITE_OK
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second not in _HARMFUL:
            return sqlite3.SQLITE_OK
        self.refused = " ".join(part for part in (_ACTIONS.get(action, "this statement"), first) if part)
        return sqlite3.SQLITE_DENY


_ACTIONS = {
    getattr(sqlite3, f"SQLITE_{name}"): name.lower().replace("_", " ")
    for name in (
        "INSERT", "UPDATE", "DELETE", "ATTACH", "DETACH", "PRAGMA", "TRANSACTION", "CREATE_TABLE", "DROP_TABLE",
        "CREATE_INDEX", "CREATE_VIEW", "CREATE_TEMP_TABLE", "CREATE_TRIGGER", "ALTER_TABLE", "REINDEX", "ANALYZE",
        "FUNCTION",
    )
}  # fmt: skip


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of columns of which none is another's: `name`, `name_2`."""
    found: list[str] = []
    for name in names:
        wanted, number = name, 2
        while wanted in found:
            wanted, number = f"{name}_{number}", number + 1
        found.append(wanted)
    return found
