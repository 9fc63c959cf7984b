"""The fold: facts in the order of the log become tables that can be asked.

Each kind of fact has one function here that says what it does to the tables; nothing else writes to them. The tables
are a cache (SQLite, in `.art/cache/` or in memory): they follow the log entry by entry and can be made anew from it at
any time. A fold never refuses a fact and never looks at a clock: what may be done is decided before a fact is made, and
what happened, happened. Facts seen before are skipped, so that logs of several places merge by union; a fact that does
not hold what its kind needs is carried along with its `fault`, has no effect, and hides nothing else.

Of long texts (see `texts`) the tables hold the names, as blobs, and `texts` those that what happened needs: all that
were ever said of a version until it is purged, and of an artifact (`version` is empty) until its last version is.

Version numbers are made here: the n-th version of a name that the fold meets is v(n−1), and no number is ever reused.
A repository that has an authority folds the authority's log first, then those facts of its own that are not in it: so
a number is provisional until the authority has its version. What is said of a place's own packs counts there alone.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from artcli.catalog import spec, tables, texts
from artcli.catalog.facts import Fact
from artcli.catalog.log import GENESIS, LogEntry
from artcli.catalog.runs import fold as runs
from artcli.catalog.tables import SCHEMA
from artcli.errors import ArtError, UsageError

OF_A_PLACE = frozenset({"index", "condemn"})
"""Kinds of facts about the packs of the place in whose log they are: they hold nowhere else."""

LIVE, TRASH, PURGED = "live", "trash", "purged"
"""States of a version: there; deleted, its bytes kept for a while; its bytes given to gc."""

TEXTS = ("description", "note")
"""Fields that may hold a long text."""
_WITHOUT_LONG = ", ".join(f"{field} = CASE typeof({field}) WHEN 'blob' THEN NULL ELSE {field} END" for field in TEXTS)

UNFIT = (
    KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError,
    sqlite3.InterfaceError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, UsageError,
)  # fmt: skip
"""What a fact raises here whose data is not what its kind needs."""


class _Effect(NamedTuple):
    """What a fact is about, and whether it had an effect."""

    artifact: int | None = None
    version: str | None = None
    applied: bool = False
    fault: str | None = None


class Fold:
    """Tables that follow the log of a place, and that of its authority before it. `head` says how far."""

    def __init__(self, database: sqlite3.Connection, place: str | None = None) -> None:
        """`place`: the id of the place whose log its own is; entries of other places are the authority's.

        Without a place every entry is its own.
        """
        self.database = database
        self.place = place
        self._runs = runs.RunFold(database)
        self._kinds: dict[str, Callable[[Fact], _Effect]] = {
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
            **{kind: partial(_about_run, handler) for kind, handler in self._runs.kinds.items()},
        }

    @classmethod
    def empty(cls, database: sqlite3.Connection, place: str | None = None) -> Fold:
        """Make the tables in an empty database, in one transaction."""
        for statement in (SCHEMA + runs.SCHEMA).split(";"):
            database.execute(statement)
        return cls(database, place)

    def clear(self) -> None:
        """Forget everything that was folded, in the caller's transaction."""
        for table in re.findall(r"CREATE TABLE (\w+)", SCHEMA + runs.SCHEMA):
            self.database.execute(f"DELETE FROM {table}")

    @property
    def head(self) -> tuple[int, str]:
        """(number, digest) of the last entry of its own that was folded; (−1, zeros) at the beginning."""
        return self.head_of(self.place)

    def head_of(self, place: str | None) -> tuple[int, str]:
        """As `head`, of the log of this place."""
        row = self.database.execute("SELECT n, digest FROM heads WHERE place = ?", (self._key(place),)).fetchone()
        return (int(row[0]), str(row[1])) if row else (-1, GENESIS)

    def _key(self, place: str | None) -> str:
        return "" if self._is_own(place) or place is None else place

    def _is_own(self, place: str | None) -> bool:
        return self.place is None or place == self.place

    def unsettled(self) -> list[str]:
        """The ids of facts that the authority's log has not, as far as it was followed; in their order."""
        return [row[0] for row in self.database.execute("SELECT id FROM facts WHERE NOT settled ORDER BY seq")]

    def fits(self, news: Iterable[LogEntry]) -> bool:
        """Whether these entries of the authority can be folded after what was folded already.

        They can if facts of our own come in them as they came here, and others only after all of these; else the fold
        must begin anew.
        """
        waiting = iter(self.unsettled())
        expected = next(waiting, None)
        for entry in news:
            for fact in entry.facts:
                if expected is None:
                    return True
                if fact.kind in OF_A_PLACE:
                    continue
                if fact.id != expected:
                    return False
                expected = next(waiting, None)
        return True

    def follow(self, entries: Iterable[LogEntry]) -> int:
        """Apply the entries that come after the head of their log, in order; the caller has the transaction.

        Returns their count.
        """
        count = 0
        heads: dict[str, LogEntry] = {}
        try:
            for entry in entries:
                own = self._is_own(entry.place)
                for fact in entry.facts:
                    self._apply(entry.n, fact, own)
                heads[self._key(entry.place)] = entry
                count += 1
        finally:  # what was applied before an entry that cannot be read stays
            for key, entry in heads.items():
                self._run("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", key, entry.n, entry.digest)
        return count

    def _apply(self, n: int, fact: Fact, own: bool) -> None:
        of_a_place = fact.kind in OF_A_PLACE
        if of_a_place and not own:
            return
        if self._one("SELECT 1 FROM facts WHERE id = ?", fact.id):
            if not own:
                self._run("UPDATE facts SET settled = 1 WHERE id = ?", fact.id)
            return
        effect = self._effect(fact)
        self._run(
            "INSERT INTO facts (id, own, n, kind, artifact, version, run, applied, undoes, fault, line, settled)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            fact.id, own, n, fact.kind, effect.artifact, effect.version, runs.named(fact.data), effect.applied,
            fact.undoes, effect.fault, fact.line, of_a_place or not own,
        )  # fmt: skip
        if not effect.applied:
            return
        if fact.undoes:
            # what the undone fact had itself undone holds again
            self._run("UPDATE facts SET undone_by = NULL WHERE undone_by = ?", fact.undoes)
            self._run("UPDATE facts SET undone_by = ? WHERE id = ?", fact.id, fact.undoes)
        if effect.artifact is not None:
            self._run("UPDATE artifacts SET changed = ? WHERE id = ?", fact.time, effect.artifact)

    def _effect(self, fact: Fact) -> _Effect:
        """Do what the fact says, whole or not at all."""
        handler = self._kinds.get(fact.kind)
        if runs.named(fact.data) and fact.kind in self._runs.about_runs:
            handler = partial(_about_run, self._runs.about_runs[fact.kind])
        if handler is None:
            if fact.required:
                self._run("INSERT INTO required VALUES (?, ?)", fact.kind, fact.required)
            return _Effect()
        self._run("SAVEPOINT fact")
        try:
            effect = handler(fact)
        except UNFIT as error:
            self._run("ROLLBACK TO fact")
            effect = _Effect(fault=f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode())
        self._run("RELEASE fact")
        return effect

    # Each function below does one kind of fact.

    def _version(self, fact: Fact) -> _Effect:
        data, new = fact.data, fact.data["new"]
        numbers = (data["entries"], data["size"], new["entries"], new["size"], data["stored"])
        artifact = self._artifact(data["project"], data["name"])
        if artifact is None:
            artifact = self._create(data, fact.time)
        (number,) = self._row("UPDATE artifacts SET next = next + 1 WHERE id = ? RETURNING next - 1", artifact)
        self._run(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            fact.id, artifact, number, LIVE, tables.digest(data["page"]), tables.digest(data["digest"]),
            *map(tables.count, numbers), texts.named(data.get("description")), None,
            tables.metadata(data.get("metadata")), data.get("base"),
            fact.time, fact.actor, fact.machine, fact.reason, None,
        )  # fmt: skip
        self._need_text(data.get("description"), artifact, fact.id)
        return _Effect(artifact, fact.id, True)

    def _alias(self, fact: Fact) -> _Effect:
        version, alias = fact.data["version"], spec.check_alias(fact.data["alias"])
        artifact = self._owner(version)
        current = self._one("SELECT version FROM aliases WHERE artifact = ? AND alias = ?", artifact, alias)
        live = self._one("SELECT 1 FROM versions WHERE id = ? AND state = ?", version, LIVE)
        if not live or current != fact.data.get("from"):
            return _Effect(artifact, version)
        self._run(
            "INSERT INTO aliases (artifact, alias, version, time) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET version = excluded.version, time = excluded.time",
            artifact, alias, version, fact.time,
        )  # fmt: skip
        return _Effect(artifact, version, True)

    def _unalias(self, fact: Fact) -> _Effect:
        version, alias = fact.data["version"], fact.data["alias"]
        done = self._run("DELETE FROM aliases WHERE version = ? AND alias = ?", version, alias)
        return _Effect(self._owner(version), version, done > 0)

    def _protect(self, fact: Fact) -> _Effect:
        version, alias, to = fact.data["version"], fact.data["alias"], bool(fact.data["to"])
        done = self._run(
            "UPDATE aliases SET protected = ? WHERE version = ? AND alias = ? AND protected != ?",
            to, version, alias, to,
        )  # fmt: skip
        return _Effect(self._owner(version), version, done > 0)

    def _tag(self, fact: Fact) -> _Effect:
        version, tag = fact.data["version"], spec.check_tag(fact.data["tag"])
        artifact = self._owner(version)
        done = artifact is not None and self._run("INSERT OR IGNORE INTO tags VALUES (?, ?)", version, tag) > 0
        return _Effect(artifact, version, done)

    def _untag(self, fact: Fact) -> _Effect:
        version, tag = fact.data["version"], fact.data["tag"]
        done = self._run("DELETE FROM tags WHERE version = ? AND tag = ?", version, tag)
        return _Effect(self._owner(version), version, done > 0)

    def _edit(self, fact: Fact) -> _Effect:
        data = fact.data
        if (version := data.get("version")) is not None:
            artifact = self._owner(version)
            done = self._edit_row("versions", version, data)
        else:
            artifact = self._artifact(data["project"], data["name"])
            done = artifact is not None and self._edit_row("artifacts", artifact, data)
        if done and artifact is not None and data["field"] in TEXTS:
            self._need_text(data.get("to"), artifact, version or "")
        return _Effect(artifact, version, done)

    def _edit_row(self, table: str, row: object, data: Mapping[str, Any]) -> bool:
        field = data["field"]
        if field == "metadata":
            return table == "versions" and self._edit_metadata(row, data)
        if field not in TEXTS and (table, field) != ("artifacts", "keep_last"):
            return False
        to = texts.named(data.get("to")) if field in TEXTS else data.get("to")
        there = f" AND state != '{PURGED}'" if table == "versions" else ""
        return self._run(f"UPDATE {table} SET {field} = ? WHERE id = ?{there}", to, row) > 0

    def _need_text(self, value: Any, artifact: int, version: str) -> None:
        """Remember a text that was said of a version, or of an artifact, if it is a long one."""
        if isinstance(text := texts.named(value), bytes):
            self._run("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", artifact, version, text)

    def _forget_texts(self, artifact: int, version: str) -> None:
        """A version was purged: its long texts go with it, and with the last version those of the artifact."""
        self._run("DELETE FROM texts WHERE artifact = ? AND version = ?", artifact, version)
        self._run(f"UPDATE versions SET {_WITHOUT_LONG} WHERE id = ?", version)
        if not self._one("SELECT 1 FROM versions WHERE artifact = ? AND state != ?", artifact, PURGED):
            self._run("DELETE FROM texts WHERE artifact = ?", artifact)
            self._run(f"UPDATE artifacts SET {_WITHOUT_LONG} WHERE id = ?", artifact)

    def _edit_metadata(self, version: object, data: Mapping[str, Any]) -> bool:
        text = self._one("SELECT metadata FROM versions WHERE id = ?", version)
        if text is None:
            return False
        metadata = json.loads(text)
        if "to" in data:
            metadata[data["key"]] = data["to"]
        else:
            metadata.pop(data["key"], None)
        self._run("UPDATE versions SET metadata = ? WHERE id = ?", tables.metadata(metadata), version)
        return True

    def _rename(self, fact: Fact) -> _Effect:
        project, to = fact.data["project"], spec.check_name(fact.data["to"])
        artifact = self._artifact(project, fact.data["from"])
        if artifact is None or self._artifact(project, to) not in (None, artifact):
            return _Effect(artifact)
        self._run("UPDATE artifacts SET name = ? WHERE id = ?", to, artifact)
        # the old name keeps leading here: a car that still logs under it must not start a second line of versions
        self._run("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", project, to, artifact)
        return _Effect(artifact, None, True)

    def _delete(self, fact: Fact) -> _Effect:
        effect = self._move_state(fact, LIVE, TRASH)
        if effect.applied:
            self._run("UPDATE versions SET deleted = ? WHERE id = ?", fact.time, effect.version)
            self._run("DELETE FROM aliases WHERE version = ?", effect.version)
        return effect

    def _restore(self, fact: Fact) -> _Effect:
        effect = self._move_state(fact, TRASH, LIVE)
        if effect.applied:
            self._run("UPDATE versions SET deleted = NULL WHERE id = ?", effect.version)
        return effect

    def _purge(self, fact: Fact) -> _Effect:
        effect = self._move_state(fact, TRASH, PURGED)
        if effect.applied and effect.artifact is not None and effect.version is not None:
            self._forget_texts(effect.artifact, effect.version)
        return effect

    def _index(self, fact: Fact) -> _Effect:
        for name in fact.data["add"]:
            self._run("INSERT OR IGNORE INTO indexes VALUES (?)", tables.digest(name))
        for name in fact.data.get("remove", ()):
            self._run("DELETE FROM indexes WHERE name = ?", name)
        return _Effect(applied=True)

    def _condemn(self, fact: Fact) -> _Effect:
        for pack in fact.data["packs"]:
            self._run("INSERT OR IGNORE INTO condemned VALUES (?, ?)", tables.digest(pack), fact.id)
        return _Effect(applied=True)

    # What several kinds need

    def _artifact(self, project: str, name: str) -> int | None:
        found = self._one("SELECT artifact FROM names WHERE project = ? AND name = ?", project, name)
        return None if found is None else int(found)

    def _owner(self, version: str) -> int | None:
        """The artifact of a version, if there is such a version."""
        found = self._one("SELECT artifact FROM versions WHERE id = ?", version)
        return None if found is None else int(found)

    def _create(self, data: Mapping[str, Any], time: str) -> int:
        # names become folders and words of a terminal: whoever made the fact, here they are of the grammar
        project, name, type = spec.check_project(data["project"]), spec.check_name(data["name"]), data["type"]
        (artifact,) = self._row(
            "INSERT INTO artifacts (project, name, type, next, created, changed)"
            " VALUES (?, ?, ?, 0, ?, ?) RETURNING id",
            project, name, spec.check_type(type), time, time,
        )  # fmt: skip
        self._run("INSERT INTO names VALUES (?, ?, ?)", project, name, artifact)
        return int(artifact)

    def _move_state(self, fact: Fact, before: str, after: str) -> _Effect:
        """Move the fact's version from one state to another, if it is in `before`."""
        version = fact.data["version"]
        moved = self._run("UPDATE versions SET state = ? WHERE id = ? AND state = ?", after, version, before)
        return _Effect(self._owner(version), version, moved > 0)

    def _run(self, sql: str, *values: Any) -> int:
        return self.database.execute(sql, values).rowcount

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self.database.execute(sql, values).fetchall()[0]
        return row

    def _one(self, sql: str, *values: Any) -> Any:
        row = self.database.execute(sql, values).fetchone()
        return row[0] if row else None


def _about_run(handler: Callable[[Fact], bool], fact: Fact) -> _Effect:
    return _Effect(applied=handler(fact))


def check_required(database: sqlite3.Connection, writing: bool) -> None:
    """Raise `ArtError` (`newer-art-needed`) if the log holds a fact that this program must know and does not."""
    for kind, what in database.execute("SELECT kind, what FROM required"):
        if what == "read" or writing:
            raise ArtError(
                "newer-art-needed",
                f"this repository holds facts of kind '{kind}', which this art must know to {what}",
                hint="pipx upgrade artcli",
            )
