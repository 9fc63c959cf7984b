"""The fold: facts in the order of the log become tables that can be asked.

Each kind of fact has one function here that says what it does to the tables; nothing else writes to them. The tables are
a cache (SQLite, in `.art/cache/` or in memory): they follow the log entry by entry and can be made anew from it at any
time. A fold never refuses a fact and never looks at a clock: what may be done is decided before a fact is made, and what
happened, happened. Facts seen before are skipped, so that logs of several places merge by union.

Version numbers are made here: the n-th version of a name that the fold meets is v(n−1), and no number is ever reused.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from artcli.catalog.facts import Fact
from artcli.catalog.log import GENESIS, LogEntry
from artcli.errors import ArtError, IntegrityError

TABLES_FORMAT = 1
"""Raise it whenever the tables below or what facts do to them changes: older caches are then made anew."""

SCHEMA = """
CREATE TABLE head (n INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, n INTEGER NOT NULL, kind TEXT NOT NULL,
    artifact INTEGER, version TEXT, applied INTEGER NOT NULL, undone_by TEXT, line BLOB NOT NULL) STRICT;
CREATE INDEX facts_artifact ON facts (artifact);
CREATE INDEX facts_version ON facts (version);
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, next INTEGER NOT NULL,
    description TEXT, note TEXT, keep_last INTEGER, created TEXT NOT NULL, changed TEXT NOT NULL,
    UNIQUE (project, name)) STRICT;
CREATE TABLE names (project TEXT NOT NULL, name TEXT NOT NULL, artifact INTEGER NOT NULL, PRIMARY KEY (project, name)) STRICT;
CREATE TABLE versions (
    id TEXT PRIMARY KEY, artifact INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
    page TEXT NOT NULL, digest TEXT NOT NULL, entries INTEGER NOT NULL, size INTEGER NOT NULL,
    new_entries INTEGER NOT NULL, new_size INTEGER NOT NULL, stored INTEGER NOT NULL,
    description TEXT, note TEXT, metadata TEXT NOT NULL, base TEXT,
    time TEXT NOT NULL, actor TEXT NOT NULL, machine TEXT NOT NULL, reason TEXT, deleted TEXT,
    UNIQUE (artifact, number)) STRICT;
CREATE INDEX versions_digest ON versions (digest);
CREATE TABLE aliases (
    artifact INTEGER NOT NULL, alias TEXT NOT NULL, version TEXT NOT NULL, protected INTEGER NOT NULL DEFAULT 0,
    time TEXT NOT NULL, PRIMARY KEY (artifact, alias)) STRICT;
CREATE INDEX aliases_version ON aliases (version);
CREATE TABLE tags (version TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (version, tag)) STRICT;
CREATE TABLE indexes (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE condemned (pack TEXT PRIMARY KEY, fact TEXT NOT NULL) STRICT;
CREATE TABLE required (kind TEXT NOT NULL, what TEXT NOT NULL) STRICT;
"""

LIVE, TRASH, PURGED = "live", "trash", "purged"
"""States of a version: there; deleted, its bytes kept for a while; its bytes given to gc."""


class Fold:
    """Tables that follow one log. `head` says how far."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self._kinds: dict[str, Callable[[Fact], tuple[int | None, str | None, bool]]] = {
            "version": self._version,
            "alias": self._alias,
            "unalias": self._unalias,
            "protect": self._protect,
            "tag": self._tag,
            "untag": self._untag,
            "edit": self._edit,
            "rename": self._rename,
            "delete": self._delete,
            "restore": self._restore,
            "purge": self._purge,
            "index": self._index,
            "condemn": self._condemn,
        }

    @classmethod
    def empty(cls, database: sqlite3.Connection) -> Fold:
        """Make the tables in an empty database, in one transaction."""
        for statement in SCHEMA.split(";"):
            database.execute(statement)
        database.execute("INSERT INTO head VALUES (-1, ?)", (GENESIS,))
        return cls(database)

    @property
    def head(self) -> tuple[int, str]:
        """(number, digest) of the last entry that was folded; (−1, zeros) at the beginning."""
        n, digest = self.database.execute("SELECT n, digest FROM head").fetchone()
        return int(n), str(digest)

    def follow(self, entries: Iterable[LogEntry]) -> int:
        """Apply the entries that come after `head`, in order; the caller has the transaction. Returns their count."""
        count = 0
        for entry in entries:
            for fact in entry.facts:
                self._apply(entry.n, fact)
            self.database.execute("UPDATE head SET n = ?, digest = ?", (entry.n, entry.digest))
            count += 1
        return count

    def _apply(self, n: int, fact: Fact) -> None:
        if self._one("SELECT 1 FROM facts WHERE id = ?", fact.id):
            return
        artifact: int | None = None
        version: str | None = None
        applied = False
        if handler := self._kinds.get(fact.kind):
            try:
                artifact, version, applied = handler(fact)
            except (
                KeyError,
                TypeError,
                ValueError,
                AttributeError,
                sqlite3.InterfaceError,
                sqlite3.IntegrityError,
            ) as error:
                raise IntegrityError(
                    "damaged-fact",
                    f"fact {fact.id} of log entry {n} does not hold what its kind needs: {error!r}",
                ) from error
        elif fact.required:
            self._run("INSERT INTO required VALUES (?, ?)", fact.kind, fact.required)
        self._run(
            "INSERT INTO facts (id, n, kind, artifact, version, applied, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
            fact.id, n, fact.kind, artifact, version, applied, fact.line,
        )  # fmt: skip
        if applied and fact.undoes:
            self._run("UPDATE facts SET undone_by = ? WHERE id = ?", fact.id, fact.undoes)
        if applied and artifact is not None:
            self._run("UPDATE artifacts SET changed = ? WHERE id = ?", fact.time, artifact)

    # Each function below does one kind of fact. It returns the artifact and the version that the fact is about, and
    # whether it had an effect.

    def _version(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        data = fact.data
        artifact = self._artifact(data["project"], data["name"])
        if artifact is None:
            artifact = self._create(data, fact.time)
        new = data["new"]
        (number,) = self._row("UPDATE artifacts SET next = next + 1 WHERE id = ? RETURNING next - 1", artifact)
        self._run(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            fact.id, artifact, number, LIVE, data["page"], data["digest"], data["entries"], data["size"],
            new["entries"], new["size"], data["stored"], data.get("description"), None,
            json.dumps(data.get("metadata") or {}, ensure_ascii=False), data.get("base"),
            fact.time, fact.actor, fact.machine, fact.reason, None,
        )  # fmt: skip
        return artifact, fact.id, True

    def _alias(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version, alias = self._of_version(fact)
        current = self._one("SELECT version FROM aliases WHERE artifact = ? AND alias = ?", artifact, alias)
        if artifact is None or current != fact.data.get("from"):
            return artifact, version, False
        self._run(
            "INSERT INTO aliases (artifact, alias, version, time) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET version = excluded.version, time = excluded.time",
            artifact, alias, version, fact.time,
        )  # fmt: skip
        return artifact, version, True

    def _unalias(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version, alias = self._of_version(fact)
        done = self._run(
            "DELETE FROM aliases WHERE artifact = ? AND alias = ? AND version = ?", artifact, alias, version
        )
        return artifact, version, done > 0

    def _protect(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version, alias = self._of_version(fact)
        done = self._run(
            "UPDATE aliases SET protected = ? WHERE artifact = ? AND alias = ? AND protected != ?",
            bool(fact.data["to"]), artifact, alias, bool(fact.data["to"]),
        )  # fmt: skip
        return artifact, version, done > 0

    def _tag(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        version, tag = fact.data["version"], str(fact.data["tag"])
        artifact = self._one("SELECT artifact FROM versions WHERE id = ?", version)
        done = artifact is not None and self._run("INSERT OR IGNORE INTO tags VALUES (?, ?)", version, tag) > 0
        return artifact, version, done

    def _untag(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        version, tag = fact.data["version"], str(fact.data["tag"])
        artifact = self._one("SELECT artifact FROM versions WHERE id = ?", version)
        return (
            artifact,
            version,
            self._run("DELETE FROM tags WHERE version = ? AND tag = ?", version, tag) > 0,
        )

    def _edit(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        data = fact.data
        if (version := data.get("version")) is not None:
            artifact = self._one("SELECT artifact FROM versions WHERE id = ?", version)
            return artifact, version, self._edit_row("versions", version, data)
        artifact = self._artifact(data["project"], data["name"])
        return artifact, None, artifact is not None and self._edit_row("artifacts", artifact, data)

    def _edit_row(self, table: str, row: object, data: Any) -> bool:
        field = data["field"]
        if field == "metadata":
            return table == "versions" and self._edit_metadata(row, data)
        if field not in {"versions": ("description", "note"), "artifacts": ("description", "note", "keep_last")}[table]:
            return False
        return self._run(f"UPDATE {table} SET {field} = ? WHERE id = ?", data.get("to"), row) > 0

    def _edit_metadata(self, version: object, data: Any) -> bool:
        text = self._one("SELECT metadata FROM versions WHERE id = ?", version)
        if text is None:
            return False
        metadata = json.loads(text)
        if "to" in data:
            metadata[data["key"]] = data["to"]
        else:
            metadata.pop(data["key"], None)
        self._run("UPDATE versions SET metadata = ? WHERE id = ?", json.dumps(metadata, ensure_ascii=False), version)
        return True

    def _rename(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        data = fact.data
        artifact = self._artifact(data["project"], data["from"])
        if artifact is None or self._artifact(data["project"], data["to"]) not in (None, artifact):
            return artifact, None, False
        self._run("UPDATE artifacts SET name = ? WHERE id = ?", data["to"], artifact)
        # the old name keeps leading here: a car that still logs under it must not start a second line of versions
        self._run("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", data["project"], data["to"], artifact)
        return artifact, None, True

    def _delete(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version = self._state(fact, LIVE, TRASH)
        if version is not None:
            self._run("UPDATE versions SET deleted = ? WHERE id = ?", fact.time, version)
            self._run("DELETE FROM aliases WHERE version = ?", version)
        return artifact, fact.data["version"], version is not None

    def _restore(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version = self._state(fact, TRASH, LIVE)
        if version is not None:
            self._run("UPDATE versions SET deleted = NULL WHERE id = ?", version)
        return artifact, fact.data["version"], version is not None

    def _purge(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        artifact, version = self._state(fact, TRASH, PURGED)
        return artifact, fact.data["version"], version is not None

    def _index(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        for name in fact.data["add"]:
            self._run("INSERT OR IGNORE INTO indexes VALUES (?)", name)
        for name in fact.data.get("remove", ()):
            self._run("DELETE FROM indexes WHERE name = ?", name)
        return None, None, True

    def _condemn(self, fact: Fact) -> tuple[int | None, str | None, bool]:
        for pack in fact.data["packs"]:
            self._run("INSERT OR IGNORE INTO condemned VALUES (?, ?)", pack, fact.id)
        return None, None, True

    # What several kinds need

    def _artifact(self, project: str, name: str) -> int | None:
        found = self._one("SELECT artifact FROM names WHERE project = ? AND name = ?", project, name)
        return None if found is None else int(found)

    def _create(self, data: Any, time: str) -> int:
        (artifact,) = self._row(
            "INSERT INTO artifacts (project, name, type, next, created, changed) VALUES (?, ?, ?, 0, ?, ?) RETURNING id",
            data["project"], data["name"], data["type"], time, time,
        )  # fmt: skip
        self._run("INSERT INTO names VALUES (?, ?, ?)", data["project"], data["name"], artifact)
        return int(artifact)

    def _of_version(self, fact: Fact) -> tuple[int | None, str, str]:
        version = fact.data["version"]
        return (
            self._one("SELECT artifact FROM versions WHERE id = ?", version),
            version,
            str(fact.data["alias"]),
        )

    def _state(self, fact: Fact, before: str, after: str) -> tuple[int | None, str | None]:
        """Move the fact's version from one state to another; the version is None if it was not in `before`."""
        version = fact.data["version"]
        artifact = self._one("SELECT artifact FROM versions WHERE id = ?", version)
        moved = self._run("UPDATE versions SET state = ? WHERE id = ? AND state = ?", after, version, before)
        return artifact, version if moved else None

    def _run(self, sql: str, *values: Any) -> int:
        return self.database.execute(sql, values).rowcount

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self.database.execute(sql, values).fetchall()[0]
        return row

    def _one(self, sql: str, *values: Any) -> Any:
        row = self.database.execute(sql, values).fetchone()
        return row[0] if row else None


def check_required(database: sqlite3.Connection, writing: bool) -> None:
    """Raise `ArtError` (`newer-art-needed`) if the log holds a fact that this program must know and does not."""
    for kind, what in database.execute("SELECT kind, what FROM required"):
        if what == "read" or writing:
            raise ArtError(
                "newer-art-needed",
                f"this repository holds facts of kind '{kind}', which this art must know to {what}",
                hint="pipx upgrade artcli",
            )
