"""A part of the lineage as somebody wants to see it: around one version or run, or all of a project, at a level.

    instance     each version, each run
    collection   versions of an artifact together, runs of a job type together
    type         artifacts of a type together, runs of a job type together: W&B's first view

Together they keep their arrows, counted, so the view of a large project stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Catalog
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.repository import Repository
from artcli.catalog.runs import resolve as runs
from artcli.catalog.runs.lineage import RUN, UNKNOWN, URI, VERSION, About, Graph, Lineage, Node
from artcli.catalog.runs.liveness import outcomes
from artcli.catalog.runs.register import Register

TYPE, COLLECTION, INSTANCE = "type", "collection", "instance"
LEVELS = (TYPE, COLLECTION, INSTANCE)
ANY_STATE = (LIVE, TRASH, PURGED)


class Focus(NamedTuple):
    """What the graph is about."""

    node: Node
    ref: str
    note: str | None = None


class Box(NamedTuple):
    """A node of the picture."""

    id: str
    kind: str
    """`version`, `run`, `uri`; together they are of the same kind."""
    label: str
    state: str
    """`live`, `trash`, `purged`, `unknown` of a version; how a run went, or `deleted`; empty for several together."""
    job_type: str
    """Of a run; the type of a version."""
    aliases: Sequence[str]
    number: int
    """How many are together."""
    depth: int
    """Arrows from the focus; 0 for several together."""
    focus: bool
    time: str
    order: tuple[str, int]


class Line(NamedTuple):
    """An arrow of the picture."""

    source: str
    target: str
    role: str
    number: int
    """How many arrows are together."""


class Picture(NamedTuple):
    boxes: Mapping[str, Box]
    """By id, oldest first."""
    lines: Sequence[Line]
    level: str


def focus(catalog: Catalog, word: str, project: str, active: str | None = None) -> Focus:
    """The version or run that a word means, also one in the trash; raises `NotFoundError`, `UsageError`."""
    if run := runs.meant(catalog, word, project, active, ANY_STATE):
        return Focus(Node(RUN, run.id), run.name)
    wanted = spec.parse(word)
    number = resolve.version_number(wanted.version or "")
    if number is not None and not wanted.back and wanted.path is None:
        wanted, artifact, note = resolve.reading(catalog, word, project)
        if version := catalog.numbered(artifact.id, number):
            return Focus(Node(VERSION, version.id), version.ref, note)
    found = resolve.version(catalog, word, project)
    return Focus(Node(VERSION, found.version.id), found.version.ref, found.note)


def picture(
    repository: Repository, project: str, about: Focus | None = None, *,
    up: int | None = None, down: int | None = None, level: str = TYPE,
) -> Picture:  # fmt: skip
    """The ancestors and descendants of the focus, or all of a project (without a focus), at a level."""
    lineage = Lineage(repository.follower.database)
    graph = lineage.around(about.node, up, down) if about else lineage.whole(project)
    known = lineage.about(graph.nodes)
    if level == INSTANCE:
        return _instances(repository, graph, known, project, about.node if about else None)
    return _together(graph, known, level, project, about.node if about else None)


def history(repository: Repository, project: str, word: str | None, active: str | None = None) -> Picture:
    """What a version, a run, or all versions of an artifact came from; without a word all of the project.

    Raises `NotFoundError`, `UsageError`.
    """
    catalog = repository.catalog
    lineage = Lineage(repository.follower.database)
    if word is None:
        graph = lineage.whole(project)
    elif runs.meant(catalog, word, project, active, ANY_STATE) or spec.parse(word).names_version:
        graph = lineage.origins([focus(catalog, word, project, active).node])
    else:
        artifact, _ = resolve.artifact(catalog, word, project)
        graph = lineage.origins(Node(VERSION, version.id) for version in catalog.versions(artifact.id))
    return _instances(repository, graph, lineage.about(graph.nodes), project, None)


def _instances(
    repository: Repository, graph: Graph, known: Mapping[Node, About], project: str, focus: Node | None
) -> Picture:
    aliases, _ = repository.catalog.labels()
    register = Register(repository.follower.database)
    ids = {node.id for node in graph.nodes if node.kind == RUN}
    went = outcomes(repository, [run for run in register.runs(states=ANY_STATE) if run.id in ids])
    boxes = []
    for node, depth in graph.nodes.items():
        about = known[node]
        state = about.state
        if node.kind == RUN and state != UNKNOWN:
            state = went[node.id] if state == LIVE else "deleted"
        boxes.append(
            Box(
                node.id,
                node.kind,
                _label(about, about.name, project),
                state,
                about.group if node.kind == RUN else about.type,
                aliases.get(node.id, ()),
                1,
                depth,
                node == focus,
                about.time,
                (about.time, about.order),
            )
        )
    lines: dict[tuple[str, str, str], int] = {}
    for arrow in graph.arrows:
        key = (arrow.source.id, arrow.target.id, arrow.role or ("base" if arrow.kind == "base" else ""))
        lines[key] = lines.get(key, 0) + 1
    return Picture(_by_age(boxes), [Line(*key, count) for key, count in lines.items()], INSTANCE)


def _together(graph: Graph, known: Mapping[Node, About], level: str, project: str, focus: Node | None) -> Picture:
    ids = {node: _group(node, known[node], level, project) for node in graph.nodes}
    members: dict[str, list[Node]] = {}
    for node, id in ids.items():
        members.setdefault(id, []).append(node)
    boxes = []
    for id, nodes in members.items():
        first = min((known[node] for node in nodes), key=lambda about: (about.time, about.order))
        kind = nodes[0].kind
        boxes.append(
            Box(
                id,
                kind,
                id.partition(" ")[2],
                "",
                first.group if kind == RUN else first.type,
                (),
                len(nodes),
                0,
                focus in nodes,
                first.time,
                (first.time, first.order),
            )
        )
    lines: dict[tuple[str, str], int] = {}
    for arrow in graph.arrows:
        key = (ids[arrow.source], ids[arrow.target])
        lines[key] = lines.get(key, 0) + 1
    return Picture(_by_age(boxes), [Line(source, target, "", n) for (source, target), n in lines.items()], level)


def _group(node: Node, about: About, level: str, project: str) -> str:
    """Kind and name of those that a node stands with; a run without a job type stands by its name."""
    if node.kind == URI:
        return f"{URI} {about.name.partition('://')[0]}://…" if "://" in about.name else f"{URI} {about.name}"
    if node.kind == RUN:
        return f"{RUN} {about.group or 'run'}"
    if level == TYPE:
        return f"{VERSION} {about.type or about.group}"
    return f"{VERSION} {_label(about, about.group, project)}"


def _label(about: About, name: str, project: str) -> str:
    return f"{about.project}/{name}" if about.project not in ("", project) else name


def _by_age(boxes: list[Box]) -> dict[str, Box]:
    return {box.id: box for box in sorted(boxes, key=lambda box: (box.order, box.id))}
