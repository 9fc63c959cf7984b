"""Making, taking in and copying what is carried, killed with signal 9 at random moments: all of it or nothing."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.nursery import Ended, Nursery
from tests.kit.trees import harvest, plant
from tests.store.material import noise

KILLS = 8
TREE = {f"{i}.bin": noise(400_000, str(i)) for i in range(6)}


class Place:
    """Machines below one directory, and commands there that may die."""

    def __init__(self, nursery: Nursery, above: Path) -> None:
        self.nursery, self.above = nursery, above

    def machine(self, name: str) -> Path:
        folder = self.above / name
        folder.mkdir()
        self.must(folder, "init")
        return folder

    def must(self, folder: Path, *words: object) -> Ended:
        done = self.nursery.start([str(word) for word in words], folder).wait()
        assert (done.code, done.signal) == (0, 0), done.err
        return done

    def killed(self, folder: Path, words: Sequence[object], chance: random.Random, seconds: float) -> bool:
        child = self.nursery.start([str(word) for word in words], folder)
        time.sleep(chance.uniform(0, seconds))
        child.kill()
        return child.wait().killed

    def took(self, folder: Path, *words: object) -> float:
        started = time.monotonic()
        self.must(folder, *words)
        return time.monotonic() - started


@pytest.fixture
def at(nursery: Nursery, swift: Path) -> Place:
    made = Place(nursery, swift)
    laptop = made.machine("laptop")
    plant(laptop / "data", TREE)
    made.must(laptop, "log-artifact", "dataset", "data")
    return made


def test_a_bundle_is_there_or_not(at: Place) -> None:
    laptop, chance = at.above / "laptop", random.Random(1)
    seconds = at.took(laptop, "bundle", "create", "../first.artb", "dataset:v0")
    file = at.above / "trip.artb"
    kills = 0
    for _ in range(KILLS):
        kills += at.killed(laptop, ["bundle", "create", file, "dataset:v0"], chance, 1.1 * seconds)
        if file.exists():
            at.must(laptop, "bundle", "verify", file)
            file.unlink()
    assert kills
    for left in at.above.glob(".art-*.tmp"):
        os.utime(left, (1, 1))
    at.must(laptop, "bundle", "create", file, "dataset:v0")
    at.must(laptop, "bundle", "verify", file)
    assert list(at.above.glob(".art-*.tmp")) == []


def test_what_a_bundle_has_is_there_or_not(at: Place) -> None:
    chance, laptop = random.Random(2), at.above / "laptop"
    at.must(laptop, "bundle", "create", "../trip.artb", "dataset:v0")
    seconds = at.took(at.machine("first"), "pull", "../trip.artb")
    kills = 0
    for number in range(KILLS):
        car = at.machine(f"car{number}")
        kills += at.killed(car, ["pull", "../trip.artb"], chance, 1.1 * seconds)
        at.must(car, "fsck")
        at.must(car, "pull", "../trip.artb")
        at.must(car, "use", "dataset:v0", "--root", "here")
        assert harvest(car / "here") == TREE
        at.must(car, "fsck", "--full")
    assert kills


def test_a_clone_of_a_bundle_is_ended_by_the_same_command(at: Place) -> None:
    chance, laptop = random.Random(3), at.above / "laptop"
    at.must(laptop, "bundle", "create", "../trip.artb", "dataset:v0")
    seconds = at.took(at.above, "clone", "trip.artb", "first")
    kills = 0
    for number in range(KILLS):
        kills += at.killed(at.above, ["clone", "trip.artb", f"car{number}"], chance, seconds)
        car = at.above / f"car{number}"
        done = at.nursery.start(["clone", "trip.artb", f"car{number}"], at.above).wait()
        assert done.code in (0, 6), done.err  # 6: it was whole already
        at.must(car, "use", "dataset:v0", "--root", "here")
        assert harvest(car / "here") == TREE
        at.must(car, "fsck")
    assert kills


def test_a_copy_is_ended_by_the_same_command(at: Place) -> None:
    chance, laptop = random.Random(4), at.above / "laptop"
    at.must(laptop, "remote", "add", "nas", "../nas")
    at.must(laptop, "push")
    other = at.machine("other")
    at.must(other, "remote", "add", "nas", "../nas")
    at.must(other, "remote", "add", "first", "../first")
    seconds = at.took(other, "copy", "nas", "first")
    kills = 0
    for number in range(KILLS):
        at.must(other, "remote", "add", f"attic{number}", f"../attic{number}")
        kills += at.killed(other, ["copy", "nas", f"attic{number}"], chance, 1.1 * seconds)
        at.must(other, "copy", "nas", f"attic{number}")
        at.must(at.above, "clone", f"attic{number}", f"of{number}", "--full")
        at.must(at.above / f"of{number}", "fsck", "--full")
        at.must(at.above / f"of{number}", "use", "dataset:v0", "--root", "here")
        assert harvest(at.above / f"of{number}" / "here") == TREE
    assert kills


def test_a_reference_that_is_being_brought(at: Place) -> None:
    chance, laptop = random.Random(5), at.above / "laptop"
    plant(at.above / "pool", TREE)
    at.must(laptop, "log-artifact", "far", "--ref", f"file://{at.above}/pool")
    seconds = at.took(laptop, "use", "far", "--root", "first")
    kills = 0
    for number in range(KILLS):
        kills += at.killed(laptop, ["use", "far", "--root", f"here{number}"], chance, 1.1 * seconds)
        there = harvest(laptop / f"here{number}")
        assert {path: data for path, data in there.items() if not path.startswith(".art-")}.items() <= TREE.items()
        at.must(laptop, "use", "far", "--root", f"here{number}")
        there = harvest(laptop / f"here{number}")
        assert {path: data for path, data in there.items() if not path.startswith(".art-")} == TREE
    assert kills
