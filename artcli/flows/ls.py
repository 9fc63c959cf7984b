"""What exists: the artifacts of a project, the versions of one, the files in a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from artcli.catalog import manifest, moments, resolve
from artcli.catalog.catalog import Catalog, Summary, Version
from artcli.catalog.conditions import Condition
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.folder import Item, level
from artcli.catalog.manifest import Entry
from artcli.catalog.repository import Repository
from artcli.errors import IntegrityError, NotFoundError, UsageError
from artcli.flows.references import reference
from artcli.flows.target import pages_of

R = TypeVar("R")

KINDS = {
    manifest.FILE: "file", manifest.EXECUTABLE: "executable", manifest.SYMLINK: "symlink",
    manifest.DIRECTORY: "directory", manifest.REFERENCE: "reference",
}  # fmt: skip


class Query(NamedTuple):
    """Which rows to list, in which order; what is empty lets all through."""

    type: str | None = None
    tag: str | None = None
    where: Sequence[Condition] = ()
    since: float | None = None
    """Changed (an artifact) or logged (a version) since, in seconds since 1970."""
    sort: str | None = None
    """A name of `ARTIFACT_ORDERS`, `VERSION_ORDERS` or `FILE_ORDERS`; with `-` before it, backwards."""
    limit: int | None = None
    deleted: bool = False
    """Versions in the trash, instead of live ones."""

    def holds(self, version: Version, tags: Sequence[str]) -> bool:
        """Whether a version has the type, the tag and what the conditions ask for."""
        if self.type is not None and version.type != self.type:
            return False
        if self.tag is not None and self.tag not in tags:
            return False
        return all(condition.holds(version) for condition in self.where)


class ArtifactRow(NamedTuple):
    summary: Summary
    aliases: list[str]
    """All that its versions have, `latest` left out."""


class VersionRow(NamedTuple):
    version: Version
    aliases: list[str]
    tags: list[str]


class Files(NamedTuple):
    """The files of a version, or of a folder in it."""

    version: Version
    items: Iterable[Item]
    note: str | None


ARTIFACT_ORDERS: dict[str, Callable[[ArtifactRow], Any]] = {
    "name": lambda row: (row.summary.artifact.project, row.summary.artifact.name),
    "type": lambda row: row.summary.artifact.type,
    "versions": lambda row: row.summary.versions,
    "size": lambda row: row.summary.latest.size if row.summary.latest else 0,
    "stored": lambda row: row.summary.stored,
    "changed": lambda row: row.summary.artifact.changed,
}
VERSION_ORDERS: dict[str, Callable[[VersionRow], Any]] = {
    "version": lambda row: (row.version.project, row.version.name, row.version.number),
    "size": lambda row: row.version.size,
    "stored": lambda row: row.version.stored,
    "time": lambda row: row.version.time,
    "actor": lambda row: row.version.actor,
}
FILE_ORDERS: dict[str, Callable[[Item], Any]] = {
    "path": lambda item: item.path,
    "size": lambda item: item.entry.size if item.entry else 0,
}


def artifacts(catalog: Catalog, project: str | None, query: Query) -> list[ArtifactRow]:
    """The artifacts of a project (None: of all) of which a live version is what the query asks for."""
    aliases: dict[int, list[str]] = {}
    named, tags = catalog.labels()
    matching = set()
    for version in catalog.versions():
        names = [name for name in named.get(version.id, ()) if name != "latest"]
        aliases.setdefault(version.artifact, []).extend(names)
        if query.holds(version, tags.get(version.id, ())):
            matching.add(version.artifact)
    rows = [
        ArtifactRow(summary, sorted(aliases.get(summary.artifact.id, ())))
        for summary in catalog.summaries(project)
        if summary.artifact.id in matching and _since(summary.artifact.changed, query)
    ]
    return _sorted(rows, query, ARTIFACT_ORDERS, "name")


def other_projects(catalog: Catalog, project: str) -> list[str]:
    """Projects besides this one that have a live version."""
    return sorted({s.artifact.project for s in catalog.summaries() if s.versions} - {project})


def versions(catalog: Catalog, name: str | None, project: str, query: Query) -> tuple[list[VersionRow], str | None]:
    """The versions of an artifact, newest first, or of all of a project; and a note for the user."""
    artifact, note = resolve.artifact(catalog, name, project) if name is not None else (None, None)
    id = artifact.id if artifact else None
    aliases, tags = catalog.labels(id)
    found = catalog.versions(id, (TRASH if query.deleted else LIVE,))
    rows = []
    for version in found:
        row = VersionRow(version, aliases.get(version.id, []), tags.get(version.id) or _tags(catalog, version, query))
        mine = artifact is not None or version.project == project
        if mine and query.holds(version, row.tags) and _since(version.time, query):
            rows.append(row)
    rows.sort(key=lambda row: (row.version.project, row.version.name, -row.version.number))
    return (_sorted(rows, query, VERSION_ORDERS, "version") if query.sort else rows[: query.limit]), note


def files(repository: Repository, ref: str, project: str, query: Query, *, recursive: bool = False) -> Files:
    """The files of the version that `ref` names, one level or all; below its path, or the one file there.

    Raises `NotFoundError` (`no-such-path`, …).
    """
    found = resolve.version(repository.catalog, ref, project)
    version, path = found.version, found.path or b""
    all_of_it = recursive and not path and query.limit is None
    pages = pages_of(repository, version) if all_of_it else repository.store
    items = _below(pages, version, path, recursive)
    if path:
        first = next(items, None)
        if first is None:
            raise no_such_path(version, path)
        items = _chain(first, items)
    ordered = islice(items, query.limit) if query.sort is None else iter(_sorted(items, query, FILE_ORDERS, "path"))
    return Files(version, ordered, found.note)


def no_such_path(version: Version, path: bytes) -> NotFoundError:
    """The error for a path that a version lacks."""
    return NotFoundError(
        "no-such-path", f"{version.ref} has no {manifest.shown(path)!r}", hint=f"art ls {version.ref} -R"
    )


def names_versions(catalog: Catalog, ref: str, project: str) -> bool:
    """Whether `ref` names an artifact, whose versions are to be listed, and not a version or what is in one."""
    wanted, _, _ = resolve.reading(catalog, ref, project)
    return not (wanted.names_version or wanted.path is not None or ref.endswith("/"))


def kind_of(item: Item) -> str:
    return KINDS[item.entry.kind] if item.entry else "directory"


def address(entry: Entry) -> str | None:
    """Where the bytes of a reference are; None for what is kept here, and for a reference that cannot be read."""
    if entry.kind != manifest.REFERENCE:
        return None
    try:
        return reference.of(entry).uri
    except IntegrityError:
        return None  # told by whoever wants the bytes


def _below(pages: Any, version: Version, path: bytes, recursive: bool) -> Iterator[Item]:
    entry = manifest.find(pages, version.root, path) if path else None
    if entry is not None:
        return iter([Item(path, entry)])
    if not recursive:
        return level(pages, version.root, path)
    prefix = path + b"/" if path else b""
    return (Item(entry.path, entry) for entry in manifest.entries(pages, version.root, prefix))


def _chain(first: Item, rest: Iterator[Item]) -> Iterator[Item]:
    yield first
    yield from rest


def _tags(catalog: Catalog, version: Version, query: Query) -> list[str]:
    return catalog.tags_of(version) if query.deleted else []


def _since(time: str, query: Query) -> bool:
    return query.since is None or moments.seconds(time) >= query.since


def _sorted(rows: Iterable[R], query: Query, orders: dict[str, Callable[[R], Any]], usual: str) -> list[R]:
    word = query.sort or usual
    name = word.removeprefix("-")
    if name not in orders:
        raise UsageError(
            "bad-sort", f"these are not sorted by '{name}'", facts=[f"possible: {', '.join(orders)}"],
            hint=f"art ls --sort {usual}",
        )  # fmt: skip
    return sorted(rows, key=orders[name], reverse=word.startswith("-"))[: query.limit]
