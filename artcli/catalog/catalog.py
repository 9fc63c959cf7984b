"""What exists: artifacts, versions, aliases, tags, and who changed them when. Questions only, to the fold's tables.

Rows are plain tuples with names. A version is told by its fact id; its number is what the fold gave it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artcli.catalog import facts
from artcli.catalog.facts import Fact
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.manifest import Root
from artcli.catalog.texts import Text
from artcli.content import Digest


class Artifact(NamedTuple):
    """A name with its versions."""

    id: int
    project: str
    name: str
    type: str
    description: Text | None
    note: Text | None
    keep_last: int | None
    created: str
    changed: str


class Version(NamedTuple):
    """One version of an artifact."""

    id: str
    artifact: int
    project: str
    name: str
    type: str
    number: int
    state: str
    page: str
    digest: str
    entries: int
    size: int
    """Bytes of all its files."""
    new_entries: int
    """Entries whose content the repository did not have when it was logged."""
    new_size: int
    """Bytes of content, before compression, that the repository did not have."""
    stored: int
    """Bytes that logging it added to the store."""
    description: Text | None
    note: Text | None
    metadata: dict[str, Any]
    base: str | None
    time: str
    actor: str
    machine: str
    reason: str | None
    deleted: str | None

    @property
    def ref(self) -> str:
        """`name:vN`, without the project."""
        return f"{self.name}:v{self.number}"

    @property
    def root(self) -> Root:
        return Root(bytes.fromhex(self.page), bytes.fromhex(self.digest), self.entries, self.size)


class Alias(NamedTuple):
    alias: str
    version: str
    protected: bool
    time: str


class SaidText(NamedTuple):
    """A long text that was said of something that is there, or in the trash."""

    digest: Digest
    artifact: int
    version: str | None
    """None: it was said of the artifact itself."""


class Event(NamedTuple):
    """A fact with what the fold made of it."""

    seq: int
    fact: Fact
    n: int
    """The log entry that has it."""
    version: str | None
    artifact: int | None
    applied: bool
    """False if it had no effect: an alias had moved meanwhile, a version was gone."""
    undone_by: str | None
    fault: str | None
    """Why the fold could not use it."""
    run: str | None = None
    """The run that it is about."""


class Summary(NamedTuple):
    """An artifact at a glance; counts are of its live versions."""

    artifact: Artifact
    versions: int
    latest: Version | None
    stored: int
    """Bytes that they added to the store."""


_VERSION = (
    "SELECT v.id, v.artifact, a.project, a.name, a.type, v.number, v.state, v.page, v.digest, v.entries, v.size,"
    " v.new_entries, v.new_size, v.stored, v.description, v.note, v.metadata, v.base, v.time, v.actor, v.machine,"
    " v.reason, v.deleted FROM versions v JOIN artifacts a ON a.id = v.artifact "
)
_ARTIFACT = "SELECT id, project, name, type, description, note, keep_last, created, changed FROM artifacts "
_EVENT = "SELECT seq, line, n, version, artifact, applied, undone_by, fault, run FROM facts "


class Catalog:
    """Asks the tables of a fold."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def artifacts(self, project: str | None = None) -> list[Artifact]:
        """All artifacts (of one project), by project and name."""
        where = "WHERE project = ? " if project is not None else ""
        rows = self.database.execute(_ARTIFACT + where + "ORDER BY project, name", (project,) if where else ())
        return [Artifact(*row) for row in rows]

    def artifact(self, project: str, name: str) -> Artifact | None:
        """The artifact of this name, or the one that once had it."""
        row = self.database.execute(
            _ARTIFACT + "WHERE id = (SELECT artifact FROM names WHERE project = ? AND name = ?)",
            (project, name),
        ).fetchone()
        return Artifact(*row) if row else None

    def artifact_by_id(self, artifact: int) -> Artifact:
        return Artifact(*self.database.execute(_ARTIFACT + "WHERE id = ?", (artifact,)).fetchone())

    def projects_with(self, name: str) -> list[str]:
        """Projects that have an artifact of this name."""
        rows = self.database.execute("SELECT project FROM names WHERE name = ? ORDER BY project", (name,))
        return [row[0] for row in rows]

    def versions(self, artifact: int | None = None, states: Sequence[str] = (LIVE,)) -> Iterator[Version]:
        """Versions in these states (of one artifact), oldest first."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE v.state IN ({marks})" + (" AND v.artifact = ?" if artifact is not None else "")
        values = [*states, *([artifact] if artifact is not None else [])]
        for row in self.database.execute(_VERSION + where + " ORDER BY v.artifact, v.number", values):
            yield _version(row)

    def version(self, id: str) -> Version | None:
        return self._version("WHERE v.id = ?", id)

    def numbered(self, artifact: int, number: int) -> Version | None:
        """Version `number` of an artifact, in whatever state."""
        return self._version("WHERE v.artifact = ? AND v.number = ?", artifact, number)

    def latest(self, artifact: int) -> Version | None:
        """The newest live version."""
        return self._version("WHERE v.artifact = ? AND v.state = ? ORDER BY v.number DESC LIMIT 1", artifact, LIVE)

    def aliased(self, artifact: int, alias: str) -> Version | None:
        return self._version(
            "WHERE v.id = (SELECT version FROM aliases WHERE artifact = ? AND alias = ?)", artifact, alias
        )

    def keeps_page(self, page: str) -> bool:
        """Whether a live version, or one in the trash, has this root page (hex): then all below it is kept too."""
        found = self.database.execute("SELECT 1 FROM versions WHERE page = ? AND state != ?", (page, PURGED))
        return found.fetchone() is not None

    def with_digest(self, prefix: str, artifact: int | None = None) -> list[Version]:
        """Live versions whose digest starts with `prefix` (hex), newest first."""
        where = "WHERE v.state = ? AND v.digest >= ? AND v.digest < ?" + (" AND v.artifact = ?" if artifact else "")
        values = [LIVE, prefix, prefix + "g", *([artifact] if artifact else [])]
        rows = self.database.execute(_VERSION + where + " ORDER BY v.rowid DESC", values)
        return [_version(row) for row in rows]

    def summaries(self, project: str | None = None) -> Iterator[Summary]:
        """Every artifact (of one project) with its newest live version, by project and name."""
        counts = {
            artifact: (versions, stored)
            for artifact, versions, stored in self.database.execute(
                "SELECT artifact, COUNT(*), SUM(stored) FROM versions WHERE state = ? GROUP BY artifact", (LIVE,)
            )
        }
        newest = (
            "WHERE v.state = ? AND v.number ="
            " (SELECT MAX(number) FROM versions w WHERE w.artifact = v.artifact AND w.state = v.state)"
        )
        rows = self.database.execute(_VERSION + newest, (LIVE,))
        latest = {version.artifact: version for version in map(_version, rows)}
        for artifact in self.artifacts(project):
            versions, stored = counts.get(artifact.id, (0, 0))
            yield Summary(artifact, versions, latest.get(artifact.id), stored)

    def aliases(self, artifact: int) -> list[Alias]:
        """The artifact's aliases by name, without the computed `latest`."""
        rows = self.database.execute(
            "SELECT alias, version, protected, time FROM aliases WHERE artifact = ? ORDER BY alias",
            (artifact,),
        )
        return [Alias(alias, version, bool(protected), time) for alias, version, protected, time in rows]

    def aliases_of(self, version: Version) -> list[str]:
        """Aliases of a version, `latest` among them where it is that."""
        rows = self.database.execute("SELECT alias FROM aliases WHERE version = ? ORDER BY alias", (version.id,))
        names = [row[0] for row in rows]
        latest = self.latest(version.artifact)
        return ["latest", *names] if latest and latest.id == version.id else names

    def tags_of(self, version: Version) -> list[str]:
        rows = self.database.execute("SELECT tag FROM tags WHERE version = ? ORDER BY tag", (version.id,))
        return [row[0] for row in rows]

    def labels(self, artifact: int | None = None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Aliases (with `latest`) and tags of all live versions (of one artifact) by version id, in two questions."""
        where = "WHERE v.state = ?" + (" AND v.artifact = ?" if artifact is not None else "")
        values = (LIVE, artifact) if artifact is not None else (LIVE,)
        newest = f"SELECT id, 'latest', MAX(number), 0 AS rank FROM versions v {where} GROUP BY artifact"
        named = f"SELECT v.id, a.alias, 0, 1 AS rank FROM aliases a JOIN versions v ON v.id = a.version {where}"
        aliases: dict[str, list[str]] = {}
        rows = self.database.execute(f"{newest} UNION ALL {named} ORDER BY 4, 2", values * 2)
        for version, alias, _, _ in rows:
            aliases.setdefault(version, []).append(alias)
        tags: dict[str, list[str]] = {}
        tagged = f"SELECT t.version, t.tag FROM tags t JOIN versions v ON v.id = t.version {where} ORDER BY t.tag"
        for version, tag in self.database.execute(tagged, values):
            tags.setdefault(version, []).append(tag)
        return aliases, tags

    def texts(self, version: str | None = None) -> list[SaidText]:
        """Long texts that must be there (those of one version)."""
        where = "WHERE version = ? " if version is not None else ""
        rows = self.database.execute(
            f"SELECT digest, artifact, NULLIF(version, '') FROM texts {where}ORDER BY artifact, version, digest",
            (version,) if where else (),
        )
        return [SaidText(*row) for row in rows]

    def has_text(self, text: Digest) -> bool:
        """Whether the text is one that must be there."""
        return self.database.execute("SELECT 1 FROM texts WHERE digest = ?", (text,)).fetchone() is not None

    def indexes(self) -> list[str]:
        """Names of the live indexes."""
        return [row[0] for row in self.database.execute("SELECT name FROM indexes ORDER BY name")]

    def condemned(self) -> frozenset[Digest]:
        """Packs that gc has condemned: nobody may count on them any more, whether they are still there or not.

        A commit that names one of them, or relies on what is in it, must store these chunks anew.
        """
        return frozenset(self.condemnations())

    def condemnations(self) -> dict[Digest, int]:
        """Those packs, and in which entry of the log it was said."""
        rows = self.database.execute("SELECT c.pack, f.n FROM condemned c JOIN facts f ON f.id = c.fact")
        return {bytes.fromhex(pack): n for pack, n in rows}

    def former_indexes(self) -> dict[str, int]:
        """Indexes that were live, and in which entry of the log they ceased to be."""
        live = set(self.indexes())
        rows = self.database.execute("SELECT n, line FROM facts WHERE kind = 'index' AND own AND applied ORDER BY seq")
        removed = {name: n for n, line in rows for name in facts.parse(line).data.get("remove", ())}
        return {name: n for name, n in removed.items() if name not in live}

    def has_named_index(self, name: str) -> bool:
        """Whether an index of that name was ever live, or is."""
        found = self.database.execute(
            "SELECT 1 FROM facts WHERE kind = 'index' AND own AND instr(line, ?) LIMIT 1", (name.encode(),)
        )
        return found.fetchone() is not None

    def events(
        self,
        artifact: int | None = None,
        version: str | None = None,
        *,
        run: str | None = None,
        n: int | None = None,
        backwards: bool = False,
    ) -> Iterator[Event]:
        """Facts in the order of the log, or `backwards`: all, or those about one of these, or of log entry `n`."""
        wanted = {"version": version, "artifact": artifact, "run": run, "n": n}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = "WHERE " + " AND ".join(f"{name} = ?" for name in given) if given else ""
        where += " AND own" if n is not None else ""
        order = " ORDER BY seq" + (" DESC" if backwards else "")
        for row in self.database.execute(_EVENT + where + order, list(given.values())):
            yield _event(row)

    def since(self, n: int) -> Iterator[Event]:
        """The facts of the own log after entry `n`, in its order."""
        for row in self.database.execute(_EVENT + "WHERE own AND n > ? ORDER BY seq", (n,)):
            yield _event(row)

    def settled(self) -> set[str]:
        """The ids of versions that the authority has; none without an authority."""
        rows = self.database.execute("SELECT id FROM facts WHERE settled AND kind = 'version'")
        return {row[0] for row in rows}

    def event(self, id_prefix: str) -> list[Event]:
        """Facts whose id starts with this prefix."""
        rows = self.database.execute(_EVENT + "WHERE id >= ? AND id < ?", (id_prefix, id_prefix + "g"))
        return [_event(row) for row in rows]

    def faults(self) -> list[Event]:
        """Facts that the fold could not use."""
        return [_event(row) for row in self.database.execute(_EVENT + "WHERE fault IS NOT NULL ORDER BY seq")]

    def trash(self) -> list[Version]:
        return list(self.versions(states=(TRASH,)))

    def _version(self, where: str, *values: Any) -> Version | None:
        row = self.database.execute(_VERSION + where, values).fetchone()
        return _version(row) if row else None


def _version(row: tuple[Any, ...]) -> Version:
    values = list(row)
    values[16] = json.loads(values[16])
    return Version(*values)


def _event(row: tuple[Any, ...]) -> Event:
    seq, line, n, version, artifact, applied, undone_by, fault, run = row
    return Event(seq, facts.parse(line), n, version, artifact, bool(applied), undone_by, fault, run)
