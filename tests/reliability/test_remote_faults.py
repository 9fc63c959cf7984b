"""Every single operation of a place, or of the repository beside it, fails once, while machines share versions.

The story is told once without faults; the world is photographed between its chapters. Then each chapter is told again
from its photograph, with the k-th operation failing, before or after its effect, alone or with all later ones. Whatever
fails, both sides are sound at once; the same command then ends it, and nothing is doubled.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import pytest

from artcli.buckets.bucket import Bucket
from artcli.catalog.fold import LIVE, OF_A_PLACE, TRASH
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.flows import alias, rm
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import plan
from artcli.flows.collect.shared import collect_place
from tests.kit import sound
from tests.kit.faulty import FaultyBucket, StaleOnce
from tests.kit.machines import PROJECT, Machine, World, as_it_is
from tests.kit.trees import Program, Tree
from tests.store.material import noise

FIRST: Tree = {"label.txt": b"0 0.5", "img/1.jpg": noise(3000, "1"), "weights": noise(300_000, "w")}
SECOND: Tree = {**FIRST, "img/2.jpg": noise(4000, "2"), "run": Program(b"#!" * 400)}
APART: Tree = {**FIRST, "img/3.jpg": noise(4000, "3")}
CARD = "what the camera saw\n" * 100


class Chapter(NamedTuple):
    machine: str
    before: Callable[[Machine], object]
    """What has been done already, without faults."""
    tell: Callable[[Machine], object]


def _nothing(machine: Machine) -> None:
    """All is done."""


def _log_second(car: Machine) -> None:
    car.log("d", SECOND, description=CARD)
    alias.set_aliases(car.repository, "d:v1", ["best"], PROJECT)


def _remove_first(car: Machine) -> None:
    rm.remove(car.repository, rm.plan_rm(car.repository.catalog, ["d:v0"], rm.Selection(), PROJECT))


def _collect(machine: Machine) -> None:
    collect_place(machine.place, Collection(empty_trash=True, readers=0))


CHAPTERS: Mapping[str, Chapter] = {
    "join": Chapter("car", lambda car: car.log("d", FIRST), lambda car: car.place.fetch()),
    "push": Chapter("car", _nothing, Machine.push),
    "pull": Chapter("laptop", _nothing, Machine.pull),
    "push more": Chapter("car", _log_second, Machine.push),
    "push what was made apart": Chapter("laptop", lambda laptop: laptop.log("d", APART), Machine.push),
    "pull both": Chapter("car", _nothing, Machine.pull),
    "push a deletion": Chapter("car", _remove_first, Machine.push),
    "gc of the place": Chapter("laptop", _nothing, _collect),
    "push after gc": Chapter("car", lambda car: car.log("d", APART), Machine.push),
}

When = Literal["before", "after"]
WAYS: list[tuple[When, bool]] = [("before", False), ("after", False), ("before", True), ("after", True)]
"""When an operation fails, and whether all later ones do."""


class Scene(NamedTuple):
    world: World
    after: Any
    """What is to be seen at its end."""


@pytest.fixture(scope="module", autouse=True)
def _eager_to_join() -> Iterator[None]:
    """gc joins the few packs of this story."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "SMALL_COUNT", 2)
        yield


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, _eager_to_join: None) -> dict[str, Scene]:
    """The story without faults."""
    world = World(tmp_path_factory.mktemp("story") / "world", ["car", "laptop"])
    told = {}
    for name, chapter in CHAPTERS.items():
        with world.open(chapter.machine) as machine:
            chapter.before(machine)
        photograph = world.photograph(world.directory.with_name(name))
        with world.open(chapter.machine) as machine:
            chapter.tell(machine)
        told[name] = Scene(photograph, seen(world))
    return told


def seen(world: World) -> Any:
    """All that users can see on the machines and in the place, after checking that all of it is sound."""
    found = {}
    for name in world.own:
        with world.open(name) as machine:
            found[name] = _seen(machine.repository)
    with world.open_place() as place:
        found["place"] = _seen(place) if place is not None else None
    return found


def _seen(repository: Repository) -> Any:
    held = sound.check_open(repository)
    catalog = repository.catalog
    versions = sorted((one.ref, one.state, one.digest) for one in catalog.versions(states=(LIVE, TRASH)))
    facts = sorted(
        (event.fact.kind, event.fact.id if event.fact.kind == "version" else "", event.applied)
        for event in catalog.events()
        if event.fact.kind not in OF_A_PLACE
    )
    return held, versions, facts


@pytest.mark.parametrize("side", ["own", "shared"])
@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.soak)])
def test_every_operation_fails(name: str, side: str, step: int, scenes: dict[str, Scene], swift: Path) -> None:
    fired = 0
    first = sum(map(ord, name + side))  # each chapter has other operations in the quick form
    for number, way in enumerate(WAYS):
        k = 1 + (first + 3 * number) % min(step, 9)
        while _disturb(name, scenes[name], swift / f"{number}-{k}", side, partial(_faulty, k=k, way=way)):
            k += step
            fired += 1
    assert fired


@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_every_answer_is_an_old_one(name: str, step: int, scenes: dict[str, Scene], swift: Path) -> None:
    """Of the place, once: a listing of some time ago, nothing where there is something, taken where nothing was."""
    k = 1 + sum(map(ord, name)) % 3
    while _disturb(name, scenes[name], swift / str(k), "shared", partial(StaleOnce, k=k)):
        k += step
    assert k > step


def _faulty(bucket: Bucket, k: int, way: tuple[When, bool]) -> FaultyBucket:
    return FaultyBucket(bucket, k, way[0], persistent=way[1])


Disturbed: TypeAlias = "FaultyBucket | StaleOnce"


def _disturb(name: str, scene: Scene, home: Path, side: str, wrap: Callable[[Bucket], Disturbed]) -> bool:
    """Tell a chapter with one bad moment and check what is left; False if the chapter ended before it."""
    world = scene.world.photograph(home)
    chapter, buckets = CHAPTERS[name], []

    def wrapped(bucket: Bucket) -> Bucket:
        buckets.append(wrap(bucket))
        return buckets[-1]

    failure = None
    try:
        with world.open(chapter.machine, **{side: wrapped}) as machine:
            chapter.tell(machine)
    except (OSError, ArtError) as error:
        failure = error
    what = f"{name}, {wrap} of {side}: {failure!r}"
    state = seen(world)
    assert failure or state == scene.after or isinstance(buckets[0], StaleOnce), what
    with world.open(chapter.machine) as machine:
        chapter.tell(machine)
    assert seen(world) == scene.after, what
    shutil.rmtree(home)
    return buckets[0].fired


def test_the_story_counts_no_operation_twice(scenes: dict[str, Scene], swift: Path) -> None:
    """Told without a fault through the bucket that counts, a chapter is the same."""
    world = scenes["push"].world.photograph(swift / "world")
    counted = FaultyBucket(world.shared)
    with world.open("car", as_it_is, lambda _: counted) as car:
        car.push()
    assert 3 < counted.operations < 40
    assert seen(world) == scenes["push"].after
