"""A version becomes a directory, or an existing directory becomes that version, in place.

    1. walk the directory against what the stat cache knows of it          → what the user changed
    2. compare the manifest it had with the version's, skipping equal pages → what differs between the two
    3. plan: what to write, what to remove, what of the user's to rescue first
    4. rescue, remove, write; chunks are read pack by pack and verified

An untouched directory that holds the version already costs one walk. Bytes of the user's that no version holds are
moved to `.art/local/rescued/` before anything takes their place. A crash leaves some files old, some new, none half (a
file that did not exist may be cut short): the same command completes it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.fold import PURGED
from artcli.catalog.manifest import REFERENCE, Entry, Finder, PageSource, Root
from artcli.catalog.repository import Repository
from artcli.errors import ConflictError
from artcli.files import clock
from artcli.files.ignore import Rules
from artcli.files.leftovers import sweep
from artcli.files.reader import TICK_COARSE
from artcli.files.seen import Gone, LeftOut, Seen, Stat
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
from artcli.files.writer import Writer
from artcli.flows import copies
from artcli.flows.deliver import Delivery
from artcli.flows.elsewhere import Elsewhere, Origin
from artcli.flows.judge import Entries, Judgement, judge
from artcli.flows.known import known_root
from artcli.flows.overlay import Overlay
from artcli.flows.part import ALL, Part
from artcli.flows.references.bring import Unbrought, is_beyond
from artcli.flows.references.known import Known
from artcli.flows.renumbered import meant_before
from artcli.flows.rescue import Rescued
from artcli.flows.sharing import Shared, Sharing
from artcli.flows.target import target_of
from artcli.flows.written import expected, looks_ours, vouch
from artcli.progress import Progress, Silent
from artcli.threads import ahead, worker_count

EVERYTHING = Rules.everything()
NOTHING_THERE = Judgement(alike=False, held=True)
LEFT_ALONE = Judgement(alike=True, held=True)
"""Nothing here could bring what belongs there: who put it there will know what it is."""

ARTIFACTS = "artifacts"
"""The folder that takes used versions unless another is named."""


@dataclass(frozen=True)
class Request:
    """What to bring where."""

    ref: str
    project: str
    directory: Path
    """Where `artifacts/` goes, if `root` is not given."""
    root: Path | None = None
    only: Sequence[str] = ()
    """Globs of paths to bring; without any, all."""
    exact: bool = False
    """Remove what does not belong."""
    link: bool = False
    """Make what is written read-only, and hard links to the read-only files of other working copies."""
    type: str | None = None
    """The type that the artifact must have."""
    dry_run: bool = False
    workers: int | None = None


class Plan(NamedTuple):
    """What a use would do to a directory."""

    write: int
    """Entries to write."""
    size: int
    """Bytes of them."""
    keep: int
    """Entries that are right already."""
    remove: Sequence[bytes]
    rescue: Sequence[bytes]
    """Paths of the user's whose bytes no version holds."""
    same: frozenset[bytes]
    """Paths that are right although the stat cache did not know them."""
    rewrite: Sequence[bytes]
    """Paths that the user changed or removed, and that the directory's old and new version have in common."""

    @property
    def is_done(self) -> bool:
        """There is nothing to do."""
        return not (self.write or self.remove or self.rescue)


class Used(NamedTuple):
    """What came of it."""

    version: Version
    path: Path
    """The directory; of a reference with a path, that file or folder in it."""
    plan: Plan
    rescued: Rescued
    """The user's files that had to make room."""
    unbrought: Sequence[Unbrought]
    """Entries whose bytes are kept elsewhere, and could not be had."""
    shared: Shared
    """How many of the files were cloned or linked."""
    note: str | None
    seconds: float


def use(repository: Repository, request: Request, progress: Progress | None = None) -> Used:
    """Bring the version that `request.ref` means into a directory.

    Raises `NotFoundError`, `ConflictError` (`type-mismatch`), `IntegrityError`, `SpaceError`, `UsageError`.
    """
    with repository.reading():
        return _use(repository, request, progress or Silent())


def _use(repository: Repository, request: Request, progress: Progress) -> Used:
    started = time.monotonic()
    found = resolve.version(repository.catalog, request.ref, request.project)
    version = found.version
    if request.type and request.type != version.type:
        raise ConflictError("type-mismatch", f"{version.ref} is of type '{version.type}', not '{request.type}'")
    root = (request.root or request.directory / ARTIFACTS / f"{version.name}:v{version.number}").absolute()
    part = Part(request.only, found.path)
    target, pages = target_of(repository, version, part)
    work = Bringing(
        repository, root, pages, target, part=part, origin=Origin(version, link=request.link), exact=request.exact,
        dry_run=request.dry_run, workers=request.workers, progress=progress,
    )  # fmt: skip
    beside = None if request.exact or not root.is_dir() else copies.copy_at(repository.path, root)
    plan = work.run()
    if not request.dry_run:
        copies.remember(repository.path, root, version, part, beside=beside)
    path = root / os.fsdecode(found.path) if found.path else root
    note = found.note or meant_before(repository, version)
    seconds = time.monotonic() - started
    return Used(version, path, plan, work.rescued, work.unbrought, work.shared, note, seconds)


class _Pair(NamedTuple):
    """A path where something may have to be done."""

    path: bytes
    seen: Seen | Gone | None
    """What the walk found there that the stat cache does not vouch for."""
    before: Entry | None
    """What the directory's manifest had there."""
    after: Entry | None
    """What is wanted there."""


class Bringing:
    """One run over one directory, which is to hold the manifest `target` of `pages`."""

    def __init__(
        self,
        repository: Repository,
        root: Path,
        pages: PageSource,
        target: Root,
        *,
        origin: Origin,
        part: Part = ALL,
        exact: bool = False,
        switch: bool = True,
        remember: bool = True,
        dry_run: bool = False,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`target` is `part` of a version; unless `exact`, other paths are left alone.

        `exact`: remove what does not belong. Without `switch` nothing is removed at all, not even what the directory
        has of another version, and what it held before is not asked for. `remember`: that of a new directory is
        remembered what it holds, so that it is logged, or switched, without being read."""
        self.repository = repository
        self.store = repository.store
        self.root = root
        self.pages = Overlay(pages)
        self.target = target
        self.is_whole = not self.pages.is_only_here(target.page)
        """The target is a manifest of the store's, which the stat cache may name."""
        self.origin = origin
        self.part = part
        self.exact = exact
        self.switch = switch
        self.remember = remember
        self.dry_run = dry_run
        self.progress = progress or Silent()
        self.workers = workers or worker_count()
        self.sources = [Source(os.fsencode(root))]
        self.nothing = manifest.build(self.pages, ())
        self.rescued = Rescued(repository.path, root)
        self.since = clock.now(root)
        """What is changed from now on is not in the plan."""
        self.young: dict[bytes, Stat] = {}
        """Files that were changed just before, as they were when they were judged."""
        self.known = Known(repository.path)
        self.unbrought: Sequence[Unbrought] = ()
        self.sharing: Sharing | None = None
        self.fresh = _is_empty(root)
        """Nothing was there before."""
        self.left_over: list[bytes] = []
        """Temporary files on the disk that an earlier run seems to have left."""

    def run(self) -> Plan:
        """Plan and, unless it is a dry run, carry it out."""
        with StatCache(self.repository.path / "cache") as cache, self.known:
            known = cache if self.switch or (self.remember and not self.root.is_dir()) else None
            if not self.root.is_dir():
                base, plan = self.nothing, Plan(self.target.entries, self.target.size, 0, (), (), frozenset(), ())
            else:
                scan = self._scan(known)
                base = scan.known_root or self.nothing
                plan = self._plan(scan, base)
                if plan.is_done and not self.dry_run:
                    self._remember(scan, plan)
            if not self.dry_run:
                for source in self.left_over:
                    sweep(source)
            if not (self.dry_run or plan.is_done):
                self._carry_out(plan, base)
                if known is not None:
                    self._remember_written(known)
        return plan

    def _scan(self, cache: StatCache | None) -> Scan[Root]:
        catalog = self.repository.catalog
        return Scan(self.sources, EVERYTHING, cache, known_to=lambda page: known_root(catalog, self.pages, page))

    @property
    def shared(self) -> Shared:
        """How many of the files were cloned or linked."""
        return self.sharing.shared if self.sharing is not None else Shared()

    # --- plan ---

    def _plan(self, scan: Scan[Root], base: Root) -> Plan:
        """What to do to a directory that is there; files are read only where their content is in doubt."""
        same: set[bytes] = set()
        rewrite: list[bytes] = []
        remove: list[bytes] = []
        rescue: list[bytes] = []
        write = size = 0
        for pair, judgement in self._judged(scan, base):
            path, seen, before, after = pair
            if judgement.alike:
                same.add(path)
                if after is not None and after.kind == REFERENCE:
                    scan.distrust(path)  # as in `_is_ours`
                continue
            if isinstance(seen, Seen) and seen.stat.ctime >= self.since - TICK_COARSE:
                self.young[path] = seen.stat
            if after is None:
                if isinstance(seen, Gone) or not (self.exact or path in self.part):
                    continue
                if seen is None or (before is not None and judgement.held) or (self.exact and judgement.held):
                    remove.append(path)
                elif isinstance(seen, Seen) and self.exact:
                    rescue.append(path)
                else:
                    scan.distrust(path)  # it stays, and is no part of the version
                continue
            write, size = write + 1, size + after.size
            if before is after:
                rewrite.append(path)
            if isinstance(seen, Seen) and not judgement.held:
                rescue.append(path)
        return Plan(write, size, self.target.entries - write, remove, rescue, frozenset(same), rewrite)

    def _judged(self, scan: Scan[Root], base: Root) -> Iterator[tuple[_Pair, Judgement]]:
        entries, known = Entries(self.store, self._versions()), self.known.if_known

        def judged(pair: _Pair) -> tuple[_Pair, Judgement]:
            if not isinstance(pair.seen, Seen):
                return pair, NOTHING_THERE
            if pair.after is None and pair.before is None and not self.exact:
                return pair, NOTHING_THERE  # it stays where it is, whatever it is
            if pair.after is not None and pair.after.kind == REFERENCE and is_beyond(pair.after):
                return pair, LEFT_ALONE
            return pair, judge(pair.seen, known(pair.after), known(pair.before), self.store, entries)

        return ahead(judged, self._pairs(scan, base), workers=self.workers, depth=64)

    def _versions(self) -> Iterator[Root]:
        """Manifests that may have what lies here: of the version it was made to hold, the one wanted, the newest."""
        catalog = self.repository.catalog
        copy = copies.copy_at(self.repository.path, self.root)
        wanted = self.origin.version
        for version in (wanted, copy and catalog.version(copy.version), catalog.latest(wanted.artifact)):
            if version and version.state != PURGED:
                yield version.root

    def _pairs(self, scan: Scan[Root], base: Root) -> Iterator[_Pair]:
        """The walk's changes and the manifests' differences, joined by path."""
        differences = manifest.diff(self.pages, base, self.target)
        before, after = next(differences, (None, None))
        finder = Finder(self.pages, base)
        for change in scan:
            if not isinstance(change, Seen | Gone):
                if isinstance(change, LeftOut):
                    self.left_over.append(change.source)
                continue
            while (path := _path(before, after)) is not None and path < change.path:
                yield _Pair(path, None, before, after)
                before, after = next(differences, (None, None))
            if path == change.path:
                yield _Pair(change.path, change, before, after)
                before, after = next(differences, (None, None))
            else:
                entry = finder.find(change.path)
                yield _Pair(change.path, change, entry, entry)
        while (path := _path(before, after)) is not None:
            yield _Pair(path, None, before, after)
            before, after = next(differences, (None, None))

    # --- do ---

    def _carry_out(self, plan: Plan, base: Root) -> None:
        self.progress.phase("writing", files=plan.write, size=plan.size)
        link, rescue = self.origin.link, self.rescued.take
        writer = Writer(self.root, since=self.since, judged=self.young, rescue=rescue, read_only=link)
        with writer, Elsewhere(self.repository, self.root, self.origin) as places:
            for path in plan.rescue:
                self.rescued.take(path)
                writer.prune(path.rpartition(b"/")[0])
            for path in plan.remove:
                writer.remove(path)
            delivery = Delivery(
                self.store, self.pages, writer, places, self.known,
                workers=self.workers, progress=self.progress, mtime=self.since, fresh=self.fresh,
            )  # fmt: skip
            self.sharing = delivery.sharing
            delivery.write(self._wanted(plan, base))
            self.unbrought = delivery.unbrought

    def _wanted(self, plan: Plan, base: Root) -> Iterator[Entry]:
        """The entries to write, by path."""
        differing = (after for _, after in manifest.diff(self.pages, base, self.target) if after is not None)
        changed = (entry for entry in differing if entry.path not in plan.same)
        finder = Finder(self.pages, self.target)
        again = (finder.find(path) for path in plan.rewrite)
        return merge(changed, (entry for entry in again if entry is not None), key=lambda entry: entry.path)

    def _remember(self, scan: Scan[Root], plan: Plan) -> None:
        """The directory held the version already: let the stat cache vouch for it."""
        if self.is_whole:
            scan.save(self.target.page)

    def _remember_written(self, cache: StatCache) -> None:
        """Walk once more over what is there now, so that the next use costs one walk."""
        if not self.is_whole:
            return
        scan = self._scan(cache)
        is_ours = partial(looks_ours, since=self.since, sharing=self.sharing)
        base = scan.known_root
        if base is None:
            entries = expected(self.pages, self.target, forks=self.workers > 1 and self.store.forks)
            is_right = vouch(scan, entries, lambda _: None, is_ours)
        else:
            differing = (after for _, after in manifest.diff(self.pages, base, self.target) if after is not None)
            is_right = vouch(scan, differing, Finder(self.pages, self.target).find, is_ours)
        if is_right:  # else somebody has taken something away since: the next use looks at everything
            scan.save(self.target.page)


def _is_empty(root: Path) -> bool:
    try:
        with os.scandir(root) as names:
            return next(names, None) is None
    except OSError:
        return not root.exists()


def _path(before: Entry | None, after: Entry | None) -> bytes | None:
    entry = after or before
    return None if entry is None else entry.path
