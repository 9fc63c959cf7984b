"""A directory becomes a version.

    1. what is there: the artifact, the version it builds on, what the stat cache knows of the directory
    2. walk, read what changed, add its chunks, edit the manifest            (nothing of this is visible yet)
    3. flush: packs and index are durable
    4. commit one log entry: the index, the version, its aliases, tags, edits
    5. remember: the stat cache, and the directory as a working copy          (lost in a crash, neither is missed)

The same content as the newest version makes no new version: its aliases and tags are set, and what is said of it is
edited. A crash before 4 leaves packs that gc takes; the same command then does it all again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from artcli.catalog import manifest, resolve, spec, texts
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.manifest import Root
from artcli.catalog.repository import Make, Repository
from artcli.catalog.texts import Text
from artcli.content import Buffer
from artcli.errors import ArtError, ConflictError, UsageError
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
from artcli.flows import alias, copies, edit, expected, kinds, revise, rm, tag
from artcli.flows.additions import Additions, Tally
from artcli.flows.ingest import Ingest
from artcli.flows.known import known_root
from artcli.flows.reading import Problem
from artcli.flows.references import add
from artcli.flows.runs import edges
from artcli.progress import Progress, Silent
from artcli.store.writer import Flushed, Manner
from artcli.threads import worker_count

LEFT_OUT = "art.left_out"
"""Metadata of a version: paths that could not be read."""


@dataclass(frozen=True)
class Request:
    """What to log."""

    name: str
    project: str
    sources: Sequence[Source] = ()
    rules: Rules = field(default_factory=Rules)
    stream: tuple[bytes, Iterable[Buffer]] | None = None
    """A path in the version and its content, which is read once."""
    references: Sequence[add.Referred] = ()
    """What else is to be in it, by its address alone."""
    base: str | None = None
    """A version whose manifest is the start; without it the sources are all there is."""
    changes: revise.Changes = revise.NONE
    """What to take out of, move in and add to the base."""
    type: str | None = None
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    run: str | None = None
    """The id of the run that logs it; what it is built on, the run used."""
    new_version: bool = False
    """Make a version even if its content is that of the newest."""
    allow_empty: bool = False
    keep_going: bool = False
    """Leave out what cannot be read, instead of making no version."""
    dry_run: bool = False
    planes: bool = True
    """Arrays of numbers may be kept as byte planes."""
    workers: int | None = None


class Logged(NamedTuple):
    """What came of it."""

    version: Version | None
    """None after a dry run that would have made one."""
    created: bool
    """A new version, not one that was there already."""
    root: Root
    new_entries: int
    new_size: int
    stored: int
    """Bytes added to the store."""
    type: str
    type_reason: str | None
    """Why this type, where a rule chose it."""
    problems: Sequence[Problem]
    trashed: Sequence[Version]
    """Older versions that `keep_last` sent to the trash."""
    seconds: float


def log_artifact(repository: Repository, request: Request, progress: Progress | None = None) -> Logged:
    """Make a version of `request.sources`, or answer the newest if it has the same content.

    Raises `UsageError` (`bad-name`, `nothing-to-log`, …), `NotFoundError`, `ConflictError` (`type-mismatch`,
    `name-case`, `protected-alias`), `ArtError` (`unreadable-files`), `SpaceError`.
    """
    return _Logging(repository, request, progress or Silent()).run()


def log_root(repository: Repository, request: Request, additions: Additions, root: Root, ingest: Ingest) -> Logged:
    """Make a version of a manifest that was put together in `additions`, of what `ingest` read.

    The caller holds the lock for writing since the first addition. `request.base` says on what it is built; its sources
    count for nothing. Raises as `log_artifact`.
    """
    return _Logging(repository, request, Silent()).log_root(additions, root, ingest)


class _Logging:
    """One run of the flow."""

    def __init__(self, repository: Repository, request: Request, progress: Progress) -> None:
        self.repository = repository
        self.request = request
        self.progress = progress
        self.started = time.monotonic()
        self.description: Text | None = None
        """As facts have it."""
        self.bases: list[Version] = []
        """On what the version is built."""
        self.upon: list[Root] = []  # manifests of which it takes over what it does not change

    def run(self) -> Logged:
        request = self.request
        _check_words(request)
        with self.repository.writing():
            _check_artifact(self.repository.catalog, request)
            store = self.repository.store
            additions: Additions = Tally(store) if request.dry_run else store.writer(Manner(planes=request.planes))
            try:
                return self._log(additions)
            finally:
                additions.abandon()

    def log_root(self, additions: Additions, root: Root, ingest: Ingest) -> Logged:
        """The way of `run` from a manifest on."""
        _check_words(self.request)
        self.repository.refresh()
        catalog = self.repository.catalog
        _check_artifact(catalog, self.request)
        if self.request.base is not None:
            self.bases = edges.named(catalog, [self.request.base], self.request.project)
        self.upon = [version.root for version in self.bases] + ([ingest.base] if ingest.base else [])
        logged, flushed = self._flush(additions, root, ingest)
        return self._commit(logged, flushed)._replace(seconds=time.monotonic() - self.started)

    def _log(self, additions: Additions) -> Logged:
        request = self.request
        self.progress.phase("reading")
        with StatCache(self.repository.path / "cache") as cache:
            scan, root, ingest = self._manifest(additions, cache)
            logged, flushed = self._flush(additions, root, ingest)
            logged = self._dry(logged) if request.dry_run else self._commit(logged, flushed)
            if scan is not None and not request.dry_run:
                for problem in ingest.problems:
                    scan.distrust(problem.path)
                scan.save(root.page)
                self._remember(logged.version)
        return logged._replace(seconds=time.monotonic() - self.started)

    def _flush(self, additions: Additions, root: Root, ingest: Ingest) -> tuple[Logged, Flushed]:
        """Judge the manifest, and make it and what it names durable."""
        self._check(root, ingest.problems)
        kind, reason = self._kind(additions, root)
        self.description = texts.keep(additions, self.request.description)
        flushed = additions.flush()
        made = (ingest.new_entries, ingest.new_size, flushed.stored)
        return Logged(None, True, root, *made, kind, reason, ingest.problems, (), 0.0), flushed

    def _remember(self, version: Version | None) -> None:
        """A directory that was logged as it is, alone and at the top, is a working copy of the version from now on.

        What became a version in part or under another name (several sources, DEST, --include, --exclude, a list of
        files, one file, a stream, a base) is none: the directory holds more or other paths than the version, and would
        never equal it. What its own .artignore files leave out does not count, here as in `status`.
        """
        sources, rules = self.request.sources, self.request.rules
        if version is None or len(sources) != 1 or sources[0].dest or rules.include or rules.exclude:
            return
        copies.remember(self.repository.path, Path(os.fsdecode(sources[0].path)), version)

    # --- the manifest ---

    def _manifest(self, additions: Additions, cache: StatCache) -> tuple[Scan[Root] | None, Root, Ingest]:
        """The new manifest; the scan to remember, where the sources are the whole version."""
        request = self.request
        changed = request.changes != revise.NONE
        if request.base is not None or request.stream is not None or request.references or changed:
            return None, *self._revised(additions)
        scan = Scan(request.sources, request.rules, cache, known_to=lambda page: self._known_root(additions, page))
        page = scan.known_root.page if scan.known_root else None
        self.upon = [scan.known_root] if scan.known_root else []
        with expected.beside(self.progress, request.sources, request.rules, cache.path.parent, page) as progress:
            ingest = self._ingest(additions, scan.known_root, progress, self._newest_root())
            edits = ingest.edits(scan)
            if scan.known_root:
                return scan, manifest.apply(additions, scan.known_root, edits), ingest
            return scan, manifest.build(additions, (entry for _, entry in edits if entry is not None)), ingest

    def _newest_root(self) -> Root | None:
        """What the content is compared with to tell what is new."""
        catalog = self.repository.catalog
        artifact = catalog.artifact(self.request.project, self.request.name)
        newest = catalog.latest(artifact.id) if artifact else None
        return newest.root if newest else None

    def _known_root(self, additions: Additions, page: bytes) -> Root | None:
        return known_root(self.repository.catalog, additions, page)

    def _revised(self, additions: Additions) -> tuple[Root, Ingest]:
        request = self.request
        refs = [*([request.base] if request.base else []), *(taken.ref for taken in request.changes.take)]
        self.bases = edges.named(self.repository.catalog, refs, request.project)
        self.upon = [version.root for version in self.bases]
        root = revise.base(self.repository.catalog, request.base, request.project, additions)
        root = revise.revise(additions, self.repository.catalog, root, request.changes, request.project)
        ingest = self._ingest(additions, root, self.progress, None)
        if request.stream is not None:
            root = revise.add(additions, root, request.stream[:1], ingest.stream(*request.stream))
        if request.sources:
            # every file is going to be read, so a look at their names before costs little
            paths = expected.counted(self._scan_all(), self.progress)
            root = revise.add(additions, root, paths, ingest.edits(self._scan_all()))
        return add.added(additions, root, request.references, self.progress), ingest

    def _scan_all(self) -> Scan[Root]:
        return Scan(self.request.sources, self.request.rules)

    def _ingest(self, additions: Additions, base: Root | None, progress: Progress, before: Root | None) -> Ingest:
        return Ingest(additions, base, workers=self.request.workers or worker_count(), progress=progress, before=before)

    def _check(self, root: Root, problems: Sequence[Problem]) -> None:
        failed = [problem for problem in problems if problem.slug != "special-file"]
        told = [item.text for item in (failed or problems)[:10]]
        if failed and not self.request.keep_going:
            raise ArtError(
                "unreadable-files",
                f"{len(failed):,} file{'' if len(failed) == 1 else 's'} could not be read, and no version was made",
                facts=told,
                hint="art log-artifact --keep-going …   makes the version without them",
            )
        if not root.entries and not self.request.allow_empty:
            hint = "art log-artifact --allow-empty …   makes an empty version"
            raise UsageError("nothing-to-log", "there is nothing to log", facts=told, hint=hint)

    def _kind(self, additions: Additions, root: Root) -> tuple[str, str | None]:
        request = self.request
        known = self.repository.catalog.artifact(request.project, request.name)
        if known:
            return known.type, None
        if request.type:
            return request.type, None
        found = kinds.of_name(request.name) or kinds.of_files(additions, root)
        return found.type, found.reason

    # --- the commit ---

    def _dry(self, logged: Logged) -> Logged:
        same = _newest_alike(self.repository.catalog, self.request, logged.root)
        return logged._replace(version=same, created=same is None)

    def _commit(self, logged: Logged, flushed: Flushed) -> Logged:
        request = self.request
        result: list[Logged] = []

        def plan(catalog: Catalog, make: Make) -> list[Fact]:
            _check_artifact(catalog, request)
            made = []
            if flushed.add or flushed.remove:
                made.append(make(Draft("index", {"add": flushed.add, "remove": flushed.remove})))
            same = _newest_alike(catalog, request, logged.root)
            if same:
                drafts = self._settings(catalog, same, _left_out(logged.problems))
                drafts += self._edges(catalog, same.id, same.digest)
                result[:] = [logged._replace(version=same, created=False)]
            else:
                fact = make(Draft("version", self._version_data(logged), request.reason))
                made.append(fact)
                drafts = self._labels(catalog, fact.id) + self._edges(catalog, fact.id, logged.root.content.hex())
                trashed = self._beyond(catalog)
                drafts += [Draft("delete", {"version": item.id}, "keep-last") for item in trashed]
                result[:] = [logged._replace(version=None, trashed=trashed)]
            return made + [make(draft) for draft in drafts]

        self.repository.note_base(logged.root.page, [base.page for base in self.upon])
        facts = self.repository.commit(plan)
        done = result[0]
        version_id = done.version.id if done.version else next(fact.id for fact in facts if fact.kind == "version")
        return done._replace(version=self.repository.catalog.version(version_id))

    def _version_data(self, logged: Logged) -> dict[str, Any]:
        request = self.request
        metadata = dict(request.metadata)
        if left_out := _left_out(logged.problems):
            metadata[LEFT_OUT] = left_out
        data: dict[str, Any] = {
            "project": request.project,
            "name": request.name,
            "type": logged.type,
            "page": logged.root.page.hex(),
            "digest": logged.root.content.hex(),
            "entries": logged.root.entries,
            "size": logged.root.size,
            "new": {"entries": logged.new_entries, "size": logged.new_size},
            "stored": logged.stored,
        }
        if self.description:
            data["description"] = texts.value(self.description)
        if metadata:
            data["metadata"] = metadata
        if request.base:
            data["base"] = revise.base_id(self.repository.catalog, request.base, request.project)
        return data

    def _edges(self, catalog: Catalog, version: str, digest: str) -> list[Draft]:
        run = self.request.run
        if run is None:
            return []
        return edges.inputs(catalog, run, self.bases) + edges.output(catalog, run, version, digest)

    def _labels(self, catalog: Catalog, version: str) -> list[Draft]:
        """The aliases and tags of a version that is being made."""
        artifact = catalog.artifact(self.request.project, self.request.name)
        drafts = alias.moves(catalog, artifact.id if artifact else -1, version, self.request.aliases)
        return drafts + [Draft("tag", {"version": version, "tag": word}) for word in dict.fromkeys(self.request.tags)]

    def _settings(self, catalog: Catalog, same: Version, left_out: Sequence[str]) -> list[Draft]:
        """What was asked for besides content, and what lacks now, for a version that exists already."""
        request = self.request
        drafts = alias.moves(catalog, same.artifact, same.id, request.aliases, request.reason)
        there = set(catalog.tags_of(same))
        drafts += [Draft("tag", {"version": same.id, "tag": word}) for word in request.tags if word not in there]
        metadata = {**request.metadata, LEFT_OUT: left_out} if left_out else request.metadata
        edits = edit.Edits(description=self.description, set=metadata, unset=() if left_out else (LEFT_OUT,))
        return drafts + edit.version_edits(same, edits)

    def _beyond(self, catalog: Catalog) -> list[Version]:
        artifact = catalog.artifact(self.request.project, self.request.name)
        return rm.beyond_keep_last(catalog, artifact, coming=1) if artifact else []


def _left_out(problems: Sequence[Problem]) -> list[str]:
    """What should be in the version and is not, as its metadata has it."""
    return [manifest.shown(item.path) for item in problems if item.slug != "special-file"][:1000]


def check(catalog: Catalog, request: Request) -> None:
    """Whether a version may have this name, type, aliases and tags, before there is one.

    Raises `UsageError` (`bad-name`, `bad-project`, `bad-type`, `bad-alias`, `bad-tag`), `ConflictError`
    (`type-mismatch`, `name-case`).
    """
    _check_words(request)
    _check_artifact(catalog, request)


def _check_words(request: Request) -> None:
    spec.check_name(request.name)
    spec.check_project(request.project)
    if request.type:
        spec.check_type(request.type)
    for word in request.aliases:
        spec.check_alias(word)
    for word in request.tags:
        tag.check_tag(word)
    texts.check(request.description)


def _check_artifact(catalog: Catalog, request: Request) -> None:
    known: Artifact | None = catalog.artifact(request.project, request.name)
    if known is None:
        resolve.check_case(catalog, request.project, request.name)
    elif request.type and request.type != known.type:
        raise ConflictError(
            "type-mismatch",
            f"'{known.name}' is of type '{known.type}', not '{request.type}'",
            hint=f"art log-artifact {known.name} … --type {known.type}",
        )


def _newest_alike(catalog: Catalog, request: Request, root: Root) -> Version | None:
    """The newest live version, if it has the content of `root` and no new version is forced."""
    artifact = catalog.artifact(request.project, request.name)
    newest = catalog.latest(artifact.id) if artifact and not request.new_version else None
    return newest if newest and newest.digest == root.content.hex() else None
