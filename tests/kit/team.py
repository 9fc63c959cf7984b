"""Two laptops and a car that share a place, as a model of plain dicts, and a machine that compares it with the program.

The model is the design in few lines: what was done is a list of deeds; the place has one, in the order in which they
came there; each machine has its own, and has seen the place's up to somewhere. What a machine shows is the deeds of the
place that it has seen, then those of its own that are not among them, done one after the other. Everything else,
numbers that change and names that were moved elsewhere meanwhile, follows from that.

Whoever is at work may die at any operation of its own bucket or of the place, or find the place away from some
operation on, and go on another day; the place may have lost what it had last.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from artcli.buckets.bucket import Bucket
from artcli.catalog.catalog import Version
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.repository import Repository
from artcli.errors import ArtError, ConflictError, IntegrityError, NetworkError
from artcli.flows import alias, rm
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import collect
from artcli.flows.collect.shared import collect_place
from tests.kit import sound, trees
from tests.kit.faulty import FaultyBucket
from tests.kit.machine import LABELS, PROJECT, Tree, choices, grown, names, plans
from tests.kit.machines import Machine, World
from tests.kit.team_model import Deed, Member, Shown

TEAM = ("car", "laptop", "notebook")

# --- the program ---


def observed(repository: Repository) -> Any:
    """As `Shown.summary`; None for the tree of a version whose bytes are elsewhere or purged."""
    catalog = repository.catalog
    shown = {}
    for artifact in catalog.artifacts(PROJECT):
        versions = list(catalog.versions(artifact.id, (LIVE, TRASH, PURGED)))
        assert [version.number for version in versions] == list(range(len(versions)))
        numbers = {version.id: version.number for version in versions}
        shown[artifact.name] = (
            [(version.state, _tree(repository, version)) for version in versions],
            {item.alias: numbers[item.version] for item in catalog.aliases(artifact.id)},
        )
    return shown


def _tree(repository: Repository, version: Version) -> Tree | None:
    if version.state == PURGED:
        return None
    try:
        return trees.content(repository.store, version)
    except (IntegrityError, NetworkError) as error:
        if error.slug not in ("missing-chunk", "bytes-elsewhere"):
            raise
        return None


def agree(program: Any, shown: Shown, here: frozenset[int]) -> bool:
    """Whether what a repository shows is what the model shows, whose versions in `here` must have their bytes."""
    model = shown.summary()
    if {name: labels for name, (_, labels) in program.items()} != {name: labels for name, (_, labels) in model.items()}:
        return False
    for name, (versions, _) in model.items():
        rows = program[name][0]
        if len(rows) != len(versions):
            return False
        for deed, (state, tree), row in zip(shown.logged[name], versions, rows, strict=True):
            away = state == PURGED or deed.version not in here
            if row[0] != state or not (row[1] == tree or (row[1] is None and away)):
                return False
    return True


class Worker:
    """A machine of the program, with faults to be set."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.faults: dict[str, FaultyBucket] = {}
        self._stack = ExitStack()
        self.open()

    def open(self) -> None:
        def wrap(side: str) -> Callable[[Bucket], Bucket]:
            def wrapped(bucket: Bucket) -> Bucket:
                self.faults[side] = FaultyBucket(bucket)
                return self.faults[side]

            return wrapped

        self._stack.close()
        self.machine: Machine = self._stack.enter_context(self.world.open(self.name, wrap("own"), wrap("shared")))

    def close(self) -> None:
        self._stack.close()


class Crash(NamedTuple):
    side: str
    k: int
    when: Literal["before", "after"]
    persistent: bool


members = st.sampled_from(TEAM)


class TeamMachine(RuleBasedStateMachine):
    """The team at work."""

    def __init__(self) -> None:
        super().__init__()
        shm = Path("/dev/shm")
        self.home = Path(tempfile.mkdtemp(prefix="art-team-", dir=shm if shm.is_dir() else None))
        self.world = World(self.home / "world", TEAM)
        self.workers = {name: Worker(self.world, name) for name in TEAM}
        self.place: list[Deed] = []
        self.team = {name: Member([]) for name in TEAM}
        self.last = ""
        """The last entry of the place, be it of deeds or of gc, and who is known to have read it."""
        self.readers: set[str] = set()
        self.crash: Crash | None = None
        self.numbers = 0
        self.history: list[str] = []

    def teardown(self) -> None:
        for worker in self.workers.values():
            worker.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- doing ---

    def shown(self, who: str) -> Shown:
        return Shown(self.team[who].deeds(self.place))

    def deed(self, kind: Any, name: str, version: int | None = None, **more: Any) -> Deed:
        self.numbers += 1
        return Deed(kind, self.numbers, self.numbers if version is None else version, name, **more)

    def do(self, who: str, run: Callable[[Machine], object], *made: Deed) -> None:
        """Let a machine do something for itself, perhaps die of it; `made` is what that comes to in the model."""
        before = self.team[who]
        logged = {deed.version for deed in made if deed.kind == "log"}
        purged = {deed.version for deed in made if deed.kind == "purge"}
        after = Member([*before.own, *made], before.seen, (before.here | logged) - purged)
        possible = [after] if self._survives(who, run) else [before, after]
        # of what gc was to purge the bytes may be gone already, or not yet
        self.team[who] = self._which(who, [*possible, *(one._replace(here=before.here - purged) for one in possible)])

    def exchange(
        self, who: str, run: Callable[[Machine], object], after: list[Deed], brings: Sequence[int] = ()
    ) -> None:
        """Let a machine do something with the place, perhaps die of it.

        `after`: what the place will have; `brings`: versions whose bytes come here.
        """
        before = self.team[who]
        done = before._replace(seen=len(after), here=before.here.union(brings))
        survived = self._survives(who, run)
        last = max((item.key for item in self.world.shared.list("log/")), default="")
        if last != self.last:
            self.last, self.readers = last, set()
        if survived:
            self.readers.add(who)
            self.place, self.team[who] = after, done
            assert self._agrees(who, done), self._told(who)
            return
        there = self.place
        if not self._place_agrees():
            self.place = after
            assert self._place_agrees(), "the place has what nobody brought"
        partly = [before._replace(seen=seen) for seen in range(before.seen, len(self.place) + 1)]
        self.team[who] = self._which(who, [*partly, done] if self.place is not there else partly)

    def _survives(self, who: str, run: Callable[[Machine], object]) -> bool:
        """Whether it comes to its end. What dies is opened again."""
        worker, crash = self.workers[who], self.crash
        self.crash = None
        if crash is None:
            run(worker.machine)
            return True
        faulty = worker.faults[crash.side]
        faulty.k, faulty.when, faulty.persistent = faulty.operations + crash.k, crash.when, crash.persistent
        try:
            run(worker.machine)
            survived = True
        except (OSError, ArtError):
            assert faulty.fired
            survived = False
        worker.open()
        return survived

    def _which(self, who: str, possible: Sequence[Member]) -> Member:
        """That of the members which the machine shows to be."""
        found = next((member for member in possible if self._agrees(who, member)), None)
        assert found is not None, self._told(who)
        return found

    def _agrees(self, who: str, member: Member) -> bool:
        repository = self.workers[who].machine.repository
        repository.refresh()
        return agree(observed(repository), Shown(member.deeds(self.place)), member.here)

    def _place_agrees(self) -> bool:
        with self.world.open_place() as place:
            deeds = Shown(self.place)
            everything = frozenset(deeds.states)
            return not self.place if place is None else agree(observed(place), deeds, everything)

    def _told(self, who: str) -> str:
        repository = self.workers[who].machine.repository
        return f"{who} shows {observed(repository)}; the model is {self.team[who]}, {self.shown(who).summary()}"

    # --- what the team does ---

    @initialize(logged=st.lists(st.tuples(members, names, plans), min_size=1, max_size=4))
    def begin(self, logged: list[tuple[str, str, dict[str, int]]]) -> None:
        """Most lives lack some of the rules, and without `log` there would be nothing to live with."""
        for who, name, plan in logged:
            self.log(who, name, plan)
            self.push(who)

    @rule(who=members, name=names, plan=plans)
    def log(self, who: str, name: str, plan: dict[str, int]) -> None:
        tree = grown(plan)
        newest = self.shown(who).newest(name)
        made = [self.deed("log", name, tree=tree)] if newest is None or newest.tree != tree else []
        self.do(who, lambda machine: machine.log(name, tree), *made)

    @rule(who=members, choice=choices, label=st.sampled_from(LABELS))
    def name_it(self, who: str, choice: int, label: str) -> None:
        shown = self.shown(who)
        if live := shown.in_state(LIVE):
            version, ref = live[choice % len(live)]
            before = shown.labels.get((version.name, label))
            deed = self.deed("alias", version.name, version.version, label=label, before=before)
            self.do(
                who,
                lambda machine: alias.set_aliases(machine.repository, ref, [label], PROJECT),
                *([deed] if before != version.version else []),
            )

    @rule(who=members, choice=choices)
    def remove_it(self, who: str, choice: int) -> None:
        shown = self.shown(who)
        if live := shown.in_state(LIVE):
            version, ref = live[choice % len(live)]
            there = [label for (name, label), named in shown.labels.items() if named == version.version]
            freed = [self.deed("unalias", version.name, version.version, label=label) for label in there]

            def run(machine: Machine) -> None:
                repository = machine.repository
                rm.remove(repository, rm.plan_rm(repository.catalog, [ref], rm.Selection(), PROJECT))

            self.do(who, run, *freed, self.deed("delete", version.name, version.version))

    @rule(who=members, choice=choices)
    def restore_it(self, who: str, choice: int) -> None:
        if deleted := self.shown(who).in_state(TRASH):
            version, ref = deleted[choice % len(deleted)]
            self.do(
                who,
                lambda machine: rm.restore(machine.repository, [ref], PROJECT),
                self.deed("restore", version.name, version.version),
            )

    @rule(who=members)
    def push(self, who: str) -> None:
        there = {deed.id for deed in self.place}
        news = [deed for deed in self.team[who].own if deed.id not in there]
        self.exchange(who, Machine.push, [*self.place, *news])

    @rule(who=members)
    def pull(self, who: str) -> None:
        versions = [deed.version for deed in self.place if deed.kind == "log"]
        self.exchange(who, Machine.pull, self.place, versions)

    @rule(who=members)
    def fetch(self, who: str) -> None:
        self.exchange(who, Machine.fetch, self.place)

    @rule(who=members, empty=st.booleans(), readers=st.sampled_from([0.0, 3600.0]))
    def collect_garbage_of_the_place(self, who: str, empty: bool, readers: float) -> None:
        deleted = Shown(self.place).in_state(TRASH) if empty else []
        purged = [self.deed("purge", version.name, version.version) for version, _ in deleted]
        request = Collection(empty_trash=empty, readers=readers)
        self.exchange(who, lambda machine: collect_place(machine.place, request), [*self.place, *purged])

    @rule(who=members, empty=st.booleans())
    def collect_garbage(self, who: str, empty: bool) -> None:
        deleted = self.shown(who).in_state(TRASH) if empty else []
        self.do(
            who,
            lambda machine: collect(machine.repository, Collection(empty_trash=empty)),
            *(self.deed("purge", version.name, version.version) for version, _ in deleted),
        )

    @rule(
        side=st.sampled_from(["own", "shared"]),
        k=st.integers(1, 30),
        when=st.sampled_from(["before", "after"]),
        persistent=st.booleans(),
    )
    def let_the_next_die(self, side: str, k: int, when: Literal["before", "after"], persistent: bool) -> None:
        self.crash = Crash(side, k, when, persistent)

    @rule(who=members)
    def come_back_tomorrow(self, who: str) -> None:
        self.workers[who].open()

    @rule(who=members)
    def lose_the_cache(self, who: str) -> None:
        self.workers[who].close()
        cache = self.world.directory / who / ".art/cache"
        shutil.rmtree(cache)
        cache.mkdir()
        self.workers[who].open()

    @precondition(lambda self: self.place)
    @rule()
    def bring_the_place_back_from_an_old_copy(self) -> None:
        """Whoever has seen more says so, and brings nothing there, until what was lost is there again."""
        shared = self.world.shared
        data = shared.get(self.last)
        shared.delete(self.last)
        left = list(shared.list(""))
        for who in sorted(self.readers):
            for command in (Machine.push, Machine.pull):
                assert self._refusal(who, command) == "remote-rolled-back"
        assert list(shared.list("")) == left
        shared.add(self.last, data)

    def _refusal(self, who: str, command: Callable[[Machine], object]) -> str:
        try:
            command(self.workers[who].machine)
        except ConflictError as error:
            return error.slug
        return "none: history was shorter, and nobody said so"

    # --- what always holds ---

    @invariant()
    def all_are_sound(self) -> None:
        for worker in self.workers.values():
            worker.machine.repository.refresh()
            sound.check_open(worker.machine.repository)
        with self.world.open_place() as place:
            if place is not None:
                sound.check_open(place)
                history = [event.fact.id for event in place.catalog.events()]
                assert history[: len(self.history)] == self.history
                self.history = history

    @invariant()
    def all_show_what_the_model_shows(self) -> None:
        for who, member in self.team.items():
            assert self._agrees(who, member), self._told(who)
        assert self._place_agrees()
