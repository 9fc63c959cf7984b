"""What is kept here of other places, beside the mirrors of their logs: what gc and `remote rm` drop of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket
from artcli.catalog.fold import LIVE, PURGED
from artcli.catalog.mirror import folder_of
from artcli.catalog.remotes import Remote, Remotes
from artcli.content import Digest
from artcli.flows import remotes
from artcli.flows.collect import Request, collect
from artcli.progress import Silent
from artcli.store.pack import pack_key
from tests.flows.test_gc_shared import delete
from tests.kit.afar import FarBucket
from tests.kit.machines import Machine, World
from tests.store.material import noise


class Telling(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A place of which the laptop keeps the pages of one version that is there, and of one that was purged."""
    world = World(tmp_path, ["car", "laptop"])
    with world.open("car") as car, world.open("laptop") as laptop:
        for name in "ab":
            car.log(name, {f"{number:04d}": noise(200, f"{name}{number}") for number in range(100)})
        car.push()
        laptop.fetch()
        delete(car, "a:v0")
        delete(car, "a:v0", kind="purge")
        car.push()
        laptop.fetch()
    return world


def page(machine: Machine, name: str) -> Digest:
    """The root page of the only version of this name."""
    (found,) = [one for one in machine.repository.catalog.versions(states=(LIVE, PURGED)) if one.name == name]
    return found.root.page


def test_pages_that_no_version_of_the_place_needs_go(world: World) -> None:
    line: list[FarBucket] = []

    def far(bucket: Bucket) -> FarBucket:
        line.append(FarBucket(bucket))
        return line[-1]

    with world.open("laptop", shared=far) as laptop:
        assert page(laptop, "a") in laptop.place.kept.store()
        line[-1].forget()
        planned = collect(laptop.repository, Request(dry_run=True))
        assert page(laptop, "a") in laptop.place.kept.store()
        done = collect(laptop.repository)
        assert line[-1].asked == [], "the place may be out of reach"
        assert 15_000 < done.kept_size <= done.freed
        assert abs(planned.kept_size - done.kept_size) < 1000
        store = laptop.place.kept.store()
        assert page(laptop, "a") not in store
        assert store.get(page(laptop, "b"))
        assert collect(laptop.repository).kept_size == 0
        line[-1].forget()
        laptop.fetch()
        assert len(line[-1].asked) == 1, "nothing of it is fetched again"


def test_what_a_dead_fetch_has_left_goes(world: World) -> None:
    with world.open("laptop") as laptop:
        collect(laptop.repository)
        dust = pack_key(bytes(32))
        assert laptop.place.mirror.bucket.add(dust, noise(5000, "dust"))
        assert collect(laptop.repository).kept_size == 5000
        assert not any(item.key == dust for item in laptop.place.mirror.bucket.list("packs/"))


def test_damage_is_told_and_nothing_goes(world: World) -> None:
    with world.open("laptop") as laptop:
        bucket = laptop.place.mirror.bucket
        before = [item.key for item in bucket.list("packs/")]
        for key in before:
            bucket.delete(key)
            assert bucket.add(key, b"garbage")
        told = Telling()
        assert collect(laptop.repository, progress=told).kept_size == 0
        assert any("stays as it is" in text for text in told.warnings)
        assert [item.key for item in bucket.list("packs/")] == before


def test_of_a_remote_that_is_forgotten_nothing_stays(world: World) -> None:
    with world.open("laptop") as laptop:
        place, art = laptop.place.log.place, laptop.art
        known = Remotes(art)
        known.add(Remote("twin", "elsewhere", place))
        known.add(Remote("other", "elsewhere", "ab" * 16))
        remotes.remove(laptop.repository, "twin")
        assert folder_of(art, place).is_dir(), "another name leads there"
        Remotes(art).promote("other")
        remotes.remove(laptop.repository, "nas")
        assert list(art.rglob(f"*{place}*")) == []
        remotes.remove(laptop.repository, "other")
        assert Remotes(art).authority is None, "nothing ever came from there"
