"""Lineage: which versions runs used and made, as a graph with two kinds of nodes that is asked, never kept.

    version ──input──▶ run ──output──▶ version        uri ──input──▶ run        version ──base──▶ version

An arrow goes from what was there before to what came of it. Everything stands in the tables of the fold, so that an
answer costs what it shows, not what exists: each step looks up the arrows of a whole frontier at once. Nodes that were
deleted, or of which only others speak (their own facts are in a repository that was never fetched), are in it and say
so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from artcli.catalog.fold import LIVE

VERSION, RUN, URI = "version", "run", "uri"
INPUT, OUTPUT, BASE = "input", "output", "base"
UNKNOWN = "unknown"
"""State of what others speak of, and nothing else is known."""
_BATCH = 500
"""Names in one question."""


class Node(NamedTuple):
    """What an arrow leads from or to, by name."""

    kind: str
    """`version`, `run`, `uri`."""
    id: str
    """Fact id of the version, id of the run, or the address itself."""


class Arrow(NamedTuple):
    source: Node
    target: Node
    kind: str
    """`input`, `output`, `base`."""
    role: str | None = None
    """What the run called its input."""


class About(NamedTuple):
    """What the log knows of a node."""

    project: str
    name: str
    """`name:vN`, the name of the run, or the address."""
    group: str
    """Name of the artifact; the job type of the run, empty if it has none."""
    type: str
    """Type of the artifact."""
    state: str
    """`live`, `trash`, `purged`, `unknown`."""
    time: str
    order: int
    """Grows with the log, among nodes of one kind."""
    digest: str = ""
    """Of a version."""


class Graph(NamedTuple):
    """A part of the lineage."""

    nodes: Mapping[Node, int]
    """With the distance from the focus in arrows: negative before it, positive after it; 0 without a focus."""
    arrows: list[Arrow]


class Lineage:
    """Asks the tables of a fold."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self._built: dict[str, list[str]] | None = None

    def around(self, focus: Node, up: int | None = None, down: int | None = None) -> Graph:
        """What the focus came from and what came of it, up to so many arrows away, and nothing beside that line.

        So other versions that its producer logged, and other runs that used its inputs, are not in it.
        """
        found: dict[Node, int] = {focus: 0}
        for sign, most in ((-1, up), (1, down)):
            for node, depth in self._spread([focus], most, back=sign < 0).items():
                found.setdefault(node, sign * depth)
        return self._among(found)

    def origins(self, nodes: Iterable[Node]) -> Graph:
        """The nodes and all that they came from."""
        return self._among({node: -depth for node, depth in self._spread(nodes, None, back=True).items()})

    def _spread(self, nodes: Iterable[Node], most: int | None, *, back: bool) -> dict[Node, int]:
        """What can be reached from the nodes, and in how many arrows at least."""
        found = dict.fromkeys(nodes, 0)
        frontier, depth = list(found), 0
        while frontier and (most is None or depth < most):
            depth += 1
            others = [
                arrow.source if back else arrow.target for arrow in (self.before if back else self.after)(frontier)
            ]
            frontier = [node for node in dict.fromkeys(others) if node not in found]
            found.update(dict.fromkeys(frontier, depth))
        return found

    def _among(self, nodes: Mapping[Node, int]) -> Graph:
        return Graph(nodes, _without_shortcuts(arrow for arrow in self.before(nodes) if arrow.source in nodes))

    def whole(self, project: str | None = None) -> Graph:
        """All live versions and runs (of a project), and what they are tied to in whatever state."""
        there = set(self._live(project))
        arrows = [arrow for arrow in self._all() if arrow.source in there or arrow.target in there]
        nodes = dict.fromkeys(there, 0)
        for arrow in arrows:
            nodes.setdefault(arrow.source, 0)
            nodes.setdefault(arrow.target, 0)
        return Graph(nodes, _without_shortcuts(arrows))

    def before(self, nodes: Collection[Node]) -> Iterator[Arrow]:
        """The arrows that end at the nodes."""
        versions, runs, _ = _sorted(nodes)
        for run, version in self._ask("SELECT run, version FROM outputs WHERE version IN", versions):
            yield Arrow(Node(RUN, run), Node(VERSION, version), OUTPUT)
        for version, base in self._ask("SELECT id, base FROM versions WHERE base IS NOT NULL AND id IN", versions):
            yield Arrow(Node(VERSION, base), Node(VERSION, version), BASE)
        for row in self._ask("SELECT run, version, uri, role FROM inputs WHERE run IN", runs, "rowid"):
            yield _input(*row)

    def after(self, nodes: Collection[Node]) -> Iterator[Arrow]:
        """The arrows that begin at the nodes."""
        versions, runs, uris = _sorted(nodes)
        for row in self._ask("SELECT run, version, uri, role FROM inputs WHERE version IN", versions):
            yield _input(*row)
        for row in self._ask("SELECT run, version, uri, role FROM inputs WHERE uri IN", uris):
            yield _input(*row)
        for base in versions:
            for version in self._built_on().get(base, ()):
                yield Arrow(Node(VERSION, base), Node(VERSION, version), BASE)
        for run, version in self._ask("SELECT run, version FROM outputs WHERE run IN", runs):
            yield Arrow(Node(RUN, run), Node(VERSION, version), OUTPUT)

    def about(self, nodes: Iterable[Node]) -> dict[Node, About]:
        """What is known of the nodes."""
        versions, runs, uris = _sorted(nodes)
        found: dict[Node, About] = {}
        question = (
            "SELECT v.id, a.project, a.name, v.number, a.type, v.state, v.time, v.rowid, v.digest"
            " FROM versions v JOIN artifacts a ON a.id = v.artifact WHERE v.id IN"
        )
        for id, project, name, number, type, *rest in self._ask(question, versions):
            found[Node(VERSION, id)] = About(project, f"{name}:v{number}", name, type, *rest)
        question = "SELECT id, project, name, IFNULL(job_type, ''), '', state, time, seq FROM runs WHERE id IN"
        for id, *known in self._ask(question, runs):
            found[Node(RUN, id)] = About(*known)
        for uri in uris:
            found[Node(URI, uri)] = About("", uri, uri, "", LIVE, "", 0)
        for kind, ids in ((VERSION, versions), (RUN, runs)):
            for id in ids:
                name = f"{kind} {id[:12]}"
                found.setdefault(Node(kind, id), About("", name, name, "", UNKNOWN, "", 0))
        return found

    def _live(self, project: str | None) -> Iterator[Node]:
        where, values = (" AND project = ?", (LIVE, project)) if project is not None else ("", (LIVE,))
        versions = "SELECT v.id FROM versions v JOIN artifacts a ON a.id = v.artifact WHERE v.state = ?"
        for (id,) in self.database.execute(versions + where, values):
            yield Node(VERSION, id)
        for (id,) in self.database.execute("SELECT id FROM runs WHERE state = ?" + where, values):
            yield Node(RUN, id)

    def _all(self) -> Iterator[Arrow]:
        for row in self.database.execute("SELECT run, version, uri, role FROM inputs ORDER BY rowid"):
            yield _input(*row)
        for run, version in self.database.execute("SELECT run, version FROM outputs ORDER BY rowid"):
            yield Arrow(Node(RUN, run), Node(VERSION, version), OUTPUT)
        for base, versions in self._built_on().items():
            for version in versions:
                yield Arrow(Node(VERSION, base), Node(VERSION, version), BASE)

    def _built_on(self) -> Mapping[str, list[str]]:
        """Which versions were built on a version: read once, for the table has no index of it."""
        if self._built is None:
            self._built = {}
            for id, base in self.database.execute("SELECT id, base FROM versions WHERE base IS NOT NULL"):
                self._built.setdefault(base, []).append(id)
        return self._built

    def _ask(self, question: str, names: Iterable[str], order: str = "2") -> Iterator[tuple[Any, ...]]:
        """The rows of a question about names, a few hundred names at a time."""
        rest = iter(names)
        while some := tuple(islice(rest, _BATCH)):
            yield from self.database.execute(
                f"{question} ({', '.join('?' * len(some))}) ORDER BY 1, {order}", some
            ).fetchall()


def _input(run: str, version: str | None, uri: str | None, role: str | None) -> Arrow:
    source = Node(VERSION, version) if version else Node(URI, uri or "")
    return Arrow(source, Node(RUN, run), INPUT, role)


def _without_shortcuts(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Without the arrow from a version to one built on it where the run that did so says the same."""
    kept = list(arrows)
    makers: dict[Node, list[Node]] = {}
    for arrow in kept:
        if arrow.kind == OUTPUT:
            makers.setdefault(arrow.target, []).append(arrow.source)
    used = {(arrow.source, arrow.target) for arrow in kept if arrow.kind == INPUT}

    def is_shortcut(arrow: Arrow) -> bool:
        return arrow.kind == BASE and any((arrow.source, run) in used for run in makers.get(arrow.target, ()))

    return [arrow for arrow in kept if not is_shortcut(arrow)]


def _sorted(nodes: Iterable[Node]) -> tuple[list[str], list[str], list[str]]:
    """Ids of versions, runs, uris."""
    found: dict[str, list[str]] = {VERSION: [], RUN: [], URI: []}
    for node in nodes:
        found[node.kind].append(node.id)
    return found[VERSION], found[RUN], found[URI]
