"""gc: gives back the disk space of what no version and no run needs any more.

    with every writer kept away, and a fold made from the log alone:
    1. sweep dust: needs no writing, so it works on a full disk too
    2. choose: versions beyond keep-last go to the trash, what is old in the trash leaves it
    3. mark all that the others need; if something of it cannot be read, stop: what looks dead might be its replacement
    4. plan, see `plan`
    5. write new packs, then new indexes; commit one log entry with all facts
    6. delete old indexes, then old packs

Killed between any two steps it leaves dust. Where the disk is nearly full, packs are written anew in rounds, as many at
a time as there is room for, and where it is quite full they are only deleted.
Commands that write nothing but the log run beside it: one that restores a version which was to leave the trash is seen
before the commit, and all begins again.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from artcli.catalog.afresh import catch_up, fold_afresh
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs.register import Run
from artcli.content import Digest
from artcli.errors import IntegrityError, SpaceError
from artcli.flows.careful import open_index
from artcli.flows.collect import roots
from artcli.flows.collect.marks import KEPT, TRASHED, UNREACHED, Marks, mark_all
from artcli.flows.collect.plan import Plan, make_plan
from artcli.flows.collect.rewrite import write_anew
from artcli.flows.collect.roots import Expiry, Standing
from artcli.flows.collect.sweep import Found, dust, look, room, sweep_temporary, temporary_size
from artcli.flows.runs.seal import settle
from artcli.progress import Progress, Silent
from artcli.store.index import index_key
from artcli.store.pack import pack_key
from artcli.store.store import Store

GRACE = 30 * 86400.0
"""Seconds in the trash."""
MOST_FACTS = 1000
"""Versions that one log entry deletes or purges; more come in rounds."""


class Request(NamedTuple):
    """How to collect."""

    grace: float = GRACE
    """Seconds that a deleted version stays in the trash."""
    empty_trash: bool = False
    """The trash goes now, whatever its age."""
    dry_run: bool = False
    now: float | None = None
    """Seconds since 1970, instead of the clock's."""


DEFAULT = Request()


class Collected(NamedTuple):
    """What came of it, or would come of it."""

    dry_run: bool
    freed: int
    """Bytes."""
    stored: int
    """Bytes of packs and indexes that remain."""
    dust_files: int
    dust_size: int
    """Of `freed`: what killed commands had left."""
    packs_deleted: int
    packs_rewritten: int
    deleted: Sequence[Version]
    """Versions beyond keep-last, now in the trash."""
    purged: Sequence[Version]
    """Versions that have left the trash."""
    purged_runs: Sequence[Run]
    """Runs that have."""
    trash: Sequence[Version]
    """Versions in the trash."""
    trash_runs: Sequence[Run]
    """Runs in it."""
    trash_size: int
    """Bytes that only they hold."""
    wanted: int
    """Bytes of room on the disk with which more could be freed; 0 if nothing more could."""
    seconds: float


class _MovedOn(Exception):
    """The log has grown by something that changes what must stay."""


def collect(repository: Repository, request: Request = DEFAULT, progress: Progress | None = None) -> Collected:
    """Free what no version and no run needs; what dead processes have left of runs is sealed before.

    Raises `IntegrityError` (`gc-refuses-damage`) if what is needed cannot be told, `LockedError` (`locked`) if writers
    do not end, `SpaceError` (`disk-full`) if there is no room even for a log entry.
    """
    if not request.dry_run:
        settle(repository)
    with repository.alone():
        return _Collection(repository, request, progress or Silent()).run()


class _Collection:
    """One run, in which the lock is held."""

    def __init__(self, repository: Repository, request: Request, progress: Progress) -> None:
        self.repository = repository
        self.bucket = repository.bucket
        self.request = request
        self.progress = progress
        self.started = time.monotonic()
        self.deleted: list[Version] = []
        self.purged: list[Version] = []
        self.purged_runs: list[Run] = []
        self.packs_deleted = self.packs_rewritten = 0
        self.temporary = 0
        """Bytes of temporary files that were swept."""
        self.wanted = 0
        self.rewriting = True

    def run(self) -> Collected:
        self.progress.phase("reading the log")
        self.fold = fold_afresh(self.repository.log, self.repository.follower.authority)
        self.catalog = Catalog(self.fold.database)
        self.there = look(self.bucket)
        before = self.there.size
        files, size = self._sweep()
        gain = 0
        while True:
            try:
                standing, plan = self._round()
            except _MovedOn:
                self._sweep_again()
                continue
            gain += plan.gain
            if self.request.dry_run or not self._again(standing, plan):
                break
        freed = size + gain if self.request.dry_run else before - self.there.size + self.temporary
        return Collected(
            self.request.dry_run, freed, before + self.temporary - freed, files, size,
            self.packs_deleted, self.packs_rewritten, self.deleted, self.purged, self.purged_runs,
            roots.trash(self._after(standing)), roots.trashed_runs(self._after(standing)), plan.trash_size,
            self.wanted, time.monotonic() - self.started,
        )  # fmt: skip

    def _again(self, standing: Standing, plan: Plan) -> bool:
        """Whether another round does more: there are more versions than one entry takes, or there is new room."""
        most = len(standing.deleted) + len(standing.purged) + len(standing.purged_runs) >= MOST_FACTS
        return most or (plan.postponed > 0 and bool(plan.rewritten))

    # --- 1: dust ---

    def _sweep(self) -> tuple[int, int]:
        """Remove dust; (files, bytes) of it."""
        measure = temporary_size if self.request.dry_run else sweep_temporary
        files, self.temporary = measure(self.bucket)
        found = self._sweep_packs()
        return files + len(found.packs) + len(found.indexes), self.temporary + found.size

    def _sweep_packs(self) -> Found:
        live = self.catalog.indexes()
        store = self._store(live)
        packs = {pack for index in store.indexes for pack in index.packs}
        found = dust(self.there, packs, set(live))
        if not self.request.dry_run:
            self._delete(found.indexes, found.packs)
        return found

    def _sweep_again(self) -> None:
        """Remove what this run has written in vain."""
        self.there = look(self.bucket)
        self._sweep_packs()

    def _store(self, live: list[str]) -> Store:
        """The store of these indexes, each of which is what its name says."""
        store = Store(self.bucket, live)
        try:
            for name in live:
                open_index(self.bucket, name)
            for error in store.damaged:
                raise error
        except IntegrityError as error:
            raise _refusal(error) from error
        return store

    # --- 2 to 6 ---

    def _round(self) -> tuple[Standing, Plan]:
        catch_up(self.fold, self.repository.log, self.repository.follower.authority)
        standing = self._choose()
        store = self._store(self.catalog.indexes())
        marks = Marks(store.indexes)
        self._mark(standing, store, marks)
        plan = self._plan(marks)
        if self.request.dry_run:
            self.packs_deleted, self.packs_rewritten = len(plan.deleted), len(plan.rewritten)
        elif not plan.empty or standing.deleted or standing.purged or standing.purged_runs:
            plan = self._carry_out(standing, marks, plan)
        self.deleted += standing.deleted
        self.purged += standing.purged
        self.purged_runs += standing.purged_runs
        return standing, plan

    def _choose(self) -> Standing:
        request = self.request
        expiry = None if request.empty_trash else Expiry(self.catalog, request.grace, request.now)
        if expiry is not None and not expiry.is_clock_plausible:
            self.progress.warn("this machine's clock is wrong: what is in the trash stays there")
        purged, deleted = roots.due(self.catalog, expiry), roots.superfluous(self.catalog)
        runs = roots.due_runs(self.catalog, expiry)
        if not request.dry_run:
            purged = purged[:MOST_FACTS]
            deleted = deleted[: MOST_FACTS - len(purged)]
            runs = runs[: MOST_FACTS - len(purged) - len(deleted)]
        return Standing(self.repository, self.catalog, deleted, purged, runs)

    def _mark(self, standing: Standing, store: Store, marks: Marks) -> None:
        self.progress.phase("looking for what is needed")
        try:
            for providers, mark in ((roots.KEPT_ROOTS, KEPT), (roots.TRASH_ROOTS, TRASHED)):
                mark_all(marks, store, roots.asked(providers, standing), mark, self.progress.advance)
        except IntegrityError as error:
            raise _refusal(error) from error
        for providers, mark in ((roots.KEPT_TEXTS, KEPT), (roots.TRASH_TEXTS, TRASHED)):
            for text in roots.asked(providers, standing):
                if marks.put(text, mark) is None:
                    # nothing else hangs on it, and nobody could remove it from the history
                    self.progress.warn(f"what was said of versions, or by runs, is lost, see art fsck: {text.hex()}")

    def _plan(self, marks: Marks) -> Plan:
        free = math.inf if self.request.dry_run else room(self.bucket, self.there) if self.rewriting else 0.0
        try:
            plan = make_plan(marks, self.there.packs, free)
        except IntegrityError as error:
            raise _refusal(error) from error
        self.wanted = plan.wanted
        return plan

    def _carry_out(self, standing: Standing, marks: Marks, plan: Plan) -> Plan:
        """Steps 5 and 6, with less the less room there is; returns the plan that was carried out."""
        try:
            return self._write(standing, marks, plan)
        except SpaceError:
            self._sweep_again()
        self.rewriting = False
        plan = self._plan(marks)
        try:
            return self._write(standing, marks, plan)
        except SpaceError:
            self._sweep_again()
        # the last room there is: what can be made anew
        shutil.rmtree(self.repository.path / "cache", ignore_errors=True)
        return self._write(standing, marks, plan)

    def _write(self, standing: Standing, marks: Marks, plan: Plan) -> Plan:
        moved = write_anew(self.bucket, marks, plan, self.progress)
        old = [index.name for index in plan.indexes if index.name not in moved.indexes]
        new = [name for name in moved.indexes if all(name != index.name for index in plan.indexes)]
        self._commit(standing, marks, new, old)
        packs = [pack for pack in (*plan.deleted, *plan.rewritten) if pack not in moved.stay]
        self._delete(old, packs)
        self.there = look(self.bucket)
        self.packs_deleted += len(plan.deleted)
        self.packs_rewritten += len(packs) - len(plan.deleted)
        return plan._replace(rewritten=[pack for pack in plan.rewritten if pack not in moved.stay])

    def _commit(self, standing: Standing, marks: Marks, new: list[str], old: list[str]) -> None:
        why = "trash emptied" if self.request.empty_trash else "in the trash for longer than the grace"

        def facts(_: Catalog, make: Make) -> Sequence[Fact]:
            self._check_standing(standing, marks)
            made = [make(Draft("purge", {"version": version.id}, why)) for version in standing.purged]
            made += [make(Draft("purge", {"run": run.id}, why)) for run in standing.purged_runs]
            made += [make(Draft("delete", {"version": version.id}, "keep-last")) for version in standing.deleted]
            if new or old:
                made.append(make(Draft("index", {"add": new, "remove": old})))
            return made

        self.repository.commit(facts)
        catch_up(self.fold, self.repository.log, self.repository.follower.authority)

    def _check_standing(self, standing: Standing, marks: Marks) -> None:
        """Raise `_MovedOn` unless all that must stay now was marked."""
        catch_up(self.fold, self.repository.log, self.repository.follower.authority)
        due = {version.id for version in roots.due(self.catalog, None)}
        due |= {run.id for run in roots.due_runs(self.catalog, None)}
        extra = {version.id for version in roots.superfluous(self.catalog)}
        chosen = {version.id for version in standing.purged} | {run.id for run in standing.purged_runs} <= due
        if not chosen or not all(version.id in extra for version in standing.deleted):
            raise _MovedOn
        if not all(marks.put(page, KEPT) for page in roots.asked(roots.ALL_ROOTS, standing)):
            raise _MovedOn
        if any(marks.put(text, KEPT) == UNREACHED for text in roots.asked(roots.ALL_TEXTS, standing)):
            raise _MovedOn

    def _delete(self, indexes: Iterable[str], packs: Iterable[Digest]) -> None:
        """Indexes first: none may ever name a pack that is not there."""
        for name in list(indexes):
            self.bucket.delete(index_key(name))
            self.there.indexes.pop(name, None)
        for pack in list(packs):
            self.bucket.delete(pack_key(pack))
            self.there.packs.pop(pack, None)

    def _after(self, standing: Standing) -> Standing:
        """What the catalog, which knows a commit's facts by now, leaves out by itself."""
        return standing if self.request.dry_run else standing._replace(deleted=(), purged=(), purged_runs=())


def _refusal(error: IntegrityError) -> IntegrityError:
    return IntegrityError(
        "gc-refuses-damage",
        "gc deletes nothing while something that versions need cannot be read",
        facts=[error.message, *error.facts],
        hint="art fsck",
    )
