"""One examination of a repository, from its config to its cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from artcli import lock
from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.catalog import resolve
from artcli.catalog.afresh import catch_up, empty_fold
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import LIVE, TRASH, check_required
from artcli.catalog.following import Head
from artcli.catalog.log import entry_key
from artcli.catalog.manifest import PageSource
from artcli.catalog.mirror import is_mirrored, mirror_of
from artcli.catalog.opened import Opened
from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import CONFIG, FOLDER, LOCK_WAIT, read_place
from artcli.catalog.runs.register import Register
from artcli.content import Digest
from artcli.errors import IntegrityError, NoRepositoryError
from artcli.flows.collect.sweep import dust, temporary_size
from artcli.flows.fsck.cache_check import Remembered, examine_cache
from artcli.flows.fsck.findings import Finding
from artcli.flows.fsck.log_check import LogState, examine_log
from artcli.flows.fsck.store_check import Level, Reach, StoreState, examine_store
from artcli.flows.fsck.versions_check import Cause, Walk
from artcli.progress import Progress, Silent
from artcli.store.store import Store


class Options(NamedTuple):
    """What to look at."""

    level: Level = Level.DEFAULT
    ref: str | None = None
    """Only what this version needs."""
    project: str = ""


DEFAULT = Options()


class Summary(NamedTuple):
    """What was looked at, and how much of it is damaged."""

    problems: int
    """Damaged or missing files of the repository, and chunks that nothing has."""
    touched: dict[str, int]
    """Versions (`project/name:vN`) and how much of each is touched: files, or parts of it."""
    entries: int
    indexes: int
    packs: int
    size: int
    """Bytes of packs that were read."""
    versions: int
    dust_files: int
    dust_size: int


def locate(start: Path, named: Path | None = None) -> Path:
    """The `.art` folder to examine, even if it has lost its config or the beginning of its log.

    Raises `NoRepositoryError` (`no-repository`).
    """
    start = start.absolute()
    for path in [named] if named is not None else [folder / FOLDER for folder in (start, *start.parents)]:
        if (path / CONFIG).exists() or any((path / name).is_dir() for name in ("log", "packs", "index")):
            return path
    raise NoRepositoryError(
        "no-repository", f"no art repository at {named or start}", hint="art init   (makes one in this directory)"
    )


class Examination:
    """An examination of the folder `path`. `run` first, then `summary`; the rest is for the repair."""

    def __init__(self, path: Path, options: Options = DEFAULT, progress: Progress | None = None) -> None:
        """Raises `NotFoundError` for a version that is not there when `run` comes to it."""
        self.path = path
        self.bucket: Bucket = self.open_bucket()
        self.options = options
        self.progress = progress or Silent()
        self.fold = empty_fold()
        self.catalog = Catalog(self.fold.database)
        self.config: Finding | None = None
        self._has_authority = False
        self.log: LogState
        self.store: StoreState
        self.problems = 0
        self.touched: dict[str, int] = {}
        self._versions = self._dust_files = self._dust_size = 0

    def open_bucket(self) -> Bucket:
        return DiskBucket(self.path)

    def at_work(self) -> AbstractContextManager[None]:
        """Keeps gc away."""
        return lock.held_to_read(self.path / "local" / "gc.lock", wait=LOCK_WAIT)

    def open_store(self, names: list[str]) -> Store:
        """The store of these indexes."""
        return Store(self.bucket, names)

    def reach(self) -> Reach | None:
        """How indexes and packs are come by; None: as files of this machine."""
        return None

    def mark(self) -> Head | None:
        """How far the log was seen; None: `local/seen` tells."""
        return None

    def pages(self, store: Store, roots: Sequence[Digest]) -> PageSource:
        """Where manifests are read; `roots`: the root pages that will be asked for, in order."""
        return store

    def run(self) -> Iterator[Finding]:
        """All damage, then all that it touches. Keeps gc away meanwhile.

        Raises `IntegrityError` (`newer-format`), `ArtError` (`newer-art-needed`), `LockedError`.
        """
        with self.at_work():
            for finding in self._findings():
                if finding.version is None:
                    self.problems += 1
                else:
                    name = f"{finding.project}/{finding.version}"
                    self.touched[name] = self.touched.get(name, 0) + 1
                yield finding

    def summary(self) -> Summary:
        """What `run` came to."""
        return Summary(
            self.problems, self.touched, self.log.entries, len(self.store.indexes) + len(self.store.bad_indexes),
            self.store.packs, self.store.size, self._versions, self._dust_files, self._dust_size,
        )  # fmt: skip

    def examine_log(self) -> None:
        """The config and the log alone."""
        self.progress.phase("reading the log")
        place = None
        try:
            place = read_place(self.bucket)
        except IntegrityError as error:
            if error.slug != "damaged-config":
                raise
            self.config = Finding("config", CONFIG, error.slug, error.message)
        self._follow_authority(place)
        self.log = examine_log(self.path, self.bucket, place, self.fold, self.mark())
        check_required(self.fold.database, writing=False)
        for event in self.catalog.faults():
            self.progress.warn(f"a fact in log entry {event.n} is of no use ({event.fault}): {event.fact.id}")

    def _follow_authority(self, place: str | None) -> None:
        """Let the fold begin with what the authority says, as the catalogue does."""
        authority = Remotes(self.path).authority
        if place is None or authority is None or not is_mirrored(self.path, authority):
            return
        self.fold.place = place
        self._has_authority = True
        catch_up(self.fold, mirror_of(self.path, authority))

    def _findings(self) -> Iterator[Finding]:
        self.examine_log()
        if self.config:
            yield self.config
        yield from self.log.findings()
        yield from self._of_lost_entries()
        only = self._version()
        live = self._live()
        packs = self._packs_of(only, live) if only else None
        self.store = examine_store(self.bucket, live, self.options.level, self.progress, packs, self.reach())
        yield from self.store.findings()
        if self.options.level > Level.QUICK or not self.store.is_sound:
            yield from self._walk(only)
        if self.log.place is not None and not self.log.bad:
            yield from examine_cache(self.path, self.log.place, self.fold)
        self._count_dust()

    def _live(self) -> list[str]:
        """Names of the live indexes; behind a hole in the log any that is there may be one."""
        live = self.catalog.indexes()
        if not self.log.holes:
            return live
        there = {item.key.rpartition("/")[2] for item in self.bucket.list("index/")}
        return sorted(there)

    def _of_lost_entries(self) -> Iterator[Finding]:
        """The versions that came with lost entries, as far as the cache remembers."""
        if not self.log.bad:
            return
        remembered = Remembered(self.path)
        remembered.recall(self.log.holes)
        for n, versions in remembered.versions.items():
            for version in versions:
                why = "its entry in the log is lost"
                key = entry_key(n)
                yield Finding("version", version.ref, "damaged-log", why, version.ref, version.project, key)

    def _version(self) -> Version | None:
        ref = self.options.ref
        return resolve.version(self.catalog, ref, self.options.project).version if ref else None

    def _packs_of(self, version: Version, live: list[str]) -> set[Digest]:
        """Packs that the version needs, as far as its pages can be read."""
        store = self.open_store(live)
        packs: set[Digest] = set()

        def note(digest: Digest) -> str | None:
            packs.update(location.pack for index in store.indexes if (location := index.find(digest)))
            return None

        class Noting:
            def get(self, digest: Digest) -> bytes:
                note(digest)
                return store.get(digest)

        for _ in Walk(Noting(), store.indexes, note, lambda: None).version(version):
            pass  # told when the packs have been looked at
        for text in self.catalog.texts(version.id):
            note(text.digest)
        return packs

    def _walk(self, only: Version | None) -> Iterator[Finding]:
        self.progress.phase("reading manifests")
        store = self.open_store([index.name for index in self.store.indexes])
        versions = [only] if only else list(self.catalog.versions(states=(LIVE, TRASH)))
        pages = self.pages(store, [version.root.page for version in versions])
        walk = Walk(pages, self.store.indexes, self._cause(store), self.progress.advance)
        opened = Opened(self.path).roots()
        for version in versions:
            if self._is_elsewhere(store, version.root.page):
                continue
            self._versions += 1
            yield from walk.version(version, may_lack=version.root.page in opened)
        for text in self.catalog.texts(only and only.id):
            if self._is_elsewhere(store, text.digest):
                continue
            of = self.catalog.version(text.version) if text.version else None
            artifact = self.catalog.artifact_by_id(text.artifact)
            yield from walk.text(text, of.ref if of else artifact.name, artifact.project)
        if only is None:
            register = Register(self.fold.database)
            projects = {run.id: run.project for run in register.runs(states=(LIVE, TRASH))}
            for segment in register.holding((LIVE, TRASH)):
                if not self._is_elsewhere(store, *segment.records[:1]):
                    yield from walk.segment(segment, projects.get(segment.run, ""))
            for said in register.texts((LIVE, TRASH)):
                if self._is_elsewhere(store, said.digest):
                    continue
                yield from walk.text(said, f"run:{said.run}", said.project)
        yield from walk.unknown.values()

    def _is_elsewhere(self, store: Store, *digests: Digest) -> bool:
        """Whether what hangs on these was perhaps never brought here from the authority: no index knows them."""
        if not self._has_authority or self.store.bad_indexes:
            return False
        return any(store.find(digest) is None for digest in digests)

    def _cause(self, store: Store) -> Cause:
        if self.store.is_sound:
            return lambda digest: None if digest in store else ""
        return self.store.cause

    def _count_dust(self) -> None:
        live = set(self.catalog.indexes())
        packs = {pack for index in self.store.indexes for pack in index.packs}
        files, size = temporary_size(self.bucket)
        found = dust(self.store.there, packs, live)
        self._dust_files = files + len(found.packs) + len(found.indexes)
        self._dust_size = size + found.size
