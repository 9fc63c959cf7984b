"""du: what versions and runs take in the store, and what of it would be free without them.

Everything that is there belongs to somebody: each group (an artifact, a version, a type, a run, and one group for all
others) is walked from its root pages, and each chunk learns who needs it: nobody, one group, or several. The numbers
follow from that; they are bytes in packs, so that what several share counts for each of them as stored, and for none
as unique.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.manifest.reach import walk_batches
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError, UsageError
from artcli.flows.ls import names_versions
from artcli.progress import Progress, Silent
from artcli.store.index import Index
from artcli.store.pack import METADATA, Location
from artcli.store.store import Store
from artcli.threads import worker_count

ARTIFACT, VERSION, TYPE, RUN = "artifact", "version", "type", "run"
WAYS = (ARTIFACT, VERSION, TYPE, RUN)
"""What a group can be."""

_NOBODY, _SEVERAL = 0, -1


class Use(NamedTuple):
    """What one group takes; all in bytes."""

    what: str
    """Its name: that of the artifact, `name:vN`, the type, the run's id."""
    project: str | None
    logical: int
    """Of the files of its live versions."""
    distinct: int
    """Of its chunks, each once, before compression."""
    stored: int
    """Of them in packs, pages and texts included."""
    pages: int
    """Of `stored`: pages and texts."""
    unique: int
    """Of `stored`: what nothing else needs."""
    freeable: int
    """What only its versions and runs in the trash need: `art gc` frees it when their time has come."""
    elsewhere: int
    """Versions and parts of runs that are known, and whose bytes are not here."""


class Usage(NamedTuple):
    """The groups that were asked for, and the whole store."""

    groups: list[Use]
    stored: int
    """Bytes of all chunks in packs."""
    dead: int
    """Of these: what nothing needs, not even the trash."""
    trash: int
    """Of these: what only the trash needs."""


class _Group:
    """Where the walk of a group begins."""

    def __init__(self, what: str, project: str | None = None) -> None:
        self.what = what
        self.project = project
        self.logical = 0
        self.roots: dict[str, list[Digest]] = {LIVE: [], TRASH: []}
        self.texts: dict[str, list[Digest]] = {LIVE: [], TRASH: []}
        self.distinct = self.stored = self.pages = self.unique = self.freeable = self.elsewhere = 0

    def use(self) -> Use:
        return Use(
            self.what, self.project, self.logical, self.distinct, self.stored, self.pages, self.unique, self.freeable,
            self.elsewhere,
        )  # fmt: skip


def usage(
    repository: Repository,
    words: Sequence[str],
    project: str,
    by: str | None = None,
    progress: Progress | None = None,
) -> Usage:
    """What the artifacts or versions that `words` name take, or without words all of the project.

    `by`: one of `WAYS`; by default artifacts, or the versions of the artifacts that are named. Raises `NotFoundError`,
    `UsageError` (`bad-usage`), and `IntegrityError` where a page cannot be read.
    """
    progress = progress or Silent()
    groups = _groups(repository, words, project, by)
    progress.phase("looking who needs what")
    with repository.reading():
        store = repository.store
        store.fetch_whole()
        ledger = _Ledger(store, progress)
        for group in groups:
            ledger.walk(group)
        dead, trash = ledger.settle(groups)
    return Usage([group.use() for group in groups[:-1]], ledger.stored, dead, trash)


# --- the groups ---


def _groups(repository: Repository, words: Sequence[str], project: str, by: str | None) -> list[_Group]:
    """Those that are asked for, and last the one of all others."""
    chosen, named = _chosen(repository, words, project)
    by = by or (VERSION if words else ARTIFACT)
    if by == RUN and words:
        raise UsageError("bad-usage", "what runs take is told of all runs", hint="art du --by run")
    groups: dict[object, _Group] = {}
    rest = _Group("")
    of: dict[str | int | None, _Group] = {}
    states: dict[str | None, str] = {}
    for version in repository.catalog.versions(states=(LIVE, TRASH)):
        group = rest
        if by != RUN and (version.id in chosen or (version.artifact in named)):
            key, what, within = _key(version, by)
            group = groups.setdefault(key, _Group(what, within))
        group.roots[version.state].append(version.root.page)
        group.logical += version.size * (version.state == LIVE)
        of[version.id] = of[version.artifact] = group
        states[version.id] = version.state
    for text in repository.catalog.texts():
        group = of.get(text.version or text.artifact, rest)
        group.texts[states.get(text.version, LIVE)].append(text.digest)
    _add_runs(repository, groups if by == RUN else None, rest, project)
    return [*groups.values(), rest]


def _chosen(repository: Repository, words: Sequence[str], project: str) -> tuple[Set[str], Set[int]]:
    """The ids of versions, and of artifacts all of whose versions are meant."""
    catalog = repository.catalog
    if not words:
        return set(), {artifact.id for artifact in catalog.artifacts(project)}
    versions, artifacts = set(), set()
    for word in words:
        if names_versions(catalog, word, project):
            artifacts.add(resolve.reading(catalog, word, project)[1].id)
        else:
            versions.add(resolve.version(catalog, word, project).version.id)
    return versions, artifacts


def _key(version: Version, by: str) -> tuple[object, str, str | None]:
    if by == VERSION:
        return version.id, version.ref, version.project
    if by == TYPE:
        return version.type, version.type, None
    return version.artifact, version.name, version.project


def _add_runs(repository: Repository, groups: dict[object, _Group] | None, rest: _Group, project: str) -> None:
    """What runs said, and their files; `groups` gets a group for each run of the project, if runs are asked for."""
    register = Register(repository.follower.database)
    runs = {run.id: run for run in register.runs(states=(LIVE, TRASH))}
    for state in (LIVE, TRASH):
        for segment in register.holding((state,)):
            group, run = rest, runs.get(segment.run)
            if groups is not None and run is not None and run.project == project:
                group = groups.setdefault(segment.run, _Group(segment.run, run.project))
            group.texts[state] += [*segment.records, *segment.console]
            if segment.page:
                group.roots[state].append(segment.page)
        for text in register.texts((state,)):
            ((groups or {}).get(text.run) or rest).texts[state].append(text.digest)


# --- who needs what ---


class _Ledger:
    """For each row of the indexes: who needs it, and whether something live does. Nine bytes a chunk."""

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store = store
        self._progress = progress
        self._indexes: list[tuple[Index, int]] = []
        self._metadata: set[Digest] = set()
        count = 0
        for index in store.indexes:
            self._metadata.update(pack for pack, kind in zip(index.packs, index.kinds, strict=True) if kind == METADATA)
            self._indexes.append((index, count))
            count += len(index)
        self._owner = array("i", bytes(4 * count))
        self._seen_by = array("i", bytes(4 * count))
        self._lives = bytearray(count)
        self._group = 0
        self.stored = 0
        """Bytes of all rows."""

    def walk(self, group: _Group) -> None:
        """Everything that the group needs, what is live first."""
        self._group += 1
        for state in (LIVE, TRASH):
            here = [digest for digest in (*group.roots[state], *group.texts[state]) if self._row(digest) is not None]
            group.elsewhere += len(group.roots[state]) + len(group.texts[state]) - len(here)
            known = set(here)
            for text in group.texts[state]:
                if text in known:
                    self._note(group, text, state)
            self._walk_pages(group, [root for root in group.roots[state] if root in known], state)

    def _walk_pages(self, group: _Group, roots: Iterable[Digest], state: str) -> None:
        def lacking(pages: Sequence[Digest]) -> set[Digest]:
            return {page for page in pages if self._note(group, page, state)}

        for batch in walk_batches(self._read, roots, lacking):
            for reached in batch:
                for chunk, _ in reached.chunks:
                    self._note(group, chunk, state)
            self._progress.advance(files=len(batch))

    def _read(self, pages: Sequence[Digest]) -> Mapping[Digest, Buffer]:
        return dict(self._store.read(pages, workers=worker_count()))

    def _row(self, digest: Digest) -> tuple[int, Index, int] | None:
        """The number of the first row of the chunk, and where that is."""
        for index, base in self._indexes:
            at = index.position(digest)
            if at >= 0:
                return base + at, index, at
        return None

    def _note(self, group: _Group, digest: Digest, state: str) -> bool:
        """The group needs this chunk; False if that was known. Raises `IntegrityError` if no index knows it."""
        found = self._row(digest)
        if found is None:
            raise IntegrityError("missing-chunk", f"no live index knows chunk {digest.hex()}")
        row, index, at = found
        self._lives[row] |= state == LIVE
        if self._seen_by[row] == self._group:
            return False
        self._seen_by[row] = self._group
        self._owner[row] = self._group if self._owner[row] == _NOBODY else _SEVERAL
        location = index.location(at)
        group.stored += location.stored
        group.distinct += location.length
        group.pages += location.stored * (location.pack in self._metadata)
        return True

    def settle(self, groups: Sequence[_Group]) -> tuple[int, int]:
        """Tell each group what it alone needs; bytes that nothing needs, and that only the trash does."""
        dead = trash = 0
        for row, location in self._rows():
            owner = self._owner[row]
            self.stored += location.stored
            if owner == _NOBODY:
                dead += location.stored
                continue
            trash += location.stored * (not self._lives[row])
            if owner != _SEVERAL:
                groups[owner - 1].unique += location.stored
                groups[owner - 1].freeable += location.stored * (not self._lives[row])
        return dead, trash

    def _rows(self) -> Iterator[tuple[int, Location]]:
        """Every row, with the number of the first row of its chunk: a second copy is needed as the first one is."""
        for index, base in self._indexes:
            for at, row in enumerate(index.rows()):
                found = self._row(row.digest) if base else None
                yield found[0] if found else base + at, Location(*row[1:6])
