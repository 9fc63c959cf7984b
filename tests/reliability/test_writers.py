"""Many processes at work in one repository: each number is won once, nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.kit import sound, trees
from tests.kit.nursery import Child, Nursery
from tests.kit.trees import Leaf
from tests.kit.victim import NAME, Victim
from tests.store.material import noise


def tree_of(writer: int, number: int) -> dict[str, Leaf]:
    """What a writer logs as its version of this number; half of it is what others log too."""
    return {"own": noise(400, f"{writer} {number}"), "shared": noise(5000, f"{number}"), "label": b"%d" % writer}


def begin(victim: Victim, writer: int, versions: int) -> Child:
    """Start a writer that logs its versions one after the other."""
    commands = []
    for number in range(versions):
        folder = f"data/{writer}/{number}"
        trees.plant(victim.directory / folder, tree_of(writer, number))
        commands.append(["log-artifact", NAME, folder])
    return victim.nursery.start([], victim.directory, repeat=commands)


@pytest.mark.parametrize(("writers", "versions"), [(4, 10), (10, 50)])
def test_every_version_gets_its_number(writers: int, versions: int, nursery: Nursery, swift: Path) -> None:
    victim = Victim(swift, nursery)
    children = [begin(victim, writer, versions) for writer in range(writers)]
    said = []
    for child in children:
        ended = child.wait()
        assert ended.code == 0, ended
        said.append(ended.out.split())
    held = victim.check()
    assert sorted(held) == sorted(f"{NAME}:v{number}" for number in range(writers * versions))
    for writer, refs in enumerate(said):
        assert [held[ref] for ref in refs] == [tree_of(writer, number) for number in range(versions)]
    some = random.Random(writers).sample(sorted(held), 3)
    for ref in some:
        victim.use(ref)
        assert trees.harvest(victim.used) == held[ref]


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_writer_harms_no_other(rounds: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(rounds)
    for number in range(rounds):
        victim = Victim(swift / str(number), nursery)
        children = [begin(victim, writer, 8) for writer in range(5)]
        for child in children[:3]:
            time.sleep(chance.uniform(0, 0.1))
            child.kill()
        ended = [child.wait() for child in children]
        assert [end.code for end in ended[3:]] == [0, 0]
        held = victim.check()
        assert sorted(held) == sorted(f"{NAME}:v{number}" for number in range(len(held)))
        logged = [tree for writer in range(5) for tree in (tree_of(writer, number) for number in range(8))]
        assert all(tree in logged for tree in held.values())
        assert len(held) == len({str(tree) for tree in held.values()})
        for writer in (3, 4):
            assert [held[ref] for ref in ended[writer].out.split()] == logged[writer * 8 : writer * 8 + 8]
        for writer in range(3):
            there = [tree in held.values() for tree in logged[writer * 8 : writer * 8 + 8]]
            assert there == sorted(there, reverse=True), "its versions are there up to the moment of its death"


@pytest.mark.parametrize("rounds", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_writers_readers_and_gc(rounds: int, nursery: Nursery, swift: Path) -> None:
    """gc empties the trash again and again, while others delete, and log what is being deleted."""
    for number in range(rounds):
        victim = Victim(swift / str(number), nursery)
        children = [begin(victim, writer, 12) for writer in range(2)]
        victim.must("log-artifact", "old", "data/0/0")
        victim.must("log-artifact", "kept", "data/1/5")
        loops = [
            [["log-artifact", "old", f"data/0/{i}"] for i in range(1, 12)],
            [["rm", "--yes", "old", "--keep-last", "1"] for _ in range(12)],
            [["gc", "--empty-trash", "--yes"] for _ in range(12)],
            [["use", "kept", "--root", f"used/{i}"] for i in range(12)],
        ]
        children += [nursery.start([], victim.directory, repeat=commands) for commands in loops]
        for child in children:
            ended = child.wait()
            assert ended.code == 0, ended
        held = victim.check()
        assert sum(ref.startswith(f"{NAME}:") for ref in held) == 24
        for i in range(12):
            assert trees.harvest(victim.used / str(i)) == tree_of(1, 5)
        victim.must("gc", "--empty-trash", "--yes")
        assert victim.check() == held
        assert sound.dust(victim.art) == []
