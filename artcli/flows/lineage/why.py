"""Why a version is as it is: its data, code, config and metrics, what is different from the version before it, and how
it did in the runs that used it later, or that used what was made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeGuard

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.fold import LIVE, PURGED
from artcli.catalog.repository import Repository
from artcli.catalog.runs.lineage import RUN, VERSION, Lineage, Node
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.said import is_media
from artcli.catalog.runs.view import RunView, views
from artcli.errors import UNREADABLE
from artcli.flows.lineage.graph import ANY_STATE
from artcli.flows.runs.compare import Line, compare, flat
from artcli.flows.runs.listing import Row, plain, rows

MOST_FILES = 10_000
"""Files that are counted as different; beyond, there are more."""
MOST_LATER = 100
"""Later runs that are looked at."""
_CODE = ("program", "argv", "git.commit", "git.dirty", "python")


class Input(NamedTuple):
    """What the run used."""

    ref: str
    """`name:vN`, or the address."""
    role: str | None
    state: str


class Change(NamedTuple):
    """What is different from the version before."""

    section: str
    """`data`, `code`, `config`, `metrics`, `metadata`, `files`."""
    key: str
    old: Any
    new: Any


class Later(NamedTuple):
    """A run that used the version, or something made of it."""

    row: Row
    via: str | None
    """What it used, if not the version itself."""
    summary: Mapping[str, Any]


class Why(NamedTuple):
    version: Version
    aliases: Sequence[str]
    made_by: Row | None
    """The run that logged it first."""
    again_by: int
    """Runs that logged the same content again."""
    inputs: Sequence[Input]
    config: Mapping[str, Any]
    """Of the run; its own metadata if no run is known, or nothing of what it said any more."""
    metrics: Mapping[str, Any]
    before: Version | None
    """The version of the same artifact before it."""
    changes: Sequence[Change]
    later: Sequence[Later]
    """The nearest first, then the newest."""
    later_in_all: int


def why(repository: Repository, version: Version) -> Why:
    """What is known of the making of a version. What its runs said and can no longer be read is left out."""
    catalog, database = repository.catalog, repository.follower.database
    makers = _makers(repository, version)
    run = makers[0] if makers else None
    older = (catalog.numbered(version.artifact, number) for number in range(version.number - 1, -1, -1))
    before = next((item for item in older if item and item.state == LIVE), None)
    later, count = _later(repository, version, run.view.run.id if run else None)
    return Why(
        version, catalog.aliases_of(version), run, max(0, len(makers) - 1),
        inputs(Lineage(database), run.view.run.id, version.project) if run else [],
        flat(run.view.config) if is_told(run) else flat(version.metadata), metrics(run.view) if run else {}, before,
        changes(repository, before, version, run) if before else [], later, count,
    )  # fmt: skip


def is_told(run: Row | None) -> TypeGuard[Row]:
    """Whether what a run said can still be read."""
    return run is not None and run.view.run.state != PURGED


def inputs(lineage: Lineage, run: str, project: str) -> list[Input]:
    """What a run used, in order."""
    arrows = [*lineage.before([Node(RUN, run)])]
    known = lineage.about(arrow.source for arrow in arrows)
    found = {}
    for source, _, _, role in arrows:
        about = known[source]
        name = f"{about.project}/{about.name}" if about.project not in ("", project) else about.name
        found[source, role] = Input(name, role, about.state)
    return list(found.values())


def metrics(view: RunView) -> dict[str, Any]:
    """The numbers and words of a run's summary."""
    found = {key: plain(value) for key, value in view.summary.items() if not key.startswith("_")}
    return {key: value for key, value in flat(found).items() if not is_media(value) and not isinstance(value, list)}


def changes(repository: Repository, before: Version, version: Version, run: Row | None) -> list[Change]:
    """What is different between a version and the one before: how they were made, and how many files."""
    found: list[Change] = []
    earlier = _makers(repository, before)
    if is_told(run) and earlier and is_told(earlier[0]) and earlier[0].view.run.id != run.view.run.id:
        _, lines = compare(repository, [earlier[0].view.run.id, run.view.run.id])
        sections = {"inputs": "data", "config": "config", "summary": "metrics"}
        for line in lines:
            section = "code" if line.section == "run" and line.key in _CODE else sections.get(line.section)
            if section and line.differs and not line.key.startswith("_"):
                found.append(Change(section, line.key, *map(plain, line.values)))
        found += _code(repository, earlier[0].view, run.view)
        order = ("data", "code", "config", "metrics")
        found.sort(key=lambda change: order.index(change.section))
    said = [repr(change[1:]) for change in found if change.section == "config"]
    old, new = flat(before.metadata), flat(version.metadata)
    for key in dict.fromkeys((*old, *new)):
        line = Line("metadata", key, (old.get(key), new.get(key)))
        if line.differs and repr((key, *line.values)) not in said:  # a config that is metadata too is said once
            found.append(Change("metadata", key, *line.values))
    if before.digest != version.digest:
        found.append(Change("files", "differ", None, _files(repository, before, version)))
    return found


def _code(repository: Repository, old: RunView, new: RunView) -> list[Change]:
    """Whether the script, or else what was not committed, is another, where the commit is not."""
    from artcli.flows.lineage.recipe import kept_file

    def git(view: RunView) -> Mapping[str, Any]:
        said = view.start.get("git")
        return said if isinstance(said, Mapping) else {}

    if git(old).get("commit") != git(new).get("commit"):
        return []
    kept = {
        "script": (old.start.get("code"), new.start.get("code")),
        "diff": (git(old).get("diff"), git(new).get("diff")),
    }
    for key, paths in kept.items():
        try:
            before, after = (
                kept_file(repository, view.run.id, str(path)) if path else None
                for view, path in zip((old, new), paths, strict=True)
            )
        except UNREADABLE:
            continue  # what cannot be read cannot be compared; the rest is said
        if before != after:
            return [Change("code", key, *paths)]
    return []


def _files(repository: Repository, before: Version, version: Version) -> int | None:
    """How many paths differ, up to `MOST_FILES`; None if the lists of files cannot be read."""
    try:
        return sum(1 for _ in islice(manifest.diff(repository.store, before.root, version.root), MOST_FILES))
    except UNREADABLE:
        return None


def _makers(repository: Repository, version: Version) -> list[Row]:
    """The runs that logged the version, also those in the trash; the first one first, those that are gone last."""
    outputs = [arrow.source.id for arrow in Lineage(repository.follower.database).before([Node(VERSION, version.id)])
               if arrow.source.kind == RUN]  # fmt: skip
    return rows(
        repository, sorted(views(repository, outputs), key=lambda view: (view.run.state == PURGED, view.run.seq))
    )


def _later(repository: Repository, version: Version, maker: str | None) -> tuple[list[Later], int]:
    """The runs that used it or what came of it, but for the one that made it, and how many there are."""
    lineage = Lineage(repository.follower.database)
    graph = lineage.around(Node(VERSION, version.id), 0)
    register = Register(lineage.database)
    ids = {node.id: depth for node, depth in graph.nodes.items() if node.kind == RUN and node.id != maker}
    runs = [run for run in register.runs(states=ANY_STATE) if run.id in ids and run.state == LIVE]
    runs.sort(key=lambda run: (ids[run.id], -run.seq))
    nearest = [run.id for run in runs[:MOST_LATER]]
    used = {arrow.target.id: arrow.source for arrow in graph.arrows if arrow.target.kind == RUN}
    known = lineage.about(set(used.values()))
    found = []
    place = {id: number for number, id in enumerate(nearest)}
    for row in sorted(rows(repository, views(repository, nearest)), key=lambda row: place[row.view.run.id]):
        id = row.view.run.id
        via = known[used[id]].name if ids[id] > 1 else None
        found.append(Later(row, via, metrics(row.view)))
    return found, len(runs)
