"""Many processes at work in one repository, or at one place: each number is won once, nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.kit import sound, trees
from tests.kit.nursery import Child, Nursery
from tests.kit.places import KINDS, NewPlace, container, new_place, s3, serve, ssh
from tests.kit.trees import Leaf
from tests.kit.victim import NAME, Victim
from tests.store.material import noise

__all__ = ["container", "new_place", "s3", "serve", "ssh"]

PUSHED = [
    pytest.param("disk", 2, 2, id="disk-2x2"),
    *(pytest.param(kind, 10, 50, id=f"{kind}-10x50", marks=pytest.mark.soak) for kind in KINDS),
]
ENVIRONMENT = ("ART_SSH", "ART_SSH_COMMAND", "AWS_", "AZURE_")
"""What says how places are reached begins so."""


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


@pytest.mark.parametrize(("writers", "versions"), [(4, 4), (10, 8), pytest.param(10, 50, marks=pytest.mark.soak)])
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


@pytest.mark.parametrize(("kind", "machines", "versions"), PUSHED)
def test_every_pushed_version_gets_its_number(
    kind: str, machines: int, versions: int, new_place: NewPlace, nursery: Nursery, swift: Path
) -> None:
    """Each machine has a repository of its own, and pushes every version as soon as it is logged."""
    url = new_place(kind, swift / "place")
    environment = {name: value for name, value in os.environ.items() if name.startswith(ENVIRONMENT)}

    def start(where: Path, *commands: list[str]) -> Child:
        return nursery.start([], where, repeat=commands, environment=environment)

    def must(child: Child) -> None:
        ended = child.wait()
        assert ended.code == 0, ended

    homes = [swift / f"{number}" for number in range(machines)]
    for writer, home in enumerate(homes):
        for number in range(versions):
            trees.plant(home / f"data/{number}", tree_of(writer, number))
        must(start(home, ["init"], ["remote", "add", "place", url]))
    push = [["log-artifact", NAME, f"data/{number}", "--push"] for number in range(versions)]
    for child in [start(home, *push) for home in homes]:
        must(child)
    must(start(swift, ["-C", url, "fsck"]))
    must(start(swift, ["clone", url, "copy", "--full"]))
    held = sound.check(swift / "copy/.art")
    assert sorted(held) == sorted(f"{NAME}:v{number}" for number in range(machines * versions))
    in_order = [held[f"{NAME}:v{number}"] for number in range(machines * versions)]
    for writer in range(machines):
        logged = [tree_of(writer, number) for number in range(versions)]
        assert [tree for tree in in_order if tree in logged] == logged


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
