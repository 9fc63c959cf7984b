"""gc of a place that others share. Nobody is kept away, and nothing goes of which not everybody could know.

    1. read the log to its end, and then look what packs and indexes there are
    2. choose, mark and plan, as gc of a repository does; old packs that no index names are dust
    3. write new packs, then new indexes; commit one log entry: versions that go, indexes that come and go, and the
       packs that are condemned. Where somebody else was first, what that entry needs must have been marked, or all
       begins again
    4. delete what has been condemned for longer than the grace: indexes first, then packs

Who commits has read every entry before its own. So whoever counts on a chunk that is to go, be it one that his own push
has just brought, either comes before gc, which then sees what he needs, or sees that packs were condemned, looks again
what is there, and brings the chunk anew. Therefore an entry that takes chunks out of the indexes condemns one pack at
least. The grace is for readers, who look into an index and read the pack a while later.

An index of which the log never said anything may be on its way into it. It goes when all its packs have gone, for then
nobody may name it. The name of one that was live once is not used again, for its file may be deleted at any moment.

Ages are by the place's own clock: an entry's time against the newest time of all that is there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from artcli.catalog import facts
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.log import entry_key
from artcli.catalog.manifest.reach import Reached, walk_batches
from artcli.catalog.place import Place
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError
from artcli.flows.collect import roots
from artcli.flows.collect.common import DEFAULT, Collected, Collection, MovedOn, Request, refusal
from artcli.flows.collect.marks import KEPT, UNREACHED, Marks
from artcli.flows.collect.plan import Plan, make_plan
from artcli.flows.collect.rewrite import Moved, write_anew
from artcli.flows.collect.roots import Standing
from artcli.flows.collect.sweep import look
from artcli.progress import Progress, Silent
from artcli.store.afar import packs_of
from artcli.store.index import index_key, merge_indexes
from artcli.store.pack import pack_key
from artcli.store.store import Store
from artcli.threads import worker_count

DUST_AGE = 7 * 86400.0
"""Seconds after which a pack that nobody has named is condemned, if the grace is not shorter: a push that takes longer
must bring it anew."""
MOST_CONDEMNED = 2000
"""Packs that one log entry condemns; what is left is dust for the next round, or the next gc."""
MOST_INDEXES = 1000
"""Live indexes that one log entry replaces."""
MOST_LIVE = 64
"""Where more indexes are live, for each push adds one, many are merged into one beforehand."""


def collect_place(place: Place, request: Request = DEFAULT, progress: Progress | None = None) -> Collected:
    """Condemn what no version and no run in the log of `place` needs, and delete what was condemned long ago.

    Raises `IntegrityError` (`gc-refuses-damage`) if what is needed cannot be told, and as `Place.commit`.
    """
    with place.at_work():
        return _SharedCollection(place, request, progress or Silent()).run()


class _Due(NamedTuple):
    """What is deleted now."""

    packs: list[Digest]
    indexes: list[str]


class _SharedCollection(Collection):
    """One run."""

    def __init__(self, place: Place, request: Request, progress: Progress) -> None:
        super().__init__(place, place.mirror, request, progress)
        self.place = place
        self.rewritten = 0
        self.forced: set[Digest] = set()
        """Packs that are written anew so that an index gets a name that was never used."""
        self.entry_times: dict[int, float] = {}
        self.clock = -math.inf
        """What the place's own clock has come to, at least."""

    def run(self) -> Collected:
        self.place.fetch()
        self.read_log()
        while True:
            try:
                standing, plan, more = self._round()
            except MovedOn:
                continue
            if self.request.dry_run or not (more or self.again(standing, plan)):
                break
        due = self._due()
        freed = sum(self.there.packs[pack][0] for pack in due.packs)
        freed += sum(self.there.indexes[name] for name in due.indexes)
        if not self.request.dry_run:
            self._delete(due)
        waiting = (self.catalog.condemned() & self.there.packs.keys()).difference(due.packs)
        waiting = waiting.union(plan.doomed) if self.request.dry_run else waiting
        return Collected(
            self.request.dry_run, freed, self.there.size - freed * self.request.dry_run, 0, 0,
            len(due.packs), self.rewritten, self.deleted, self.purged, self.purged_runs,
            roots.trash(self.after(standing)), roots.trashed_runs(self.after(standing)), plan.trash_size,
            0, time.monotonic() - self.started, len(waiting), sum(self.there.packs[pack][0] for pack in waiting),
        )  # fmt: skip

    # --- 1 and 2 ---

    def _round(self) -> tuple[Standing, Plan, bool]:
        """Also tells whether there is more to condemn than one entry takes."""
        self.place.fetch()
        self.catch_up()
        store = self._store()
        if len(store.indexes) > MOST_LIVE and not self.request.dry_run:
            self._merge(store)
            raise MovedOn
        self.there = look(self.bucket)  # after the log: every pack that it relies on is seen
        standing = self.choose()
        marks = Marks(store.indexes)
        self.mark(standing, store, marks)
        plan = self._plan(marks)
        dust = self._dust(store, self.catalog.condemned())
        going = bool(dust or standing.deleted or standing.purged or standing.purged_runs)
        if self.request.dry_run:
            self.rewritten = len(plan.rewritten)
        elif going or not plan.empty:
            self._carry_out(standing, marks, plan, dust)
        self.note(standing)
        return standing, plan, len(plan.doomed) + len(dust) > MOST_CONDEMNED

    def _merge(self, store: Store) -> None:
        """Let one index take the place of the smallest ones, as many as one entry can name."""
        former = self.catalog.former_indexes()
        smallest = sorted(store.indexes, key=len)[:MOST_INDEXES]
        while (merged := merge_indexes(index.rows() for index in smallest)).name in former:
            smallest.pop()
        self.bucket.add(index_key(merged.name), merged.buffers)
        names = {index.name for index in smallest}

        def decide() -> list[Fact]:
            self.catch_up()
            if not names <= set(self.catalog.indexes()):
                raise MovedOn
            return [_make(Draft("index", {"add": [merged.name], "remove": sorted(names)}))]

        self.place.commit(decide)

    def _plan(self, marks: Marks) -> Plan:
        must_go = self.catalog.condemned() | self.forced
        try:
            plan = make_plan(marks, self.there.packs, math.inf, must_go)
            if plan.indexes and not plan.doomed:
                packs = {pack for index in plan.indexes for pack in index.packs} & self.there.packs.keys()
                smallest = min(packs, key=lambda pack: (self.there.packs[pack][0], pack))
                plan = make_plan(marks, self.there.packs, math.inf, must_go | {smallest})
        except IntegrityError as error:
            raise refusal(error) from error
        return plan

    def _store(self) -> Store:
        """The store of all live indexes, each compared with its name."""
        live = self.catalog.indexes()
        if self.place.indexes_folder is None:
            return self.store_of(live)
        store = Store(self.bucket, live, remote=self.place.indexes_folder)
        store.fetch_whole()
        for error in store.damaged:
            raise refusal(error) from error
        return store

    def mark_all(self, marks: Marks, store: Store, pages: Iterable[Digest], mark: int) -> None:
        """As `marks.mark_all`, for pages that are far away."""

        def lacking(asked: Sequence[Digest]) -> set[Digest]:
            return {page for page in asked if not marks.put(page, mark)}

        for batch in walk_batches(_reader(store), pages, lacking):
            for chunk in _chunks(batch):
                if marks.put(chunk, mark) is None:
                    raise IntegrityError("missing-chunk", f"no live index knows chunk {chunk.hex()}")
            self.progress.advance(files=len(batch))

    def _dust(self, store: Store, condemned: frozenset[Digest]) -> list[Digest]:
        """Packs that nobody has named for long, those first that were written first."""
        named = {pack for packs in store.listed.values() for pack in packs}
        unnamed = {pack: self.there.packs[pack][1] for pack in self.there.packs.keys() - named - condemned}
        age = min(DUST_AGE, self.request.readers)
        self._learn_times({self.place.follower.head.n})
        self._ask_clock(unnamed.values(), age)
        return [pack for time, pack in sorted(zip(unnamed.values(), unnamed, strict=True)) if self.clock - time >= age]

    # --- 3 ---

    def _carry_out(self, standing: Standing, marks: Marks, plan: Plan, dust: list[Digest]) -> None:
        moved = write_anew(self.bucket, marks, plan, self.progress)
        try:
            self._check_names(moved, plan)
            self._commit(standing, marks, plan, moved, dust)
        except MovedOn:
            self._take_back(moved)
            raise
        self.rewritten += len([pack for pack in plan.rewritten if pack not in moved.stay])
        self.there = look(self.bucket)

    def _check_names(self, moved: Moved, plan: Plan) -> None:
        """Raise `MovedOn`, after seeing to it that the indexes will be others, if one had been live before."""
        live = {index.name for index in plan.indexes}
        if not self.catalog.former_indexes().keys().isdisjoint(set(moved.indexes) - live):
            doomed = plan.doomed | self.forced
            self.forced.update(
                next((pack for pack in index.packs if pack not in doomed), index.packs[0]) for index in plan.indexes
            )
            raise MovedOn

    def _take_back(self, moved: Moved) -> None:
        """Remove what was written in vain and nobody else can know: indexes of other packs may be in use by now."""
        for name in moved.fresh:
            self.bucket.delete(index_key(name))
        for pack in moved.packs:
            self.bucket.delete(pack_key(pack))

    def _commit(self, standing: Standing, marks: Marks, plan: Plan, moved: Moved, dust: list[Digest]) -> None:
        old = [index.name for index in plan.indexes if index.name not in moved.indexes]
        new = [name for name in moved.indexes if all(name != index.name for index in plan.indexes)]
        going = [pack for pack in (*plan.deleted, *plan.rewritten) if pack not in moved.stay]
        if plan.indexes and not going:
            raise refusal(IntegrityError("damaged-pack", "no pack that is to go can be read"))
        before = self.catalog.condemned()

        def decide() -> list[Fact]:
            self.catch_up()
            if self.catalog.condemned() != before:
                raise MovedOn  # by another gc: what this one has planned, or written, may be gone
            named = self._check_standing(standing, marks, plan)
            condemned = [*going, *(pack for pack in dust if pack not in named)][:MOST_CONDEMNED]
            made = self.facts(standing, _make, new, old)
            if condemned:
                made.append(_make(Draft("condemn", {"packs": [pack.hex() for pack in condemned]})))
            return made

        self.place.commit(decide)
        self.catch_up()

    def _check_standing(self, standing: Standing, marks: Marks, plan: Plan) -> set[Digest]:
        """Raise `MovedOn` unless all that must stay now was marked; returns the packs that new indexes list."""
        store = self.place.store
        known = {index.name for index in marks.indexes}
        if not {index.name for index in plan.indexes} <= store.listed.keys():
            raise MovedOn
        news = {pack for name, packs in store.listed.items() if name not in known for pack in packs}
        if not news.isdisjoint(plan.doomed):
            raise MovedOn
        self.check_chosen(standing)
        self._check_roots(standing, store, marks)
        self.check_texts(standing, marks)
        return news

    def _check_roots(self, standing: Standing, store: Store, marks: Marks) -> None:
        def lacking(asked: Sequence[Digest]) -> set[Digest]:
            """Pages of which the marked indexes do not know."""
            before = {page: marks.put(page, KEPT) for page in asked}
            if UNREACHED in before.values():
                raise MovedOn
            return {page for page, mark in before.items() if mark is None}

        for batch in walk_batches(_reader(store), roots.asked(roots.ALL_ROOTS, standing), lacking):
            if any(marks.put(chunk, KEPT) == UNREACHED for chunk in _chunks(batch)):
                raise MovedOn

    # --- 4 ---

    def _due(self) -> _Due:
        """What was condemned, or ceased to be live, for longer than the grace."""
        packs = {pack for packs in self.place.store.listed.values() for pack in packs}
        condemned = self.catalog.condemnations()
        waiting = {pack: n for pack, n in condemned.items() if pack in self.there.packs and pack not in packs}
        former = self.catalog.former_indexes()
        leaving = {name: n for name, n in former.items() if name in self.there.indexes}
        entries = {*waiting.values(), *leaving.values()}
        self._learn_times({*entries, self.place.follower.head.n})
        self._ask_clock([self.entry_times[n] for n in entries if n in self.entry_times], self.request.readers)
        due = [pack for pack, n in waiting.items() if self._is_due(n)]
        gone = {pack for pack in condemned if pack not in self.there.packs}.union(due)
        indexes = [name for name, n in leaving.items() if self._is_due(n)]
        never = [name for name in self.there.indexes if name not in former and name not in self.place.store.listed]
        listed = packs_of(self.bucket, sorted(set(never).difference(self.catalog.indexes())))
        return _Due(due, indexes + [name for name, packs in listed.items() if gone.issuperset(packs)])

    def _is_due(self, n: int) -> bool:
        return self.clock - self.entry_times.get(n, math.inf) >= self.request.readers

    def _ask_clock(self, times: Iterable[float], age: float) -> None:
        """See to it that `clock` tells whether any of what came at these times is of that age.

        Where nothing has come for long, but by this machine's clock something is, an entry that says nothing is added:
        its time is the time now.
        """
        times = list(times)
        here = self._clock_here()
        is_old = any(here - time >= age for time in times)
        if is_old and not any(self.clock - time >= age for time in times):
            self.place.commit(lambda: [_make(Draft("condemn", {"packs": []}))])
            self.catch_up()
            self._learn_times({self.place.follower.head.n})

    def _clock_here(self) -> float:
        return self.request.now if self.request.now is not None else time.time()

    def _learn_times(self, entries: Iterable[int]) -> None:
        times = [time for _, time in self.there.packs.values()]
        if self.request.dry_run:
            times.append(self._clock_here())  # as an entry would say that is not made now
        for folder in sorted({entry_key(n).rpartition("/")[0] for n in entries if n >= 0}):
            for item in self.bucket.list(folder + "/"):
                number = item.key.rpartition("/")[2]
                if number.isdigit():
                    self.entry_times[int(number)] = item.time
        self.clock = max([*times, *self.entry_times.values()], default=-math.inf)

    def _delete(self, due: _Due) -> None:
        """Indexes first: none may ever name a pack that is not there."""
        self.progress.phase("deleting what was condemned")
        for name in due.indexes:
            self.bucket.delete(index_key(name))
            self.there.indexes.pop(name)
        for pack in due.packs:
            self.bucket.delete(pack_key(pack))
            self.there.packs.pop(pack)


def _reader(store: Store) -> Callable[[Sequence[Digest]], Mapping[Digest, Buffer]]:
    def read(pages: Sequence[Digest]) -> Mapping[Digest, Buffer]:
        return dict(store.read(pages, workers=worker_count()))

    return read


def _chunks(batch: Iterable[Reached]) -> Iterable[Digest]:
    return (chunk for reached in batch for chunk, _ in reached.chunks)


def _make(draft: Draft) -> Fact:
    return facts.make(draft, facts.this_actor(), facts.this_machine())
