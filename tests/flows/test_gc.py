"""gc frees what no version needs, that and nothing else, however it is interrupted."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog import facts, repository
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.manifest import chunk_list, entries
from artcli.catalog.repository import Repository
from artcli.content import Buffer
from artcli.errors import IntegrityError, LockedError, SpaceError
from artcli.flows import collect as gc
from artcli.flows.collect import Collected, Request, collect, common, plan
from artcli.flows.collect.plan import SMALL_COUNT
from artcli.progress import Silent
from artcli.store.pack import pack_key
from tests.flows.workshop import Snapshot, Workshop, add_facts, noisy, put
from tests.kit.faulty import FaultyBucket
from tests.store.material import noise

DAY = 86400.0
OLD = time.time() + 31 * DAY


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(tmp_path)
    yield shop
    shop.repository.close()


def refs(versions: Sequence[Version]) -> list[str]:
    return [version.ref for version in versions]


def later(shop: Workshop, **more: object) -> Collected:
    """gc in a month."""
    return collect(shop.repository, Request(now=OLD, **more))  # type: ignore[arg-type]


def rows(shop: Workshop) -> set[bytes]:
    return {row.digest for index in shop.repository.store.indexes for row in index.rows()}


def needed(shop: Workshop) -> set[bytes]:
    """Digests of all pages and chunks of what is live or in the trash."""
    store = shop.repository.store
    found: set[bytes] = set()

    class Pages:
        def get(self, digest: bytes) -> bytes:
            found.add(digest)
            return store.get(digest)

    for version in shop.repository.catalog.versions(states=("live", "trash")):
        for entry in entries(Pages(), version.root):
            found.update(digest for digest, _ in chunk_list(Pages(), entry))
    return found


def test_nothing_to_do(shop: Workshop) -> None:
    version = shop.log("a", noisy(range(3)))
    later(shop)
    before, entries_before = shop.files(), shop.repository.follower.head
    done = later(shop)
    assert (done.freed, done.packs_deleted, done.packs_rewritten, done.dust_files) == (0, 0, 0, 0)
    assert done.stored == shop.size
    assert shop.files() == before
    assert shop.repository.follower.head == entries_before
    assert len(shop.content(version)) == 3


def test_an_empty_repository(shop: Workshop) -> None:
    assert later(shop).freed == 0


def test_dust_is_swept(shop: Workshop) -> None:
    version = shop.log("a", noisy(range(3)))
    later(shop)
    files = shop.files()
    with shop.repository.store.writer() as writer:
        writer.put(b"a page that no manifest has")
        writer.flush()
    (shop.art / "packs/00" / ("0" * 64)).write_bytes(b"dust")
    (shop.art / "packs/notes.txt").write_bytes(b"mine")
    killed = shop.art / "tmp" / "killed"
    killed.write_bytes(bytes(1000))
    os.utime(killed, (0, 0))
    dry = later(shop, dry_run=True)
    done = later(shop)
    assert dry.dust_files == done.dust_files == 4
    assert dry.dust_size == done.dust_size == dry.freed == done.freed
    assert shop.files() == {**files, "packs/notes.txt": 4}
    assert not killed.exists()
    assert len(shop.content(version)) == 3


def test_the_trash_is_kept_for_its_time(shop: Workshop) -> None:
    shop.log("a", noisy(range(3), 3000))
    second = shop.log("a", noisy(range(2, 6), 3000))
    shop.remove("a:v0")
    collect(shop.repository)
    done = collect(shop.repository)
    assert (done.freed, refs(done.trash), done.purged) == (0, ["a:v0"], [])
    assert 2 * 3000 <= done.trash_size < 2 * 3000 + 500  # 2.bin is in both
    shop.restore("a:v0")
    assert len(shop.content(shop.repository.catalog.versions().__next__())) == 3
    shop.remove("a:v0")
    dry = later(shop, dry_run=True)
    assert refs(dry.purged) == ["a:v0"]
    before = shop.size
    done = later(shop)
    assert (refs(done.purged), done.trash, done.trash_size) == (["a:v0"], [], 0)
    assert done.freed == before - shop.size >= 6000
    assert abs(dry.freed - done.freed) < 600
    shop.restore("a:v0")  # whatever is said later
    assert refs(list(shop.repository.catalog.versions())) == ["a:v1"]
    assert shop.content(second) == noisy(range(2, 6), 3000)
    assert later(shop).freed == 0


def test_a_shorter_grace(shop: Workshop) -> None:
    shop.log("a", noisy(range(2)))
    shop.remove("a:v0")
    assert refs(collect(shop.repository, Request(grace=DAY)).trash) == ["a:v0"]
    assert refs(collect(shop.repository, Request(grace=0)).purged) == ["a:v0"]
    assert shop.files() == {}


def test_empty_trash(shop: Workshop) -> None:
    for n in range(3):
        shop.log("a", noisy([n]))
    shop.remove("a:v0", "a:v1")
    assert refs(collect(shop.repository, Request(empty_trash=True)).purged) == ["a:v0", "a:v1"]
    assert collect(shop.repository).trash == []


def test_a_version_with_an_alias_never_leaves_the_trash(shop: Workshop) -> None:
    version = shop.log("a", noisy(range(2)))
    shop.remove("a:v0")
    catalog = shop.repository.catalog
    assert refs(gc.roots.due(catalog, None)) == ["a:v0"]
    values = (version.artifact, "best", version.id, version.time)
    catalog.database.execute("INSERT INTO aliases (artifact, alias, version, time) VALUES (?, ?, ?, ?)", values)
    assert gc.roots.due(catalog, None) == []


def test_versions_beyond_keep_last_go_to_the_trash(shop: Workshop) -> None:
    for n in range(4):
        shop.log("a", noisy([n]), aliases=["first"] if n == 0 else [])
    fact = Draft("edit", {"project": "uncategorized", "name": "a", "field": "keep_last", "from": None, "to": 2})
    shop.repository.commit(lambda _, make: [make(fact)])
    dry = collect(shop.repository, Request(dry_run=True))
    done = collect(shop.repository)
    assert refs(dry.deleted) == refs(done.deleted) == refs(dry.trash) == refs(done.trash) == ["a:v1"]
    assert dry.trash_size == done.trash_size > 2000
    assert refs(list(shop.repository.catalog.versions())) == ["a:v0", "a:v2", "a:v3"]
    assert refs(later(shop).purged) == ["a:v1"]


def test_half_dead_packs_are_written_anew(shop: Workshop) -> None:
    """Afterwards the indexes list what is needed, that and nothing else."""
    first = shop.log("a", noisy(range(20)) | {"big.bin": noise(3_000_000, "big")})
    second = shop.log("b", noisy(range(10, 30)))
    shop.log("c", noisy(range(30, 35)))
    shop.remove("a:v0")
    done = later(shop)
    assert done.packs_rewritten >= 1
    assert rows(shop) == needed(shop)
    assert shop.content(second) == noisy(range(10, 30))
    assert shop.size < 40 * 2100
    assert done.stored == shop.size
    # the same directory again: nothing that went is taken for stored
    assert shop.content(shop.log("a", noisy(range(20)) | {"big.bin": noise(3_000_000, "big")})) == {
        **noisy(range(20)),
        "big.bin": noise(3_000_000, "big"),
    }
    assert first.number == 0


def test_little_dead_is_left_in_its_pack(shop: Workshop) -> None:
    shop.log("a", noisy(range(20)))
    shop.log("a", noisy(range(19)))
    before = {path for path in shop.files() if path.startswith("packs/")}
    shop.remove("a:v0")
    done = later(shop)
    data_packs = {path for path, size in shop.files().items() if path.startswith("packs/") and size > 30_000}
    assert data_packs
    assert data_packs < before
    assert done.packs_rewritten == 0
    assert rows(shop) == needed(shop)  # but no index lists it
    assert later(shop).freed == 0


def packs(shop: Workshop) -> dict[str, int]:
    return {path: size for path, size in shop.files().items() if path.startswith("packs/")}


def kinds(shop: Workshop) -> Counter[int]:
    """How many packs of data (0) and of metadata (1) the indexes list."""
    return Counter({row.pack: row.kind for index in shop.repository.store.indexes for row in index.rows()}.values())


def test_small_packs_are_joined(shop: Workshop) -> None:
    """Eight of a kind; what is in them is what it was, and the next gc has nothing to do."""
    versions = [shop.log("a", noisy([n])) for n in range(SMALL_COUNT - 1)]
    before = packs(shop)
    assert (collect(shop.repository).packs_rewritten, packs(shop)) == (0, before)
    versions.append(shop.log("b", {"tiny": b"in its page"}))  # metadata alone
    dry = collect(shop.repository, Request(dry_run=True))
    assert packs(shop).keys() > before.keys()
    done = collect(shop.repository)
    assert dry.packs_rewritten == done.packs_rewritten == SMALL_COUNT
    assert (dry.packs_deleted, done.packs_deleted, done.wanted) == (0, 0, 0)
    assert kinds(shop) == {0: SMALL_COUNT - 1, 1: 1}
    versions.append(shop.log("a", noisy([99])))
    assert collect(shop.repository).packs_rewritten == SMALL_COUNT
    assert kinds(shop) == {0: 1, 1: 2}
    assert [shop.content(version) for version in versions[:-2]] == [noisy([n]) for n in range(SMALL_COUNT - 1)]
    assert [shop.content(version) for version in versions[-2:]] == [{"tiny": b"in its page"}, noisy([99])]
    assert rows(shop) == needed(shop)
    before, head = shop.files(), shop.repository.follower.head
    done = collect(shop.repository)
    assert (done.freed, done.packs_rewritten, shop.files()) == (0, 0, before)
    assert shop.repository.follower.head == head


def test_large_packs_are_left_alone(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SMALL_SIZE", 4000)
    for n in range(SMALL_COUNT):
        shop.log("a", noisy([n], 5000))
    before = packs(shop)
    assert collect(shop.repository).packs_rewritten == SMALL_COUNT  # the pages
    assert {path for path, size in before.items() if size > 5000} < packs(shop).keys()


def test_packs_that_lose_their_dead_count_as_one_small_pack(shop: Workshop) -> None:
    """Else the next gc would find eight of them."""
    for n in range(SMALL_COUNT - 1):
        shop.log("a", noisy([n]))
    shop.log("b", noisy(range(100, 110)))
    shop.log("c", noisy(range(105, 107)))
    shop.remove("b:v0")
    done = later(shop)
    assert done.packs_rewritten == 2 * SMALL_COUNT
    assert kinds(shop) == {0: 1, 1: 1}
    assert later(shop).packs_rewritten == 0


def test_as_many_are_joined_as_there_is_room_for(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [2000] * SMALL_COUNT + [50_000] * 3
    for n, size in enumerate(sizes):
        shop.log("a", noisy([n], size))
    monkeypatch.setattr(gc, "room", lambda bucket, found: 30_000.0)
    done = collect(shop.repository)
    assert (done.packs_rewritten, done.wanted) == (len(sizes) + SMALL_COUNT, 0)
    assert kinds(shop) == {0: 4, 1: 1}
    monkeypatch.setattr(gc, "room", lambda bucket, found: 0.0)
    for n in range(20, 20 + SMALL_COUNT):
        shop.log("a", noisy([n]))
    before = packs(shop)
    done = collect(shop.repository)
    assert (done.packs_rewritten, done.wanted, packs(shop)) == (0, 0, before)


def test_a_damaged_small_pack_stays_where_it_is(shop: Workshop) -> None:
    versions = [shop.log("a", noisy([n])) for n in range(SMALL_COUNT)]
    row = next(row for index in shop.repository.store.indexes for row in index.rows() if row.length == 2000)
    path = shop.art / pack_key(row.pack)
    data = bytearray(path.read_bytes())
    data[row.offset] ^= 1
    put(path, bytes(data))
    shop.reopen()
    assert collect(shop.repository).packs_rewritten == 2 * SMALL_COUNT - 1
    assert path.exists()
    assert sum(_is_whole(shop, version) for version in versions) == SMALL_COUNT - 1


def _is_whole(shop: Workshop, version: Version) -> bool:
    try:
        return len(shop.content(version)) == 1
    except IntegrityError:
        return False


def test_a_chunk_in_two_packs_stays_in_both(tmp_path: Path) -> None:
    """Two writers may store a chunk at once; who knows which copy will rot."""
    shop, other = Workshop(tmp_path), Repository(tmp_path / ".art")
    with other.writing(), other.store.writer() as writer:
        from tests.store.material import keep

        keep(writer, noise(2000, "0"))
        flushed = writer.flush()
        version = shop.log("a", noisy(range(5)))
        other.commit(lambda _, make: [make(Draft("index", {"add": flushed.add, "remove": flushed.remove}))])
    shop.repository.refresh()
    later(shop)
    before = shop.files()
    assert len(before) == 5
    assert later(shop).freed == 0
    assert shop.files() == before
    assert shop.content(version) == noisy(range(5))


def test_damage_stops_it(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    shop.log("b", noisy(range(5, 10)))
    shop.remove("b:v0")
    before = set(shop.files())
    page = shop.repository.store.find(next(shop.repository.catalog.versions()).root.page)
    assert page is not None
    hidden = shop.art / pack_key(page.pack)
    content = hidden.read_bytes()
    hidden.unlink()
    with pytest.raises(IntegrityError) as refused:
        later(shop)
    assert (refused.value.slug, refused.value.hint) == ("gc-refuses-damage", "art fsck")
    assert set(shop.files()) == before - {pack_key(page.pack)}
    put(hidden, content)
    for path in (shop.art / "index").iterdir():
        put(path, path.read_bytes()[:-1])
    shop.reopen()
    (shop.art / "packs/00" / ("0" * 64)).write_bytes(b"dust, or is it")
    with pytest.raises(IntegrityError) as refused:
        later(shop)
    assert refused.value.slug == "gc-refuses-damage"
    assert set(shop.files()) == before | {"packs/00/" + "0" * 64}


def test_a_missing_pack_of_data_stops_it(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    location = next(row for row in shop.repository.store.indexes[0].rows() if row.kind == 0)
    (shop.art / pack_key(location.pack)).unlink()
    with pytest.raises(IntegrityError) as refused:
        later(shop)
    assert refused.value.facts == (f"pack {location.pack.hex()} is not there",)


def test_a_pack_with_damage_is_not_written_anew(shop: Workshop) -> None:
    shop.log("a", noisy(range(20)))
    kept = shop.log("b", noisy(range(5)))
    shop.remove("a:v0")
    found = shop.repository.store.find(next(entries(shop.repository.store, kept.root)).digest)
    assert found is not None
    path = shop.art / pack_key(found.pack)
    damaged = bytearray(path.read_bytes())
    damaged[found.offset] ^= 1
    put(path, damaged)
    shop.reopen()
    later(shop)
    assert path.read_bytes() == damaged
    shop.reopen()
    for entry in entries(shop.repository.store, kept.root):
        if entry.path != b"0.bin":
            assert shop.repository.store.get(entry.digest) == noise(2000, entry.path.decode()[:-4])


@pytest.mark.parametrize("clock", [0.0, 4e9 + 2e9])
def test_a_wrong_clock_expires_nothing(shop: Workshop, clock: float) -> None:
    shop.log("a", noisy(range(2)))
    shop.remove("a:v0")
    assert refs(collect(shop.repository, Request(now=clock)).trash) == ["a:v0"]


@pytest.mark.parametrize("wrong", [0.0, 86400.0 * 365 * 100])
def test_a_deletion_by_a_wrong_clock(shop: Workshop, wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as old as what came after it."""
    shop.log("a", noisy(range(2)))
    with monkeypatch.context() as patch:
        patch.setattr(facts.time, "time", lambda: wrong)
        shop.remove("a:v0")
    assert refs(later(shop).trash) == ["a:v0"]
    shop.log("b", noisy([7]))
    assert refs(collect(shop.repository).trash) == ["a:v0"]
    assert refs(later(shop).purged) == ["a:v0"]


def test_more_versions_than_an_entry_takes(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "MOST_FACTS", 2)
    for n in range(6):
        shop.log("a", noisy([n]))
    shop.remove(*(f"a:v{n}" for n in range(5)))
    assert len(later(shop, dry_run=True).purged) == 5
    assert len(later(shop).purged) == 5
    assert rows(shop) == needed(shop)


def test_a_version_restored_meanwhile_stays(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    version = shop.log("a", noisy(range(5)))
    shop.log("b", noisy(range(4, 10)))
    shop.remove("a:v0")
    original, times = gc.write_anew, []

    def meddle(*arguments: object) -> object:
        if not times:
            other = Repository(shop.art)
            add_facts(other, "restore", ["a:v0"])
            other.close()
        times.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gc, "write_anew", meddle)
    done = later(shop)
    assert done.purged == []
    assert shop.content(version) == noisy(range(5))
    assert rows(shop) == needed(shop)
    assert shop.size == done.stored
    assert later(shop).dust_files == 0


def test_writers_keep_it_away(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "LOCK_WAIT", 0.1)
    other = Repository(shop.art)
    with other.writing(), pytest.raises(LockedError):
        collect(shop.repository)
    other.close()


def test_it_trusts_no_cache(shop: Workshop) -> None:
    """A cache in which a version has got lost must not cost its bytes."""
    version = shop.log("a", noisy(range(5)))
    shop.repository.follower.database.execute("DELETE FROM versions")
    collect(shop.repository)
    assert shop.content(version) == noisy(range(5))


# --- interrupted -----------------------------------------------------------------------------------------------------


def scene(directory: Path) -> tuple[Workshop, dict[str, Version]]:
    """Packs to delete, to rewrite and to leave; dust; a version whose time has come."""
    directory.mkdir()
    shop = Workshop(directory)
    kept = {
        "b": shop.log("b", noisy(range(5, 9))),
        "c": shop.log("c", noisy(range(20, 40))),
    }
    shop.log("a", noisy(range(8, 25)))
    kept["d"] = shop.log("d", noisy(range(9, 12)))
    shop.log("c", noisy(range(21, 42)))
    shop.remove("a:v0", "c:v1")
    (shop.art / "packs/00" / ("0" * 64)).write_bytes(b"dust")
    return shop, kept


WAYS: list[Literal["before", "after"]] = ["before", "after"]


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("when", WAYS)
def test_stopped_at_any_moment_it_leaves_a_sound_repository(
    tmp_path: Path, when: Literal["before", "after"], step: int
) -> None:
    """In the quick form every fifth operation, other ones before and after."""
    shop, _ = scene(tmp_path / "x")
    kept = list(shop.repository.catalog.versions())
    snapshot = Snapshot(shop.art)
    k, fired = WAYS.index(when) - step + 1, True
    final = set()
    while fired:
        k += step
        snapshot.restore()
        shop.reopen()
        faulty = FaultyBucket(DiskBucket(shop.art), k, when)
        shop.repository.bucket = shop.repository.log.bucket = faulty
        told = slug_of(lambda: later(shop))
        fired = faulty.fired
        assert told in ("", "io-error", "gc-refuses-damage")
        shop.reopen()
        assert all(len(shop.content(version)) == version.entries for version in kept)
        later(shop)
        assert rows(shop) == needed(shop)
        assert all(len(shop.content(version)) == version.entries for version in kept)
        final.add((len(shop.files()), round(shop.size, -3)))
    shop.repository.close()
    assert k > 50
    assert len(final) <= 2  # what was moved twice lies a little differently


def slug_of(action: Callable[[], object]) -> str:
    """What goes wrong in `action`."""
    try:
        action()
    except OSError as error:
        return "io-error" if error.errno == errno.EIO else repr(error)
    except IntegrityError as error:
        return error.slug
    return ""


class FullDisk:
    """From now on the disk takes `room` bytes more; what is deleted gives room again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: float) -> None:
        self.room = room
        self.refused = 0
        add, delete = DiskBucket.add, DiskBucket.delete

        def add_here(bucket: DiskBucket, key: str, data: Buffer | Sequence[Buffer]) -> bool:
            buffers = [data] if isinstance(data, (bytes, bytearray, memoryview)) else data
            size = sum(len(buffer) for buffer in buffers)
            if size > self.room:
                self.refused += 1
                raise SpaceError("disk-full", "the disk is full")
            self.room -= size
            return add(bucket, key, data)

        def delete_here(bucket: DiskBucket, key: str) -> None:
            path = bucket.root / key
            self.room += path.stat().st_size if path.exists() else 0
            delete(bucket, key)

        monkeypatch.setattr(DiskBucket, "add", add_here)
        monkeypatch.setattr(DiskBucket, "delete", delete_here)


def test_dust_is_swept_on_a_full_disk(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    version = shop.log("a", noisy(range(5)))
    shop.remove("a:v0")
    (shop.art / "packs/00" / ("0" * 64)).write_bytes(b"dust")
    disk = FullDisk(monkeypatch, -1000)
    with pytest.raises(SpaceError):
        later(shop)
    assert disk.refused == 3
    assert not (shop.art / "packs/00" / ("0" * 64)).exists()
    shop.reopen()
    assert shop.content(version) == noisy(range(5))


def test_on_a_nearly_full_disk_it_only_deletes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, kept = scene(tmp_path / "x")
    before = shop.size
    disk = FullDisk(monkeypatch, 6500)
    done = later(shop)
    assert done.wanted > 0
    assert (done.packs_rewritten, done.packs_deleted > 0) == (0, True)
    assert disk.refused
    assert done.freed == before - shop.size > 0
    assert rows(shop) == needed(shop)
    disk.room = 10**9
    again = later(shop)
    assert again.packs_rewritten > 0
    assert not again.wanted
    assert all(len(shop.content(version)) == version.entries for version in kept.values())
    shop.repository.close()


def test_on_a_nearly_full_disk_it_goes_in_rounds(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        shop.log("a", noisy([f"{n}-{k}" for k in range(4 + n)]))
        shop.log("b", noisy([f"{n}-0"]))
    shop.remove(*(f"a:v{n}" for n in range(5)))
    rounds = []

    def room(bucket: object, found: object) -> float:
        rounds.append(1)
        return 5000.0  # two chunks

    monkeypatch.setattr(gc, "room", room)
    done = later(shop)
    assert (done.packs_rewritten, done.wanted) == (5, 0)
    assert len(rounds) == 3
    assert rows(shop) == needed(shop)
    monkeypatch.setattr(gc, "room", lambda bucket, found: 100.0)
    big = shop.log("c", noisy(range(9)))
    shop.log("d", noisy(range(5)))
    shop.remove("c:v0")
    done = later(shop)
    assert (done.packs_rewritten, big.entries) == (0, 9)
    assert 5 * 2000 < done.wanted < 5 * 2100


def test_progress_is_told(shop: Workshop) -> None:
    class Heard(Silent):
        def __init__(self) -> None:
            self.phases: list[str] = []
            self.pages = 0

        def phase(self, name: str, *, files: int | None = None, size: int | None = None) -> None:
            self.phases.append(name)

        def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
            self.pages += 1

        def warn(self, message: str) -> None:
            raise AssertionError(message)

    heard = Heard()
    shop.log("a", noisy(range(5)))
    collect(shop.repository, progress=heard)
    assert heard.phases[:2] == ["reading the log", "looking for what is needed"]
    assert heard.pages == 1
