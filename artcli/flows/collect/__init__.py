"""gc: gives back the disk space of what no version and no run needs any more.

    with every writer kept away, and a fold made from the log alone:
    1. sweep dust: needs no writing, so it works on a full disk too
    2. choose: versions beyond keep-last go to the trash, what is old in the trash leaves it
    3. mark all that the others need; if something of it cannot be read, stop: what looks dead might be its replacement
    4. plan, see `plan`
    5. write new packs, then new indexes; commit one log entry with all facts
    6. delete old indexes, then old packs
    7. drop of what is kept of other places what nothing needs, see `kept`

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

from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.repository import Make, Repository
from artcli.content import Digest
from artcli.errors import IntegrityError, SpaceError
from artcli.flows.collect import roots
from artcli.flows.collect.common import DEFAULT, GRACE, Collected, Collection, MovedOn, Request, refusal
from artcli.flows.collect.kept import collect_kept
from artcli.flows.collect.marks import KEPT, Marks
from artcli.flows.collect.plan import Plan, make_plan
from artcli.flows.collect.rewrite import write_anew
from artcli.flows.collect.roots import Standing
from artcli.flows.collect.sweep import Found, dust, look, room, sweep_temporary, temporary_size
from artcli.flows.runs.seal import settle
from artcli.progress import Progress, Silent
from artcli.store.index import index_key
from artcli.store.pack import pack_key

__all__ = ["DEFAULT", "GRACE", "Collected", "Request", "collect"]


def collect(repository: Repository, request: Request = DEFAULT, progress: Progress | None = None) -> Collected:
    """Free what no version and no run needs; what dead processes have left of runs is sealed before.

    Raises `IntegrityError` (`gc-refuses-damage`) if what is needed cannot be told, `LockedError` (`locked`) if writers
    do not end, `SpaceError` (`disk-full`) if there is no room even for a log entry.
    """
    if not request.dry_run:
        settle(repository)
    told = progress or Silent()
    with repository.alone():
        done = _Collection(repository, request, told).run()
        kept = collect_kept(repository, told, dry_run=request.dry_run)
    return done._replace(freed=done.freed + kept, kept_size=kept)


class _Collection(Collection):
    """One run in a repository, in which the lock is held."""

    def __init__(self, repository: Repository, request: Request, progress: Progress) -> None:
        super().__init__(repository, repository.log, request, progress)
        self.repository = repository
        self.opened = repository.opened.roots()
        self.packs_deleted = self.packs_rewritten = 0
        self.temporary = 0
        """Bytes of temporary files that were swept."""
        self.wanted = 0
        self.rewriting = True

    def run(self) -> Collected:
        self.read_log()
        self.there = look(self.bucket)
        before = self.there.size
        files, size = self._sweep()
        gain = 0
        while True:
            try:
                standing, plan = self._round()
            except MovedOn:
                self._sweep_again()
                continue
            gain += plan.gain
            if self.request.dry_run or not self.again(standing, plan):
                break
        freed = size + gain if self.request.dry_run else before - self.there.size + self.temporary
        return Collected(
            self.request.dry_run, freed, before + self.temporary - freed, files, size,
            self.packs_deleted, self.packs_rewritten, self.deleted, self.purged, self.purged_runs,
            roots.trash(self.after(standing)), roots.trashed_runs(self.after(standing)), plan.trash_size,
            self.wanted, time.monotonic() - self.started,
        )  # fmt: skip

    # --- 1: dust ---

    def _sweep(self) -> tuple[int, int]:
        """Remove dust; (files, bytes) of it."""
        measure = temporary_size if self.request.dry_run else sweep_temporary
        files, self.temporary = measure(self.bucket)
        found = self._sweep_packs()
        return files + len(found.packs) + len(found.indexes), self.temporary + found.size

    def _sweep_packs(self) -> Found:
        live = self.catalog.indexes()
        store = self.store_of(live)
        packs = {pack for index in store.indexes for pack in index.packs}
        found = dust(self.there, packs, set(live))
        if not self.request.dry_run:
            self._delete(found.indexes, found.packs)
        return found

    def _sweep_again(self) -> None:
        """Remove what this run has written in vain."""
        self.there = look(self.bucket)
        self._sweep_packs()

    # --- 2 to 6 ---

    def _round(self) -> tuple[Standing, Plan]:
        self.catch_up()
        standing = self.choose()
        store = self.store_of(self.catalog.indexes())
        marks = Marks(store.indexes)
        self.mark(standing, store, marks)
        plan = self._plan(marks)
        if self.request.dry_run:
            self.packs_deleted, self.packs_rewritten = len(plan.deleted), len(plan.rewritten)
        elif not plan.empty or standing.deleted or standing.purged or standing.purged_runs:
            plan = self._carry_out(standing, marks, plan)
        self.note(standing)
        return standing, plan

    def _plan(self, marks: Marks) -> Plan:
        free = math.inf if self.request.dry_run else room(self.bucket, self.there) if self.rewriting else 0.0
        try:
            plan = make_plan(marks, self.there.packs, free)
        except IntegrityError as error:
            raise refusal(error) from error
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
        def facts(_: Catalog, make: Make) -> Sequence[Fact]:
            self._check_standing(standing, marks)
            return self.facts(standing, make, new, old)

        self.repository.commit(facts)
        self.catch_up()

    def _check_standing(self, standing: Standing, marks: Marks) -> None:
        """Raise `MovedOn` unless all that must stay now was marked."""
        self.catch_up()
        self.check_chosen(standing)
        if not all(marks.put(page, KEPT) for page in roots.asked(roots.ALL_ROOTS, standing)):
            raise MovedOn
        self.check_texts(standing, marks)

    def _delete(self, indexes: Iterable[str], packs: Iterable[Digest]) -> None:
        """Indexes first: none may ever name a pack that is not there."""
        for name in list(indexes):
            self.bucket.delete(index_key(name))
            self.there.indexes.pop(name, None)
        for pack in list(packs):
            self.bucket.delete(pack_key(pack))
            self.there.packs.pop(pack, None)
