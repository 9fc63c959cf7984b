"""gc of a place while others push to it, the same contents again and again, with no grace at all: what was pushed is
there. And gc that dies at any moment: the place is sound, and the same command ends it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit import sound, trees
from tests.kit.nursery import Nursery
from tests.kit.places import NewPlace, container, new_place, s3
from tests.kit.trees import Leaf
from tests.kit.victim import Victim
from tests.store.material import noise
from tests.web.kit import Server

__all__ = ["container", "new_place", "s3"]

GC = ["gc", "--empty-trash", "--yes", "--readers", "0s"]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(ART_CACHE_DIR=str(tmp_path_factory.mktemp("cache"))) as found:
        yield found


def tree_of(pusher: int, number: int) -> dict[str, Leaf]:
    """A third is its own, a third is what all others push too, and a third is what was there two versions ago."""
    return {
        "own": noise(3000, f"{pusher} {number}"),
        "shared": noise(5000, f"{number}"),
        "again": noise(4000, f"again {number % 2}"),
        "label": b"%d" % pusher,
    }


def machine(directory: Path, name: str, nursery: Nursery, place: str) -> Victim:
    found = Victim(directory / name, nursery)
    found.must("remote", "add", "nas", place)
    return found


@pytest.fixture
def served(swift: Path) -> Iterator[Callable[[Path], str]]:
    """Gives the address at which a place is served from then on."""
    servers = []

    def serve(place: Path) -> str:
        servers.append(Server(swift, place, log=swift / "serve.log"))
        return servers[-1].url

    yield serve
    for server in servers:
        server.stop()


@pytest.mark.parametrize("through", ["directory", "server"])
@pytest.mark.parametrize(("pushers", "versions"), [(4, 2), pytest.param(6, 20, marks=pytest.mark.soak)])
def test_gc_while_others_push_what_it_takes(
    pushers: int, versions: int, through: str, nursery: Nursery, swift: Path, served: Callable[[Path], str]
) -> None:
    nas = swift / "nas"
    first = machine(swift, "first", nursery, str(nas))
    url = nas.as_uri() if through == "directory" else served(nas)
    newest = push_and_collect(pushers, versions, url, nursery, swift)
    assert sound.check(nas) == newest
    assert nursery.run(["-C", url, *GC], swift).code == 0
    assert sound.check(nas) == newest
    first.must("pull")
    assert first.check() == newest


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_gc_of_an_object_store_while_others_push(kind: str, new_place: NewPlace, tmp_path: Path, swift: Path) -> None:
    url = new_place(kind, tmp_path / "unused")
    with Nursery(ART_CACHE_DIR=str(tmp_path / "cache")) as nursery:
        first = machine(swift, "first", nursery, url)
        newest = push_and_collect(4, 5, url, nursery, swift)
        for words in (["fsck"], GC, ["fsck"], ["verify", "d0:v4"]):
            ended = nursery.run(["-C", url, *words], swift)
            assert ended.code == 0, ended
        first.must("pull")
        assert first.check() == newest


def push_and_collect(
    pushers: int, versions: int, url: str, nursery: Nursery, swift: Path
) -> dict[str, dict[str, Leaf]]:
    """Let machines push and delete, and gc run meanwhile; what is to be there afterwards."""
    machines = [machine(swift, str(number), nursery, url) for number in range(pushers)]
    children = []
    for number, found in enumerate(machines):
        commands = []
        for version in range(versions):
            trees.plant(found.directory / f"data/{version}", tree_of(number, version))
            commands += [
                ["log-artifact", f"d{number}", f"data/{version}"],
                ["push"],
                ["rm", "--yes", f"d{number}", "--keep-last", "1"],
            ]
        children.append(nursery.start([], found.directory, repeat=[*commands, ["push"]]))
    collector = nursery.start([], swift, repeat=[["-C", url, *GC]] * (3 * versions))
    for child in (*children, collector):
        ended = child.wait()
        assert ended.code == 0, ended
    return {f"d{number}:v{versions - 1}": tree_of(number, versions - 1) for number in range(pushers)}


class Collected:
    """A place with much to collect, as often as it is needed."""

    def __init__(self, directory: Path, nursery: Nursery) -> None:
        self.directory, self.nursery = directory, nursery
        self.nas = directory / "nas"
        self.car = machine(directory, "car", nursery, str(self.nas))
        self.rounds = 0

    def grow(self) -> dict[str, dict[str, Leaf]]:
        """Two more versions, of which one goes; what is to be there afterwards."""
        self.rounds += 1
        for number in (0, 1):
            trees.plant(self.car.directory / "data", tree_of(number, self.rounds))
            self.car.must("log-artifact", "d", "data")
            self.car.must("push")
        self.car.must("rm", "--yes", "d", "--keep-last", "1")
        self.car.must("push")
        return {f"d:v{2 * self.rounds - 1}": tree_of(1, self.rounds)}

    def words(self) -> list[str]:
        return ["-C", self.nas.as_uri(), *GC]


@pytest.mark.parametrize("kills", [4, pytest.param(500, marks=pytest.mark.soak)])
def test_a_gc_that_is_killed(kills: int, nursery: Nursery, swift: Path) -> None:
    place = Collected(swift, nursery)
    place.grow()
    ended = nursery.start(place.words(), swift)
    assert ended.wait().code == 0
    took = 0.3
    chance = random.Random(kills)
    for _ in range(kills):
        held = place.grow()
        child = nursery.run_for(chance.uniform(0, 1.1 * took), place.words(), swift)
        assert child.code == 0 or child.killed, child
        assert sound.check(place.nas) == held
        done = nursery.run(place.words(), swift)
        assert done.code == 0, done
        assert sound.check(place.nas) == held
    files = {path.name for folder in ("packs", "index") for path in (place.nas / folder).rglob("*") if path.is_file()}
    assert len(files) < 8, "what dead ones left is gone"
