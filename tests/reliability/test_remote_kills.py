"""Push, pull, clone and gc killed with signal 9 at random moments and before every write: both sides are sound at once,
the other side has a version whole or not at all, and the same command ends it. And the server killed meanwhile: what it
serves is sound, and the command goes on when it is there again.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.kit import sound, trees
from tests.kit.nursery import Nursery
from tests.kit.proxy import Proxy
from tests.kit.victim import Victim, some_tree
from tests.web.kit import Server

QUICK, LONG = 7, 500
"""Kills a stage."""
LIFE = 20
"""Kills in one directory."""


class Shared(ABC):
    """A car and a laptop that share the directory `nas`; a command of one of them dies again and again."""

    command: Sequence[str] = ()
    died = True
    """Whether the last one was killed."""

    def __init__(self, directory: Path, nursery: Nursery, chance: random.Random, url: str = "../nas") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.url = url
        self.nursery = nursery
        self.chance = chance
        self.nas = directory / "nas"
        self.car, self.laptop = (Victim(directory / name, nursery) for name in ("car", "laptop"))
        self.tree = some_tree(chance)
        self.held = {self.car.log(self.tree): self.tree}
        """What the car's versions hold."""
        for machine in (self.car, self.laptop):
            machine.must("remote", "add", "nas", url)
        self.car.must("push")

    def log(self) -> None:
        """The car makes one more version."""
        self.tree = some_tree(self.chance, self.tree)
        self.held[self.car.log(self.tree)] = self.tree

    @property
    def victim(self) -> Victim:
        return self.car

    @abstractmethod
    def prepare(self) -> None:
        """Make everything ready for `command`."""

    @abstractmethod
    def check(self) -> None:
        """Look at what a dead command has left, and at what it does when it comes again."""


class Push(Shared):
    command = ("push",)

    def prepare(self) -> None:
        self.before = sound.check(self.nas)
        self.log()

    def check(self) -> None:
        assert self.car.check() == self.held
        assert sound.check(self.nas) in (self.before, self.held)
        self.car.must(*self.command)
        assert sound.check(self.nas) == self.car.check() == self.held
        assert self.car.must("push").err.splitlines()[-1] == "pushed to nas: nothing new"


class Pull(Shared):
    command = ("pull",)

    @property
    def victim(self) -> Victim:
        return self.laptop

    def prepare(self) -> None:
        self.log()
        self.car.must("push")

    def check(self) -> None:
        for ref, tree in self.laptop.check().items():
            assert tree == self.held[ref]
        assert sound.check(self.nas) == self.held
        self.laptop.must(*self.command)
        assert self.laptop.check() == self.held
        assert self.laptop.must("pull").err.splitlines()[-1] == "pulled from nas: nothing new"


class Clone(Shared):
    """A dead clone has left a repository without its bytes, or none; `clone` again ends it, once."""

    def prepare(self) -> None:
        self.command = ("clone", self.url, "copy", "--full")
        shutil.rmtree(self.car.directory / "copy", ignore_errors=True)
        if len(self.held) < 3:
            self.log()
            self.car.must("push")

    def check(self) -> None:
        assert sound.check(self.nas) == self.held
        copy = self.car.directory / "copy"
        if self.died and (not (copy / ".art/config").exists() or (copy / ".art/local/clone-of").exists()):
            self.car.must(*self.command)  # it had not done all
        again = self.nursery.run(self.command, self.car.directory)
        assert (again.code, again.err.split(":")[0]) == (6, "error"), again
        assert sound.check(copy / ".art") == self.held
        assert trees.harvest(self.car.data) == self.tree


class Gc(Shared):
    """gc of the place, of which a version has left the trash; another machine needs half of its chunks."""

    def prepare(self) -> None:
        self.command = ("-C", self.url, "gc", "--empty-trash", "--yes", "--readers", "0d")
        self.log()
        old = next(iter(self.held))
        self.car.must("rm", "--yes", old)
        del self.held[old]
        self.car.must("push")

    def check(self) -> None:
        assert sound.check(self.nas) == self.held
        self.car.must(*self.command)
        assert sound.check(self.nas) == self.held
        self.laptop.must("pull")
        assert self.laptop.check() == self.held


STAGES: dict[str, type[Shared]] = {"push": Push, "pull": Pull, "clone": Clone, "gc": Gc}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [QUICK, pytest.param(LONG, marks=pytest.mark.soak)])
def test_at_random_moments(stage: str, count: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(f"{stage} {count}")
    killed = 0
    for directory, rounds in lives(swift, count):
        work = STAGES[stage](directory, nursery, chance)
        work.prepare()
        seconds = work.victim.seconds(*work.command)
        for _ in range(rounds):
            killed += kill_once(work, nursery, chance, seconds)
    assert killed


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [2, pytest.param(LONG, marks=pytest.mark.soak)])
def test_at_random_moments_before_a_server(stage: str, count: int, nursery: Nursery, swift: Path) -> None:
    """The server goes on all the time."""
    chance = random.Random(f"{stage} {count} http")
    for directory, rounds in lives(swift, count):
        server = serving(directory)
        try:
            work = STAGES[stage](directory, nursery, chance, server.url)
            work.prepare()
            seconds = work.victim.seconds(*work.command)
            for _ in range(rounds):
                kill_once(work, nursery, chance, seconds)
        finally:
            server.stop()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [2, pytest.param(LONG, marks=pytest.mark.soak)])
def test_the_server_is_killed(stage: str, count: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(f"{stage} {count} server")
    for directory, rounds in lives(swift, count):
        server = serving(directory)
        with Proxy(server.address[1]) as road:
            work = STAGES[stage](directory, nursery, chance, road.url)
            work.prepare()
            seconds = work.victim.seconds(*work.command)
            work.died = False
            for _ in range(rounds):
                work.prepare()
                child = nursery.start(work.command, work.victim.directory)
                time.sleep(chance.uniform(0, 1.1 * seconds))
                server.stop(signal.SIGKILL)
                road.hang_up()
                road.unplugged = True
                assert sound.check(work.nas).items() <= work.held.items()
                server = serving(directory)
                road.target, road.unplugged = server.address[1], False
                ended = child.wait()
                assert ended.code == 0, ended
                work.check()
        server.stop()


def lives(directory: Path, count: int) -> Iterator[tuple[Path, int]]:
    """So many rounds, in several directories, for what lives long holds much; each with how many take place in it."""
    for start in range(0, count, LIFE):
        home = directory / str(start)
        yield home, min(LIFE, count - start)
        shutil.rmtree(home)


def serving(directory: Path) -> Server:
    (directory / "nas").mkdir(parents=True, exist_ok=True)
    return Server(directory, directory / "nas", "--auth", "none", "--i-know")


def kill_once(work: Shared, nursery: Nursery, chance: random.Random, seconds: float) -> bool:
    """Whether it came in time."""
    work.prepare()
    ended = nursery.run_for(chance.uniform(0, 1.1 * seconds), work.command, work.victim.directory)
    assert ended.killed or ended.code == 0
    work.died = ended.killed
    work.check()
    return ended.killed


@pytest.mark.parametrize(
    ("stage", "step"),
    [("push", 13), ("pull", 13), ("clone", 80), ("gc", 29)]
    + [pytest.param(stage, 1, marks=pytest.mark.soak) for stage in STAGES],
)
def test_before_every_write(stage: str, step: int, nursery: Nursery, swift: Path) -> None:
    work = STAGES[stage](swift, nursery, random.Random(stage))
    k = 1
    while True:
        work.prepare()
        ended = nursery.run(work.command, work.victim.directory, k=k)
        work.died = ended.killed
        work.check()
        if not ended.killed:
            break
        k += step
    assert k > 5
