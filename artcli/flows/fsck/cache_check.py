"""The catalogue in the cache against the fold of the log: where it claims to be as far, it must say the same.

The cache also remembers the facts of log entries. Where an entry is lost, that is a second copy: an entry's bytes
follow from its facts and the digest of the entry before, and the digest of the entry behind, or of the cache's own
head, tells whether they are the right ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import OF_A_PLACE, Fold
from artcli.catalog.following import Head, boot_id
from artcli.catalog.tables import TABLES_FORMAT
from artcli.flows.fsck.findings import Finding

TABLES = ("artifacts", "names", "versions", "aliases", "tags", "indexes", "condemned", "required")
_PLACES_OWN = ", ".join(f"'{kind}'" for kind in OF_A_PLACE)
_SAID = "kind, artifact, version, run, applied, undoes, undone_by, fault, line"
FACTS = {
    "of one log": "SELECT * FROM {0}.facts",
    "of two": f"""
        SELECT id, row_number() OVER (ORDER BY seq), {_SAID} FROM {{0}}.facts WHERE kind NOT IN ({_PLACES_OWN})
        UNION ALL SELECT id, n, {_SAID} FROM {{0}}.facts WHERE kind IN ({_PLACES_OWN})
    """,
}
"""What must be the same. Of two logs, a fold that grew has the facts about packs at other places among the others, and
remembers that a fact was this place's own before the authority had it.
"""


def cache_path(path: Path) -> Path:
    """The catalogue of the repository `path`."""
    return path / "cache" / f"catalog-{TABLES_FORMAT}.db"


def examine_cache(path: Path, place: str, fold: Fold) -> Iterator[Finding]:
    """What the catalogue says wrongly, if it is one that commands believe and is as far as `fold`."""
    file = cache_path(path)
    if not file.is_file():
        return
    database = fold.database
    try:
        database.execute("ATTACH ? AS cached", (f"{file.absolute().as_uri()}?mode=ro",))
    except sqlite3.Error:
        return  # whatever it is, no command can believe it
    try:
        (stamp,) = database.execute("SELECT stamp FROM cached.stamp").fetchone()
        if not stamp.startswith(f"{place} ") or not stamp.endswith(f" {boot_id()}") or _differ(database, "heads"):
            return
        wrong = [table for table in TABLES if _differ(database, table)]
        facts = FACTS["of one log" if stamp.split(" ")[1] == "-" else "of two"]
        if _questions_differ(database, facts.format("main"), facts.format("cached")):
            wrong.append("facts")
        if wrong:
            yield _finding(file, f"it disagrees with the log about {', '.join(wrong)}")
    except sqlite3.OperationalError:
        return  # of another form, or in use: remade or read again when it is needed
    except sqlite3.DatabaseError as error:
        yield _finding(file, f"it cannot be read: {error}")
    finally:
        database.execute("DETACH cached")


def _differ(database: sqlite3.Connection, table: str) -> bool:
    return _questions_differ(database, f"SELECT * FROM main.{table}", f"SELECT * FROM cached.{table}")


def _questions_differ(database: sqlite3.Connection, one: str, other: str) -> bool:
    """Whether two questions have other answers, in whatever order."""
    return any(
        database.execute(f"SELECT 1 FROM (SELECT * FROM ({a}) EXCEPT SELECT * FROM ({b})) LIMIT 1").fetchone()
        for a, b in ((one, other), (other, one))
    )


def _finding(file: Path, why: str) -> Finding:
    return Finding("cache", f"cache/{file.name}", "damaged-cache", why)


class Remembered:
    """What the catalogue remembers of the log, whether or not it is to be believed."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[int, list[bytes]] = {}
        """Lines of facts, for the entries that were asked for."""
        self.versions: dict[int, list[Version]] = {}
        """Versions that came with these entries."""
        self.head: Head | None = None
        self._file = cache_path(path)

    def recall(self, entries: list[int]) -> None:
        """Look up what it has of these entries; on any error, it has nothing."""
        try:
            with closing(sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True)) as database:
                self.head = Head(*Fold(database).head)
                catalog = Catalog(database)
                for n in entries:
                    rows = database.execute(
                        "SELECT id, line FROM facts WHERE own AND n = ? ORDER BY seq", (n,)
                    ).fetchall()
                    self.lines[n] = [bytes(line) for _, line in rows]
                    self.versions[n] = [version for id, _ in rows if (version := catalog.version(id))]
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError):
            self.lines, self.versions, self.head = {}, {}, None
