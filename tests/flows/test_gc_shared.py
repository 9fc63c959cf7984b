"""gc of a place that others share: what is condemned, what is deleted when, and what others see of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.place import Place, open_place
from artcli.content import Buffer, digest_of
from artcli.errors import ConflictError, IntegrityError
from artcli.flows.collect import Request, shared
from artcli.flows.collect.shared import DUST_AGE, collect_place
from artcli.store.index import build_index, index_key
from artcli.store.pack import pack_key
from artcli.store.store import Store
from tests.catalog.kit import add_facts, fact, init, log_files
from tests.flows.workshop import noisy
from tests.kit import sound
from tests.kit.afar import FarBucket
from tests.kit.faulty import FaultyBucket
from tests.kit.machines import Machine, World
from tests.store.material import keep, noise

DAY = 86400.0
NOW = Request(readers=0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ["car", "laptop"])


def pass_time(world: World, seconds: float) -> None:
    """All that is in the place is so much older."""
    objects = world.shared._objects
    objects.update({key: (data, time - seconds) for key, (data, time) in objects.items()})


def delete(machine: Machine, *refs: str, kind: str = "delete") -> None:
    versions = {version.ref: version for version in machine.repository.catalog.versions(states=("live", "trash"))}
    machine.repository.commit(lambda _, make: [make(Draft(kind, {"version": versions[ref].id})) for ref in refs])


def keys(world: World, prefix: str) -> set[str]:
    return {item.key for item in world.shared.list(prefix)}


def check(world: World) -> dict[str, Any]:
    with world.open_place() as place:
        assert place is not None
        return sound.check_open(place)


@pytest.fixture
def purged(world: World) -> World:
    """A place that holds a version that is purged, of which a pack of its own and half of another are dead."""
    with world.open("car") as car:
        car.log("a", noisy(range(5)))
        car.push()
        car.log("b", {**noisy(range(2), 20_000), **noisy("xyz")})
        car.push()
        car.log("c", noisy("xyz"))
        delete(car, "a:v0", "b:v0")
        delete(car, "a:v0", "b:v0", kind="purge")
        car.push()
    return world


def test_nothing_to_do(world: World) -> None:
    with world.open("car") as car:
        car.log("a", noisy(range(3)))
        car.push()
        before = keys(world, "")
        done = collect_place(car.place)
        assert (done.freed, done.condemned, done.packs_deleted, done.packs_rewritten) == (0, 0, 0, 0)
        assert keys(world, "") == before


def test_what_no_version_needs_is_condemned_and_goes_after_the_grace(purged: World) -> None:
    with purged.open("laptop") as laptop:
        packs = keys(purged, "packs/")
        done = collect_place(laptop.place)
        assert done.freed == 0
        assert done.condemned >= 2
        assert done.condemned_size > 50_000
        assert packs < keys(purged, "packs/"), "new ones beside the old ones"
        condemned = {pack_key(pack) for pack in laptop.place.catalog.condemned()}
        assert condemned <= packs
        assert set(check(purged)) == {"c:v0"}

        pass_time(purged, 29 * DAY)
        assert collect_place(laptop.place).packs_deleted == 0
        assert condemned < keys(purged, "packs/")
        pass_time(purged, 2 * DAY)
        planned = collect_place(laptop.place, Request(dry_run=True))
        assert planned.packs_deleted == done.condemned
        assert condemned < keys(purged, "packs/")
        gone = collect_place(laptop.place)
        assert (gone.packs_deleted, gone.freed) == (done.condemned, planned.freed)
        assert gone.freed > 50_000
        assert gone.condemned == 0
        assert condemned.isdisjoint(keys(purged, "packs/"))
        assert keys(purged, "index/") == {index_key(name) for name in laptop.place.catalog.indexes()}
        assert set(check(purged)) == {"c:v0"}
        before = keys(purged, "")
        collect_place(laptop.place)
        assert keys(purged, "") == before


def test_a_short_grace(purged: World) -> None:
    with purged.open("laptop") as laptop:
        done = collect_place(laptop.place, NOW)
        assert done.freed > 50_000
        assert done.condemned == 0
        assert keys(purged, "index/") == {index_key(name) for name in laptop.place.catalog.indexes()}
        assert set(check(purged)) == {"c:v0"}
        pulled = laptop.pull()
        assert pulled.chunks > 0
        assert [version.ref for version in laptop.repository.catalog.versions()] == ["c:v0"]


def test_the_trash_of_the_place_is_emptied_there(world: World) -> None:
    with world.open("car") as car:
        car.log("a", noisy(range(5)))
        delete(car, "a:v0")
        car.push()
    with world.open("laptop") as laptop:
        kept = collect_place(laptop.place)
        assert ([version.ref for version in kept.trash], kept.purged) == (["a:v0"], [])
        done = collect_place(laptop.place, Request(empty_trash=True, readers=0))
        assert [version.ref for version in done.purged] == ["a:v0"]
        assert keys(world, "packs/") == set()
    with world.open("car") as car:
        car.pull()
        assert car.repository.catalog.trash() == []


def test_a_dry_run_changes_nothing(purged: World) -> None:
    with purged.open("laptop") as laptop:
        before = keys(purged, "")
        planned = collect_place(laptop.place, Request(dry_run=True))
        assert keys(purged, "") == before
        done = collect_place(laptop.place)
        assert planned.condemned == done.condemned > 0


# --- dust -------------------------------------------------------------------------------------------------------------


def left_by_a_dead_push(world: World) -> tuple[str, str]:
    """A pack and an index that nobody has named; their keys."""
    with Store(world.shared, []).writer() as writer:
        keep(writer, noise(5000, "dust"))
        flushed = writer.flush()
    return pack_key(bytes.fromhex(flushed.packs[0])), index_key(flushed.add[0])


def test_what_a_dead_push_has_left_is_condemned_before_it_goes(world: World) -> None:
    with world.open("car") as car:
        car.log("a", noisy(range(3)))
        car.push()
        dust = left_by_a_dead_push(world)
        pass_time(world, DUST_AGE - 100)
        car.log("b", noisy(range(4)))
        car.push()
        assert collect_place(car.place).condemned == 0, "it may be a push that takes long"
        pass_time(world, 200)
        car.log("b", noisy(range(5)))
        car.push()
        assert collect_place(car.place).condemned == 1
        assert set(dust) < keys(world, "")
        pass_time(world, 31 * DAY)
        car.log("b", noisy(range(6)))
        car.push()
        done = collect_place(car.place)
        assert done.packs_deleted == 1
        assert not set(dust) & keys(world, "")
        assert set(check(world)) == {"a:v0", "b:v0", "b:v1", "b:v2"}


def test_where_nothing_comes_for_long_the_clock_of_the_place_is_asked(world: World) -> None:
    with world.open("car") as car:
        car.log("a", noisy(range(3)))
        car.push()
        dust = left_by_a_dead_push(world)
        pass_time(world, 8 * DAY)
        assert collect_place(car.place).condemned == 1
        pass_time(world, 31 * DAY)
        entries = keys(world, "log/")
        assert collect_place(car.place).packs_deleted == 1
        assert len(keys(world, "log/") - entries) == 1
        assert not set(dust) & keys(world, "")
        entries = keys(world, "log/")
        pass_time(world, 31 * DAY)
        collect_place(car.place)
        assert keys(world, "log/") == entries, "nothing waits any more"


def test_a_wrong_clock_here_deletes_nothing(purged: World) -> None:
    with purged.open("laptop") as laptop:
        before = collect_place(laptop.place, Request(now=0.0)).condemned
        assert collect_place(laptop.place, Request(now=5e9)).condemned == before > 0


# --- others meanwhile -------------------------------------------------------------------------------------------------


class Meddling:
    """Does something just before gc commits, the first `times` times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], times: int = 1) -> None:
        self.rounds = 0
        original = Place.commit

        def commit(place: Place, plan: Callable[[], Sequence[Fact]]) -> list[Fact]:
            self.rounds += 1
            if self.rounds <= times:
                monkeypatch.setattr(Place, "commit", original)
                action()
                monkeypatch.setattr(Place, "commit", commit)
            return original(place, plan)

        monkeypatch.setattr(Place, "commit", commit)


def test_a_push_that_comes_first_keeps_what_it_needs(purged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What gc was to condemn is needed again: the push saw it in a live index and brought only the facts."""
    with purged.open("laptop") as laptop, purged.open("car") as car:
        laptop.log("again", noisy(range(5)))
        meddling = Meddling(monkeypatch, lambda: (car.pull(), laptop.push()))
        done = collect_place(car.place, NOW)
        assert meddling.rounds == 2, "it began again"
        assert done.freed > 0
        assert check(purged).keys() == {"c:v0", "again:v0"}


def test_a_push_that_needs_nothing_of_it_does_not_disturb(purged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with purged.open("laptop") as laptop, purged.open("car") as car:
        laptop.pull()
        laptop.log("other", {**noisy("xyz"), **noisy(range(100, 105))})
        meddling = Meddling(monkeypatch, laptop.push)
        assert collect_place(car.place, NOW).freed > 50_000
        assert meddling.rounds == 1
        assert check(purged).keys() == {"c:v0", "other:v0"}


def test_a_push_brings_what_gc_has_taken_while_it_compared(purged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is new and was brought already; a chunk below it was there, and is no more."""
    with purged.open("laptop") as laptop, purged.open("car") as car:
        tree = {**noisy(range(5)), **noisy("new")}
        laptop.log("again", tree)
        Meddling(monkeypatch, lambda: collect_place(car.place, Request(readers=DAY)))  # what was brought is too young
        laptop.push()
        assert check(purged)["again:v0"] == tree


def test_a_version_that_is_restored_meanwhile_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.open("car") as car:
        car.log("a", noisy(range(5)))
        delete(car, "a:v0")
        car.push()

        def restore() -> None:
            delete(car, "a:v0", kind="restore")
            car.push()

        with world.open("laptop") as laptop:
            Meddling(monkeypatch, restore)
            done = collect_place(laptop.place, Request(empty_trash=True, readers=0))
            assert (done.purged, done.freed) == ([], 0)
            assert check(world).keys() == {"a:v0"}


def test_two_gc_at_once(purged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with purged.open("laptop") as laptop, purged.open("car") as car:
        Meddling(monkeypatch, lambda: collect_place(laptop.place, NOW))
        collect_place(car.place, NOW)
        assert check(purged).keys() == {"c:v0"}
        assert keys(purged, "index/") == {index_key(name) for name in car.place.catalog.indexes()}


def test_a_reader_that_meets_a_deleted_pack_looks_again(purged: World) -> None:
    with purged.open("laptop") as laptop, purged.open("car") as car:
        car.place.fetch()
        store = car.place.store
        (version,) = [version for version in car.repository.catalog.versions() if version.name == "c"]
        digests = [row.digest for index in store.indexes for row in index.rows()]
        collect_place(laptop.place, NOW)
        assert car.place.store is store, "it knows nothing of that yet"
        assert store.get(version.root.page)
        with pytest.raises(IntegrityError) as raised:
            list(store.read(digests, workers=1))
        assert raised.value.slug == "missing-chunk", "what is dead is gone"


def test_the_name_of_an_index_that_was_live_is_not_used_again(world: World) -> None:
    """Its file may be deleted at any moment by another gc that saw it leave."""
    with world.open("car") as car:
        car.log("a", noisy(range(3)))
        car.push()
        car.log("b", noisy(range(10, 13)))
        car.push()
        first, second = car.place.catalog.indexes()
        merged = build_index(row for index in car.place.store.indexes for row in index.rows())
        world.shared.add(index_key(merged.name), b"".join(merged.buffers))
        car.place.commit(lambda: [fact("index", {"add": [merged.name], "remove": [first, second]})])
        delete(car, "b:v0")
        delete(car, "b:v0", kind="purge")
        car.push()
        collect_place(car.place)
        assert car.place.catalog.former_indexes().keys() >= {first, second, merged.name}
        assert not {first, second} & set(car.place.catalog.indexes())
        assert check(world).keys() == {"a:v0"}


def test_chunks_in_a_condemned_pack_that_is_named_all_the_same_are_saved(world: World) -> None:
    """By a commit of somebody who did not look."""
    with world.open("car") as car:
        car.log("a", noisy(range(3)))
        car.push()
        packs = [pack.hex() for packs in car.place.store.listed.values() for pack in packs]
        car.place.commit(lambda: [fact("condemn", {"packs": packs})])
        done = collect_place(car.place, NOW)
        assert done.packs_deleted == len(packs)
        assert not {pack_key(bytes.fromhex(pack)) for pack in packs} & keys(world, "packs/")
        assert check(world).keys() == {"a:v0"}


def test_whoever_takes_chunks_out_of_the_indexes_condemns_a_pack(world: World) -> None:
    """Else a push that counted on such a chunk would not look again: its pack is not worth writing anew."""
    with world.open("car") as car:
        car.log("a", {**noisy(range(10), 3000), "dead": noise(1000, "dead")})
        car.push()
        car.log("a", noisy(range(10), 3000))
        delete(car, "a:v0")
        delete(car, "a:v0", kind="purge")
        car.push()
        done = collect_place(car.place)
        assert done.condemned >= 1
        assert check(world).keys() == {"a:v1"}
        assert car.place.store.find(digest_of(noise(1000, "dead"))) is None


def test_many_indexes_are_merged_beforehand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_INDEXES", 3)
    monkeypatch.setattr(shared, "MOST_LIVE", 3)
    with world.open("car") as car:
        car.log("a", noisy(range(5)))
        car.push()
        for number in range(9):
            with Store(world.shared, []).writer() as writer:
                keep(writer, noise(2000, f"dead {number}"))
                added = fact("index", {"add": writer.flush().add, "remove": []})
            car.place.commit(lambda added=added: [added])  # type: ignore[misc]
        done = collect_place(car.place, NOW)
        assert done.packs_deleted >= 9
        assert check(world).keys() == {"a:v0"}
        removed = [event.fact.data["remove"] for event in car.place.catalog.events() if event.fact.kind == "index"]
        assert max(map(len, removed)) == 3


def test_more_than_one_entry_condemns(purged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_CONDEMNED", 1)
    with purged.open("laptop") as laptop:
        collect_place(laptop.place, NOW)
        assert all(
            len(event.fact.data["packs"]) <= 1
            for event in laptop.place.catalog.events()
            if event.fact.kind == "condemn"
        )
        assert len(laptop.place.catalog.condemned()) >= 2
        assert check(purged).keys() == {"c:v0"}


# --- where it must not go on ------------------------------------------------------------------------------------------


def test_damage_is_refused(purged: World) -> None:
    with purged.open("laptop") as laptop:
        laptop.place.fetch()
        (index,) = laptop.place.catalog.indexes()[:1]
        data = purged.shared.get(index_key(index))
        purged.shared.delete(index_key(index))
        purged.shared.add(index_key(index), data[:-1] + bytes([data[-1] ^ 1]))
        before = keys(purged, "")
        with pytest.raises(IntegrityError) as raised:
            collect_place(laptop.place, NOW)
        assert raised.value.slug == "gc-refuses-damage"
        assert keys(purged, "") == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_whatever_fails_the_place_stays_whole(
    purged: World, when: Any, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copies = tmp_path_factory.mktemp("copies")
    k = 1 + len(when) % step - step  # other operations before and after
    while True:
        k += step
        copy = purged.photograph(copies / str(k))
        faulty: list[FaultyBucket] = []

        def wrap(bucket: Bucket, k: int = k, faulty: list[FaultyBucket] = faulty) -> Bucket:
            faulty.append(FaultyBucket(bucket, k, when))
            return faulty[-1]

        try:
            with copy.open("laptop", shared=wrap) as laptop:
                collect_place(laptop.place, NOW)
        except OSError:
            pass
        assert check(copy).keys() == {"c:v0"}
        if not faulty[-1].fired:
            break
        with copy.open("laptop") as laptop:
            collect_place(laptop.place, NOW)
        assert check(copy).keys() == {"c:v0"}
    assert k > 20


def test_a_place_far_away_is_collected_in_few_rounds(tmp_path: Path) -> None:
    world = World(tmp_path, ["car"])
    with world.open("car") as car:
        for number in range(40):
            car.log(f"d{number}", noisy(range(number, number + 3)))
        car.push()
        delete(car, *(f"d{number}:v0" for number in range(30)))
        delete(car, *(f"d{number}:v0" for number in range(30)), kind="purge")
        car.push()
    far = FarBucket(world.shared)
    with world.open("car", shared=lambda _: far) as car:
        car.place.fetch()
        far.forget()
        done = collect_place(car.place, NOW)
        assert done.freed > 0
        assert len(check(world)) == 10
        assert far.rounds < 60


def test_the_bucket_of_a_test_counts(world: World) -> None:
    far = FarBucket(MemoryBucket())
    data: Buffer = b"12345"
    assert far.add("a", data)
    assert (far.get("a", 1, 2), far.up, far.down, far.rounds) == (b"23", 5, 2, 2)


def test_who_writes_in_the_place_itself_is_told(tmp_path: Path) -> None:
    """No lock keeps away a gc that comes from elsewhere."""
    nas, car = init(tmp_path / "nas"), init(tmp_path / "car")
    place = open_place(car.path, DiskBucket(nas.path))
    try:
        version = log_files(nas, "a", {"a": noise(1000)})

        def tag(name: str) -> None:
            add_facts(nas, Draft("tag", {"version": version.id, "tag": name}))

        with nas.writing():
            collect_place(place, NOW)
            tag("first")  # nothing was condemned
        with nas.writing(), nas.store.writer() as writer:
            keep(writer, noise(5000, "new"))
            writer.flush()
            assert collect_place(place, NOW).packs_deleted == 1, "nobody had named it"
            with pytest.raises(ConflictError) as raised:
                tag("second")
            assert raised.value.slug == "condemned-meanwhile"
        tag("third")
        assert nas.catalog.tags_of(version) == ["first", "third"]
    finally:
        place.close()
        car.close()
        nas.close()
