"""The tables of `art query`: what each has, and how it is filled from the catalogue, the runs and the manifests.

Only those that a statement reads are filled, in a database that nobody else sees and that goes with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from artcli.catalog import facts, manifest, texts
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from artcli.catalog.runs.cache import HISTORY, cache_of, unpacked
from artcli.catalog.runs.view import views
from artcli.catalog.texts import Text
from artcli.content import digest_of
from artcli.flows.history import tell
from artcli.flows.ls import KINDS
from artcli.flows.runs.listing import rows

_LOOK_EVERY = 1000
"""Rows between two looks at the clock."""


class Scope(NamedTuple):
    """What the tables are filled from."""

    repository: Repository
    project: str
    refs: frozenset[str] | None = None
    """Ids of the versions whose files are wanted; None: all."""
    look: Callable[[], None] = lambda: None
    """Called now and then; raises when it has taken too long."""


class Table(NamedTuple):
    """A table that may be asked."""

    columns: Sequence[str]
    about: str
    fill: Callable[[Scope], Iterable[Sequence[Any]]]


def create(database: sqlite3.Connection) -> None:
    """Make all tables, empty."""
    for name, table in TABLES.items():
        database.execute(f"CREATE TABLE {name} ({', '.join(table.columns)})")
    database.execute("CREATE TABLE leaf_files (leaf, path, kind, size, digest)")
    database.execute("CREATE INDEX leaf_files_leaf ON leaf_files (leaf)")
    database.execute("CREATE TABLE version_leaves (ref, project, name, version, leaf)")
    database.execute("CREATE INDEX version_leaves_leaf ON version_leaves (leaf)")
    database.execute(
        f"CREATE VIEW files ({', '.join(FILE_COLUMNS)}) AS SELECT v.ref, v.project, v.name, v.version, f.path, f.kind,"
        " f.size, f.digest FROM version_leaves v JOIN leaf_files f ON f.leaf = v.leaf"
    )


def fill(database: sqlite3.Connection, name: str, scope: Scope) -> None:
    """Fill a table, or what the view `files` is made of."""
    if name == "leaf_files":
        _fill_files(database, scope)
    elif name in TABLES:
        table = TABLES[name]
        marks = ", ".join("?" * len(table.columns))
        database.executemany(
            f"INSERT INTO {name} VALUES ({marks})", ([_bound(value) for value in row] for row in _watched(table, scope))
        )


def _watched(table: Table, scope: Scope) -> Iterator[Sequence[Any]]:
    """The rows of a table, for as long as there is time."""
    for number, row in enumerate(table.fill(scope)):
        if number % _LOOK_EVERY == 0:
            scope.look()
        yield row


def described() -> Mapping[str, tuple[Sequence[str], str]]:
    """Columns of each table, and what it is about."""
    found = {name: (table.columns, table.about) for name, table in TABLES.items()}
    return dict(sorted({**found, "files": (FILE_COLUMNS, "files in live versions")}.items()))


def _bound(value: Any) -> Any:
    """A value as SQLite takes it; what is no scalar as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(_plain(value), separators=(",", ":"))
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value) if abs(value) < 10**308 else str(value)
    return value


def _plain(value: Any) -> Any:
    """A value without the numbers that JSON lacks."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _artifacts(scope: Scope) -> Iterator[Sequence[Any]]:
    for item in scope.repository.catalog.summaries():
        artifact, latest = item.artifact, item.latest
        yield (
            artifact.project, artifact.name, artifact.type, item.versions, latest.ref if latest else None,
            latest.size if latest else None, item.stored, _text(scope, artifact.description),
            _text(scope, artifact.note), artifact.created, artifact.changed,
        )  # fmt: skip


def _versions(scope: Scope) -> Iterator[Sequence[Any]]:
    aliases, tags = scope.repository.catalog.labels()
    for item in scope.repository.catalog.versions(states=(LIVE, TRASH)):
        yield (
            item.ref, item.project, item.name, item.number, item.type, item.state, aliases.get(item.id, []),
            tags.get(item.id, []), item.entries, item.size, item.new_size, item.stored, item.digest,
            _text(scope, item.description), _text(scope, item.note), item.metadata, item.time, item.actor,
            item.machine, item.reason, item.deleted, item.id,
        )  # fmt: skip


def _runs(scope: Scope) -> Iterator[Sequence[Any]]:
    for row in rows(scope.repository, views(scope.repository)):
        view, run = row.view, row.view.run
        yield (
            run.id, run.name, run.project, row.state, run.job_type, run.group, view.tags, view.notes, run.exit,
            run.time, run.finished, view.duration, view.rows, run.actor, run.machine, view.config, view.summary,
        )  # fmt: skip


def _metrics(scope: Scope) -> Iterator[Sequence[Any]]:
    import numpy

    def ask(database: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
        rows = database.execute(
            "SELECT o.run, o.key, o.count, o.crc, o.data FROM points o JOIN parts p ON p.id = o.part"
            " WHERE o.stream = ? ORDER BY o.run, o.key, p.place, o.rowid",
            (HISTORY,),
        )
        return [(run, key, unpacked(*piece)) for run, key, *piece in rows]

    for run, key, data in cache_of(scope.repository).asked(ask):
        points = numpy.frombuffer(data, "<i8").reshape(3, -1)
        steps, values, times = points[0].tolist(), points[1].view("<f8").tolist(), points[2].view("<f8").tolist()
        for step, value, time in zip(steps, values, times, strict=True):
            yield run, key, step, value, facts.timestamp(time) if 0 <= time < 1e11 else None


def _edges(scope: Scope) -> Iterator[Sequence[Any]]:
    database = scope.repository.follower.database
    for kind, table, uri, role in (("input", "inputs", "t.uri", "t.role"), ("output", "outputs", "NULL", "NULL")):
        for run, name, number, elsewhere, as_role, time, version, digest in database.execute(
            f"SELECT t.run, a.name, v.number, {uri}, {role}, t.time, t.version, t.digest FROM {table} t"
            " LEFT JOIN versions v ON v.id = t.version LEFT JOIN artifacts a ON a.id = v.artifact ORDER BY t.rowid"
        ):
            ref = f"{name}:v{number}" if name else elsewhere or digest
            ends = (ref, run) if kind == "input" else (run, ref)
            yield kind, *ends, run, ref, as_role, time, version, digest


def _audit(scope: Scope) -> Iterator[Sequence[Any]]:
    catalog = scope.repository.catalog
    for event in catalog.events():
        told, fact = tell(catalog, event, scope.project), event.fact
        yield (
            fact.time, fact.actor, fact.machine, fact.kind, told.ref, told.text, told.field, _json(told.old),
            _json(told.new), fact.reason, int(event.applied), event.undone_by, event.n, fact.id,
        )  # fmt: skip


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


def _text(scope: Scope, text: Text | None) -> str | None:
    return texts.read(scope.repository.store, text)


FILE_COLUMNS = ("ref", "project", "name", "version", "path", "kind", "size", "digest")

TABLES: Mapping[str, Table] = {
    "artifacts": Table(
        ("project", "name", "type", "versions", "latest", "size", "stored", "description", "note", "created",
         "changed"),
        "names, with counts and the newest of their live versions",
        _artifacts,
    ),
    "versions": Table(
        ("ref", "project", "name", "version", "type", "state", "aliases", "tags", "entries", "size", "new_size",
         "stored", "digest", "description", "note", "metadata", "time", "actor", "machine", "reason", "deleted", "id"),
        "versions, live or in the trash; aliases, tags and metadata are JSON",
        _versions,
    ),
    "runs": Table(
        ("id", "name", "project", "state", "job_type", "run_group", "tags", "notes", "exit", "time", "finished",
         "duration", "rows", "actor", "machine", "config", "summary"),
        "live runs; tags, config and summary are JSON: json_extract(config, '$.lr')",
        _runs,
    ),
    "metrics": Table(("run", "key", "step", "value", "time"), "each number that a run logged", _metrics),
    "edges": Table(
        ("kind", "source", "target", "run", "ref", "role", "time", "version", "digest"),
        "what runs used (kind input: version to run) and logged (output: run to version)",
        _edges,
    ),
    "audit": Table(
        ("time", "actor", "machine", "kind", "ref", "text", "field", "old", "new", "reason", "applied", "undone_by",
         "entry", "id"),
        "every change, oldest first",
        _audit,
    ),
}  # fmt: skip


def _fill_files(database: sqlite3.Connection, scope: Scope) -> None:
    """Fill what `files` is made of. Versions share the pages of their manifests, and so do their rows here."""
    repository = scope.repository
    seen: set[bytes] = set()
    with repository.reading():
        for version in repository.catalog.versions():
            if scope.refs is not None and version.id not in scope.refs:
                continue
            mine = []
            scope.look()
            for leaf in manifest.leaves(repository.store, version.root):
                name = digest_of(b"".join(entry.path + entry.digest for entry in leaf))
                mine.append(name)
                if name not in seen:
                    seen.add(name)
                    database.executemany("INSERT INTO leaf_files VALUES (?, ?, ?, ?, ?)", _leaf_rows(name, leaf))
            row = (version.ref, version.project, version.name, version.number)
            database.executemany("INSERT INTO version_leaves VALUES (?, ?, ?, ?, ?)", ((*row, leaf) for leaf in mine))


def _leaf_rows(name: bytes, leaf: Sequence[manifest.Entry]) -> Iterator[Sequence[Any]]:
    for entry in leaf:
        yield name, entry.path.decode("utf-8", "backslashreplace"), KINDS[entry.kind], entry.size, entry.digest.hex()
