from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli import lock
from artcli.buckets.memory import MemoryBucket
from artcli.catalog import following
from artcli.catalog.facts import Fact
from artcli.catalog.fold import Fold
from artcli.catalog.following import START, Follower, Head
from artcli.catalog.log import Log, entry_key
from artcli.errors import ArtError, IntegrityError
from tests.catalog.kit import fact, version_data
from tests.kit.faulty import StaleBucket

PLACE = "ab" * 16


class Place:
    """A log in memory, and followers of it in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Log(MemoryBucket(), PLACE)
        self.opened: list[Follower] = []

    def follower(self, log: Log | None = None) -> Follower:
        found = Follower(log or self.log, self.folder / "cache" / "catalog.db", self.folder / "seen" / PLACE)
        self.opened.append(found)
        found.follow()
        return found

    @property
    def cache(self) -> Path:
        (found,) = (self.folder / "cache").glob("*.db")
        return found

    def close(self) -> None:
        for one in self.opened:
            one.close()
        self.opened = []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.close()


def version(name: str = "model") -> Fact:
    return fact("version", version_data(name))


def commit(follower: Follower, *made: Fact) -> None:
    assert follower.commit(follower.head, made or (version(),))


def refs(follower: Follower) -> list[int]:
    return [number for (number,) in follower.database.execute("SELECT number FROM versions ORDER BY number")]


def check_rolled_back(place: Place) -> None:
    with pytest.raises(IntegrityError) as caught:
        place.follower()
    assert caught.value.slug == "log-rolled-back"


def test_a_new_log_is_followed_and_extended(place: Place) -> None:
    follower = place.follower()
    assert follower.head == START
    commit(follower)
    commit(follower)
    assert follower.head.n == 1
    assert refs(follower) == [0, 1]
    assert refs(place.follower()) == [0, 1]


def test_two_followers_of_one_cache_see_what_the_other_does(place: Place) -> None:
    one, two = place.follower(), place.follower()
    commit(one)
    head = two.head
    assert head.n == 0  # the cache is shared
    assert not two.commit(START, [version()])  # planned on what is past
    commit(two)
    one.follow()
    assert refs(one) == refs(two) == [0, 1]


def test_a_lost_race_leaves_nothing(place: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.log = place.log
    here, there = place.follower(), other.follower()
    commit(there)
    assert not here.commit(START, [version()])  # its cache has not seen the other's entry, the log has
    assert here.head == START
    here.follow()
    assert refs(here) == [0]
    other.close()


def test_a_fact_that_the_fold_cannot_use_never_gets_into_the_log(place: Place) -> None:
    follower = place.follower()
    with pytest.raises(ArtError) as caught:
        follower.commit(START, [version(), fact("version", {"name": "x"})])
    assert caught.value.slug == "unfit-fact"
    assert place.log.read(0) is None
    assert refs(follower) == []
    commit(follower)


@pytest.mark.parametrize("garbage", [b"", b"\0" * 5000, b"SQLite format 3\0" + b"\xff" * 5000, None])
def test_a_cache_that_is_gone_or_garbage_is_made_anew(place: Place, garbage: bytes | None) -> None:
    commit(place.follower())
    place.close()
    if garbage is None:
        shutil.rmtree(place.folder / "cache")
    else:
        place.cache.write_bytes(garbage)
    follower = place.follower()
    assert refs(follower) == [0]
    assert not follower.in_memory
    commit(follower)
    assert refs(place.follower()) == [0, 1]


def test_every_page_of_a_cache_may_be_torn(place: Place) -> None:
    follower = place.follower()
    commit(follower, *(version(f"name{i}") for i in range(40)))
    place.close()
    cache = place.cache
    whole = cache.read_bytes()
    for at in range(0, len(whole), 4096):
        cache.write_bytes(whole[:at] + os.urandom(4096) + whole[at + 4096 :])
        for name in ("-wal", "-shm"):
            cache.with_name(cache.name + name).unlink(missing_ok=True)
        try:
            follower = place.follower()
            commit(follower)  # if the torn page is met, the work moves into memory
        finally:
            place.close()
    n = 0
    while place.log.read(n) is not None:
        n += 1
    assert n == 1 + len(whole) // 4096


def test_a_cache_of_another_start_of_the_machine_is_not_believed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(place.follower())
    place.close()
    with sqlite3.connect(place.cache) as database:
        database.execute("DELETE FROM versions")
    database.close()
    assert refs(place.follower()) == []  # within one start it is
    place.close()
    monkeypatch.setattr(following, "boot_id", lambda: "another")
    assert refs(place.follower()) == [0]


def test_a_cache_that_is_ahead_of_the_log_is_not_believed(place: Place) -> None:
    follower = place.follower()
    commit(follower)
    commit(follower)
    place.close()
    place.log.bucket.delete(entry_key(1))
    (place.folder / "seen" / PLACE).unlink()
    assert refs(place.follower()) == [0]


def test_where_nothing_can_be_written_the_fold_is_in_memory(place: Place) -> None:
    commit(place.follower())
    place.close()
    shutil.rmtree(place.folder / "cache")
    (place.folder / "cache").write_text("in the way")
    follower = place.follower()
    assert follower.in_memory
    assert refs(follower) == [0]
    commit(follower)
    assert refs(follower) == [0, 1]


def test_a_read_only_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(place.follower())
    place.close()
    real = os.open

    def refuse(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(30, "Read-only file system", path)
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    follower = place.follower()
    assert follower.in_memory
    assert refs(follower) == [0]


def test_a_cache_that_stays_locked_is_left_to_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BUSY", 0.05)
    follower = place.follower()
    commit(follower)
    holder = sqlite3.connect(place.cache, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert not follower.commit(follower.head, [version()])
    assert follower.in_memory
    commit(follower)
    assert refs(follower) == [0, 1]
    holder.execute("ROLLBACK")
    holder.close()
    assert refs(place.follower()) == [0, 1]


@pytest.mark.parametrize("kind", [sqlite3.OperationalError, sqlite3.DatabaseError])
def test_an_entry_counts_once_though_the_cache_fails_after_it(place: Place, kind: type[Exception]) -> None:
    """The disk is full, or the file breaks, between the log entry and the cache's own commit."""
    follower = place.follower()

    class Failing(Log):
        def add(self, n: int, data: bytes) -> bool:
            assert super().add(n, data)
            raise kind("database or disk is full")

    follower.log = Failing(place.log.bucket, PLACE)
    assert follower.commit(START, [version()])
    assert follower.in_memory
    assert refs(follower) == [0]
    assert place.log.read(1) is None
    assert refs(place.follower()) == [0]


def test_an_error_that_memory_has_too_is_raised(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = place.follower()

    def broken(fold: Any, entries: Any) -> int:
        raise sqlite3.OperationalError("a mistake in a statement")

    monkeypatch.setattr("artcli.catalog.fold.Fold.follow", broken)
    assert not follower.commit(follower.head, [version()])
    with pytest.raises(sqlite3.OperationalError):
        follower.commit(follower.head, [version()])


# --- the high-water mark ---


def test_a_log_that_lost_its_newest_entry_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0,))
    follower = place.follower()
    for _ in range(3):
        commit(follower)
    place.close()
    place.log.bucket.delete(entry_key(2))
    check_rolled_back(place)
    shutil.rmtree(place.folder / "cache")
    check_rolled_back(place)


def test_a_log_that_was_rewritten_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0,))
    commit(place.follower())
    place.close()
    for longer in (False, True):
        place.log.bucket.delete(entry_key(0))
        other = place.log.append(0, START.digest, [version("other")])
        assert other
        if longer:
            assert place.log.append(1, other.digest, [])
        check_rolled_back(place)
        place.log.bucket.delete(entry_key(1))
        place.close()


def test_a_loss_can_be_accepted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0,))
    follower = place.follower()
    commit(follower)
    commit(follower)
    place.close()
    place.log.bucket.delete(entry_key(1))
    refused = Follower(place.log, place.folder / "cache" / "catalog.db", place.folder / "seen" / PLACE)
    refused.accept()
    refused.close()
    assert refs(place.follower()) == [0]


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b'{"n": "x", "digest": 3}', None])
def test_a_torn_mark_is_no_mark(place: Place, mark: bytes | None) -> None:
    commit(place.follower())
    seen = place.folder / "seen" / PLACE
    seen.unlink() if mark is None else seen.write_bytes(mark)
    assert refs(place.follower()) == [0]
    assert b'"n": 0' in seen.read_bytes()


def test_an_entry_that_another_host_added_and_shows_late_is_no_loss(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0, 0, 0))
    stale = StaleBucket(MemoryBucket())
    place.log = Log(stale, PLACE)
    late = Log(stale.inner, PLACE)
    first = late.append(0, START.digest, [version()])
    assert first
    follower = place.follower()
    entry, data = place.log.entry(1, first.digest, [version()])
    place.log.add(1, data)  # the next look will not see it
    follower._set_mark(Head(1, entry.digest))
    follower.follow()
    assert refs(follower) == [0, 1]


def test_a_snapshot_does_not_see_what_comes_meanwhile(place: Place) -> None:
    one, two = place.follower(), place.follower()
    commit(one)
    with one.snapshot() as head:
        commit(two)
        assert refs(one) == [0]
    assert refs(one) == [0, 1]
    assert not one.commit(head, [version()])


def test_the_cache_is_never_synced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: pytest.fail("fsync"))
    commit(place.follower())
    found = place.opened[0].database.execute("PRAGMA synchronous").fetchone()
    assert found == (0,) if following.boot_id() else (1,)


# --- the old file as a second copy ---


def remembered(place: Place) -> list[int]:
    """The entries of which the file has the facts."""
    with sqlite3.connect(f"{place.cache.as_uri()}?mode=ro", uri=True) as database:
        found = [n for (n,) in database.execute("SELECT DISTINCT n FROM facts ORDER BY n")]
    database.close()
    return found


def check_alone(place: Place) -> None:
    place.close()
    assert {path.name for path in (place.folder / "cache").iterdir()} == {place.cache.name, place.cache.stem + ".lock"}


@pytest.mark.parametrize("damage", ["lost", "last", "changed"])
def test_the_old_file_stays_while_the_log_cannot_be_folded(
    place: Place, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0,))
    follower = place.follower()
    for _ in range(3):
        commit(follower)
    place.close()
    monkeypatch.setattr(following, "boot_id", lambda: "another")
    key = entry_key(2 if damage == "last" else 1)
    entry = place.log.bucket.get(key)
    place.log.bucket.delete(key)
    if damage == "changed":
        place.log.bucket.add(key, b"garbage")
    for _ in range(2):
        with pytest.raises(IntegrityError):
            place.follower()
        check_alone(place)
        assert remembered(place) == [0, 1, 2]
    place.log.bucket.delete(key)
    place.log.bucket.add(key, entry)
    assert refs(place.follower()) == [0, 1, 2]
    assert not place.opened[-1].in_memory
    check_alone(place)


def test_the_old_file_stays_where_a_new_one_cannot_be_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(place.follower())
    place.close()
    monkeypatch.setattr(following, "boot_id", lambda: "another")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert refs(place.follower()) == [0]
        assert place.opened[-1].in_memory
        check_alone(place)
        assert remembered(place) == [0]
    assert refs(place.follower()) == [0]
    assert not place.opened[-1].in_memory


def test_garbage_stays_until_the_log_is_folded_without_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", (0,))
    follower = place.follower()
    commit(follower)
    commit(follower)
    place.log.append(2, follower.head.digest, [version()])
    entry = place.log.bucket.get(entry_key(1))
    place.log.bucket.delete(entry_key(1))
    real = Fold.follow

    def broken(fold: Fold, entries: Any) -> int:
        if not follower.in_memory:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return real(fold, entries)

    monkeypatch.setattr(Fold, "follow", broken)
    for _ in range(2):
        with pytest.raises(IntegrityError):
            follower.follow()
        assert follower.in_memory
        assert remembered(place) == [0, 1]
    place.log.bucket.add(entry_key(1), entry)
    follower.follow()
    assert refs(follower) == [0, 1, 2]
    assert not list((place.folder / "cache").glob("*.db"))


def test_a_new_file_that_was_left_half_made_is_no_hindrance(place: Place) -> None:
    commit(place.follower())
    place.close()
    fresh = place.cache.with_suffix(".fresh")
    place.cache.unlink()
    for name in (fresh.name, fresh.name + "-wal", fresh.name + "-journal"):
        fresh.with_name(name).write_bytes(b"left over")
    assert refs(place.follower()) == [0]
    assert not place.opened[-1].in_memory
    check_alone(place)


def test_who_waits_in_vain_for_another_to_fold_works_in_memory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BUSY", 0.05)
    commit(place.follower())
    with lock.held(place.cache.with_suffix(".lock"), alone=True, wait=1):
        follower = place.follower()
    assert follower.in_memory
    assert refs(follower) == [0]
