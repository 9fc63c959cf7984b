"""Processes killed with signal 9, at random moments and before every single write: no version is ever in part.

After each kill the repository is sound, the version is absent or complete, the same command succeeds, and `use` brings
exact bytes. What a user had changed in a used directory is still there, or among what was rescued.
"""

from __future__ import annotations

import os
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pytest

from artcli.flows.collect.plan import SMALL_COUNT
from tests.kit import trees
from tests.kit.nursery import Nursery
from tests.kit.trees import Leaf
from tests.kit.victim import NAME, Victim, some_tree
from tests.store.material import noise

QUICK, LONG = 6, 500
"""Kills a stage."""


class Stage(ABC):
    """A command that dies again and again in one repository."""

    command: Sequence[str] = ()

    def __init__(self, victim: Victim, chance: random.Random) -> None:
        self.victim = victim
        self.chance = chance
        self.tree = some_tree(chance)
        """What the newest version holds."""
        self.ref = victim.log(self.tree)

    def next_version(self) -> None:
        self.tree = some_tree(self.chance, self.tree)
        self.ref = self.victim.log(self.tree)

    @abstractmethod
    def prepare(self) -> None:
        """Make everything ready for `command`."""

    @abstractmethod
    def check(self) -> None:
        """Look at what a dead command has left, and at what it does when it comes again."""


class Log(Stage):
    command = ("log-artifact", NAME, "data")

    def prepare(self) -> None:
        self.before = self.victim.check()
        self.tree = some_tree(self.chance, self.tree, few=True)
        trees.plant(self.victim.data, self.tree)

    def check(self) -> None:
        victim = self.victim
        ref = f"{NAME}:v{len(self.before)}"
        after = {**self.before, ref: self.tree}
        assert victim.check() in (self.before, after)
        assert victim.must(*self.command).out == ref + "\n"
        victim.use(ref)
        assert trees.harvest(victim.used) == self.tree


class Use(Stage):
    """A switch from one version to another, in a directory that its user has changed."""

    def prepare(self) -> None:
        victim = self.victim
        victim.use(self.ref)
        self.next_version()
        self.command = ["use", self.ref, "--root", "used", "--exact"]
        self.mine: dict[str, Leaf] = {
            path: noise(size, f"mine {self.chance.random()}")
            for path, size in (("a/link", 700), ("f7", 300_000), ("large", 500))
        }
        for path, leaf in self.mine.items():
            trees.put(victim.used, path, leaf)

    def check(self) -> None:
        victim = self.victim
        self.check_mine()
        victim.check()
        left_over = list(victim.used.rglob(".art-*.tmp"))
        for path in left_over:
            if path.lstat().st_nlink > 1:
                path.unlink()  # the second name of a file has a time that nobody can set, so it is kept for a minute
            else:
                os.utime(path, (0, 0), follow_symlinks=False)
        victim.must(*self.command)
        self.check_mine()
        assert trees.harvest(victim.used) == self.tree

    def check_mine(self) -> None:
        there = [*trees.harvest(self.victim.used).values(), *self.victim.rescued()]
        for leaf in self.mine.values():
            assert leaf in there


class Rm(Stage):
    def prepare(self) -> None:
        self.victim.must("alias", self.ref, "stable")
        self.old, self.old_tree = self.ref, self.tree
        self.next_version()
        self.before = self.victim.check()
        self.command = ["rm", "--yes", self.old]

    def check(self) -> None:
        victim = self.victim
        after = {ref: tree for ref, tree in self.before.items() if ref != self.old}
        held = victim.check()
        assert held in (self.before, after)
        if held == self.before:
            victim.must(*self.command)
        assert victim.check() == after
        victim.must("restore", self.old)
        victim.use(self.old)
        assert trees.harvest(victim.used) == self.old_tree


class Gc(Stage):
    """A version leaves the trash, and versions of one small file have left as many packs."""

    command = ("gc", "--empty-trash", "--yes")

    def prepare(self) -> None:
        old = self.ref
        self.next_version()
        self.victim.must("rm", "--yes", old)
        bits = self.victim.directory / "bits"
        trees.plant(bits, {f"{n}/bit": noise(600, str(self.chance.random())) for n in range(SMALL_COUNT)})
        logs = [["log-artifact", "bits", f"bits/{n}"] for n in range(SMALL_COUNT)]
        ended = self.victim.nursery.start([], self.victim.directory, repeat=logs).wait()
        assert ended.code == 0, ended
        assert self.packs() >= 2 * SMALL_COUNT
        self.before = self.victim.check()

    def packs(self) -> int:
        return sum(path.is_file() for path in (self.victim.art / "packs").glob("*/*"))

    def check(self) -> None:
        victim = self.victim
        assert victim.check() == self.before
        victim.must(*self.command)
        assert self.packs() < 2 * SMALL_COUNT
        assert victim.check() == self.before
        victim.use(self.ref)
        assert trees.harvest(victim.used) == self.tree


STAGES = {"log-artifact": Log, "use": Use, "rm": Rm, "gc": Gc}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [QUICK, pytest.param(LONG, marks=pytest.mark.soak)])
def test_at_random_moments(stage: str, count: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(f"{stage} {count}")
    killed = 0
    for number in range(count):
        if number % 20 == 0:
            work = STAGES[stage](Victim(swift / str(number), nursery), chance)
            work.prepare()
            seconds = work.victim.seconds(*work.command)
        work.prepare()
        ended = nursery.run_for(chance.uniform(0, 1.1 * seconds), work.command, work.victim.directory)
        killed += ended.killed
        assert ended.killed or ended.code == 0
        work.check()
    assert killed


@pytest.mark.parametrize(
    ("stage", "step"),
    [("log-artifact", 4), ("use", 7), ("rm", 4), ("gc", 13)]
    + [pytest.param(stage, 1, marks=pytest.mark.soak) for stage in STAGES],
)
def test_before_every_write(stage: str, step: int, nursery: Nursery, swift: Path) -> None:
    work = STAGES[stage](Victim(swift, nursery), random.Random(stage))
    k = 1
    while True:
        work.prepare()
        ended = nursery.run(work.command, swift, k=k)
        work.check()
        if not ended.killed:
            break
        k += step
    assert k > 5
