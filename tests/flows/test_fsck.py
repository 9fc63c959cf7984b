"""fsck finds damage, says what it touches, and mends what can be mended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets.memory import MemoryBucket
from artcli.catalog import facts
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.log import entry_key, segment_key
from artcli.catalog.repository import Repository
from artcli.errors import IntegrityError, LockedError, NoRepositoryError, NotFoundError
from artcli.flows.collect import collect
from artcli.flows.fsck import Examination, Finding, Level, Mended, Options, Summary, examination, locate, repair
from artcli.flows.fsck.bits import BitSearch
from artcli.store.index import index_key
from artcli.store.pack import pack_key
from tests.flows.workshop import PROJECT, Snapshot, Workshop, noisy, put
from tests.store.material import noise


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(tmp_path / "here")
    yield shop
    shop.repository.close()


def look(shop: Workshop, level: Level = Level.DEFAULT, ref: str | None = None) -> tuple[list[Finding], Summary]:
    examination = Examination(shop.art, Options(level, ref, PROJECT))
    return list(examination.run()), examination.summary()


def problems(shop: Workshop, level: Level = Level.DEFAULT) -> list[tuple[str, str]]:
    return [(item.what, item.code) for item in look(shop, level)[0] if item.version is None]


def touched(shop: Workshop, level: Level = Level.DEFAULT) -> set[tuple[str | None, str, str | bytes]]:
    return {(item.version, item.what, item.key) for item in look(shop, level)[0] if item.version}


def mend(shop: Workshop, *donors: Path) -> list[Mended]:
    shop.repository.close()
    done = list(repair(shop.art, donors=donors))
    shop.reopen()
    return done


def flip(path: Path, at: int = -1, bits: int = 0x55) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    put(path, bytes(data))


def two(shop: Workshop) -> tuple[Version, Version]:
    """Two versions of `a` that share files, one of them of many chunks."""
    big = {"big.bin": noise(2_000_000, "big")}
    return shop.log("a", noisy(range(4)) | big | {"note.txt": b"hi"}), shop.log("a", noisy(range(2, 6)) | big)


def of_kind(shop: Workshop, kind: int) -> list[str]:
    """Keys of the packs of data (0) or metadata (1), those of the newest index last."""
    rows = [row for index in shop.repository.store.indexes for row in index.rows() if row.kind == kind]
    return sorted({pack_key(row.pack) for row in rows}, key=lambda key: (shop.art / key).stat().st_mtime_ns)


@pytest.mark.parametrize("level", Level)
def test_a_sound_repository(shop: Workshop, level: Level) -> None:
    two(shop)
    shop.remove("a:v0")
    found, summary = look(shop, level)
    assert found == []
    assert (summary.problems, summary.touched, summary.entries) == (0, {}, 3)
    assert (summary.indexes, summary.packs, summary.dust_files) == (2, 4, 0)
    packs = sum(size for key, size in shop.files().items() if key.startswith("packs/"))
    assert summary.size == (0 if level == Level.QUICK else packs)
    assert summary.versions == (0 if level == Level.QUICK else 2)
    assert mend(shop) == []


def test_an_empty_repository(shop: Workshop) -> None:
    assert look(shop)[0] == []
    assert mend(shop) == []


def test_dust_is_no_damage(shop: Workshop) -> None:
    two(shop)
    put(shop.art / "packs/00" / ("0" * 64), b"dust")
    put(shop.art / "index" / ("0" * 64), b"dust")
    found, summary = look(shop)
    assert (found, summary.dust_files, summary.dust_size) == ([], 2, 8)


def test_a_version_alone(shop: Workshop) -> None:
    two(shop)
    shop.log("b", noisy(range(20, 24)))
    flip(shop.art / of_kind(shop, 0)[-1], 20)
    found, summary = look(shop, ref="a:v1")
    assert found == []
    assert summary.versions == 1
    assert [item.version for item in look(shop, ref="b:v0")[0]] == [None, "b:v0"]
    with pytest.raises(NotFoundError):
        look(shop, ref="c:v0")


# --- what is touched ---


def test_a_damaged_chunk_touches_the_files_that_have_it(shop: Workshop) -> None:
    two(shop)
    shop.log("b", noisy([3]) | {"copy.bin": noise(2000, "3")})
    row = next(row for index in shop.repository.store.indexes for row in index.rows() if row.digest == digest("3"))
    flip(shop.art / pack_key(row.pack), row.offset)
    found, summary = look(shop)
    assert found[0].what == "pack"
    assert found[0].why == "its bytes are not those it is named by; 1 of its 35 chunks is lost"
    assert touched(shop) == {
        ("a:v0", "file", b"3.bin"),
        ("a:v1", "file", b"3.bin"),
        ("b:v0", "file", b"3.bin"),
        ("b:v0", "file", b"copy.bin"),
    }
    assert {item.cause for item in found[1:]} == {found[0].key}
    assert summary.touched == {f"{PROJECT}/a:v0": 1, f"{PROJECT}/a:v1": 1, f"{PROJECT}/b:v0": 2}


def digest(seed: str) -> bytes:
    from artcli.content import digest_of

    return digest_of(noise(2000, seed))


def test_a_chunk_of_a_long_list(shop: Workshop) -> None:
    shop.log("a", {"big.bin": noise(5_000_000, "big"), "small.bin": noise(300)})
    flip(shop.art / of_kind(shop, 0)[0], 4_000_000)
    assert touched(shop) == {("a:v0", "file", b"big.bin")}


def test_a_lost_list_of_chunks(shop: Workshop) -> None:
    shop.log("a", {"big.bin": noise(5_000_000, "big"), "small.bin": noise(300)})
    store = shop.repository.store
    from artcli.catalog.manifest import entries

    (big,) = [entry for entry in entries(store, next(shop.repository.catalog.versions()).root) if entry.list]
    location = store.find(big.list)
    assert location is not None
    flip(shop.art / pack_key(location.pack), location.offset)
    assert touched(shop) == {("a:v0", "file", b"big.bin")}


def test_a_lost_page_touches_what_it_lists(shop: Workshop) -> None:
    shop.log("a", {f"{n:04}": b"%d" % n for n in range(1000)})
    store = shop.repository.store
    version = next(shop.repository.catalog.versions())
    from artcli.catalog.manifest.page import Inner
    from artcli.catalog.manifest.read import open_root

    top = open_root(store, version.root)
    assert isinstance(top, Inner)
    second = top.items[1]
    location = store.find(second.page)
    assert location is not None
    flip(shop.art / pack_key(location.pack), location.offset)
    span = f"behind {top.items[0].last.decode()} up to {second.last.decode()}: {second.entries} entries"
    assert touched(shop) == {("a:v0", "files", span)}


def test_a_lost_root_touches_the_version(shop: Workshop) -> None:
    first, second = two(shop)
    flip(shop.art / of_kind(shop, 1)[-1], 30)
    assert touched(shop) == {("a:v1", "version", "a:v1")}
    assert len(shop.content(first)) == first.entries
    assert second.entries == 5


def test_versions_of_the_same_content_are_all_touched(shop: Workshop) -> None:
    for name in "abc":
        shop.log(name, noisy(range(2)))
    flip(shop.art / of_kind(shop, 0)[0], 20)
    assert [name for name, _, _ in sorted(touched(shop))] == ["a:v0", "b:v0", "c:v0"]


def test_a_damaged_index_too_large_to_be_read_when_opened(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from artcli.store import index

    monkeypatch.setattr(index, "VERIFIED_SIZE", 0)
    two(shop)
    flip(shop.art / index_key(shop.repository.store.indexes[0].name), 100)
    assert problems(shop) == [("index", "damaged-index")]


def test_a_missing_pack(shop: Workshop) -> None:
    two(shop)
    pack = of_kind(shop, 0)[-1]
    (shop.art / pack).unlink()
    for level in Level:
        assert problems(shop, level) == [("pack", "missing-pack")]
        assert touched(shop, level) == {("a:v1", "file", b"4.bin"), ("a:v1", "file", b"5.bin")}


def test_quick_sees_what_sizes_tell(shop: Workshop) -> None:
    two(shop)
    pack = of_kind(shop, 0)[-1]
    whole = (shop.art / pack).read_bytes()
    flip(shop.art / pack, 100)
    assert problems(shop, Level.QUICK) == []
    put(shop.art / pack, whole[:-1])
    assert problems(shop, Level.QUICK) == [("pack", "damaged-pack")]
    assert touched(shop, Level.QUICK) == set()  # all its chunks are there
    put(shop.art / pack, whole[:3000])
    assert touched(shop, Level.QUICK) < {("a:v1", "file", b"5.bin"), ("a:v1", "file", b"4.bin")}


def test_an_index_that_lies(shop: Workshop) -> None:
    """Its bytes are right, what it says is not: it was made by a faulty program."""
    from artcli.store.index import build_index

    two(shop)
    index = max(shop.repository.store.indexes, key=len)
    rows = list(index.rows())
    rows[3] = rows[3]._replace(offset=rows[3].offset + 1)
    file = build_index(rows)
    shop.repository.bucket.add(index_key(file.name), file.buffers)
    fact = Draft("index", {"add": [file.name], "remove": [index.name]})
    shop.repository.commit(lambda _, make: [make(fact)])
    assert problems(shop) == [("pack", "damaged-index")]
    assert len(touched(shop)) >= 1


def test_a_chunk_that_nothing_has(shop: Workshop) -> None:
    version, _ = two(shop)
    fact = Draft("index", {"add": [], "remove": [shop.repository.store.indexes[0].name, "0" * 64]})
    shop.repository.commit(lambda _, make: [make(fact)])
    found, summary = look(shop)
    assert {item.code for item in found} == {"missing-chunk"}
    assert summary.problems >= 1
    assert f"{PROJECT}/{version.ref}" in summary.touched or len(summary.touched) == 1


# --- the log ---


def test_every_kind_of_damage_to_the_log(shop: Workshop) -> None:
    two(shop)
    shop.remove("a:v0")
    snapshot = Snapshot(shop.art)
    path = shop.art / entry_key(1)
    flip(path, 10)
    assert problems(shop) == [("log", "damaged-log")]
    snapshot.restore()
    path.unlink()
    assert problems(shop) == [("log", "missing-file")]
    snapshot.restore()
    (shop.art / entry_key(2)).unlink()
    assert problems(shop) == [("log", "log-rolled-back")]
    snapshot.restore()
    put(path, (shop.art / entry_key(0)).read_bytes())
    assert problems(shop) == [("log", "damaged-log")]
    snapshot.restore()
    flip(shop.art / "config")
    assert problems(shop) == [("config", "damaged-config")]
    (shop.art / "config").unlink()
    assert problems(shop) == [("config", "damaged-config")]


def test_the_versions_of_a_lost_entry_are_named_while_the_cache_knows_them(shop: Workshop) -> None:
    two(shop)
    shop.log("b", noisy([9]))
    (shop.art / entry_key(1)).unlink()
    assert touched(shop) == {("a:v1", "version", "a:v1")}


def test_a_log_of_another_history(shop: Workshop) -> None:
    """The newest entry was replaced by one that fits as well."""
    two(shop)
    copy = shop.directory / "copy"
    shutil.copytree(shop.art, copy)
    shop.remove("a:v0")
    other = Repository(copy)
    other.commit(lambda _, make: [make(Draft("tag", {"version": "x", "tag": "y"}))])
    other.close()
    put(shop.art / entry_key(2), (copy / entry_key(2)).read_bytes())
    assert problems(shop) == [("log", "log-rolled-back")]
    done = mend(shop)
    assert [item.lost for item in done] == [True]
    assert problems(shop) == []


@pytest.fixture
def long_log(shop: Workshop) -> tuple[Workshop, Version]:
    """More than a segment of entries."""
    version = shop.log("a", noisy(range(2)))
    head = shop.repository.follower.head
    for n in range(head.n + 1, 1005):
        made = [facts.make(Draft("tag", {"version": version.id, "tag": f"t{n}"}), "me", "here")]
        entry, data = shop.repository.log.entry(n, head.digest, made)
        put(shop.art / entry_key(n), data)
        head = type(head)(n, entry.digest)
    assert shop.repository.log.seal(0)
    shop.reopen()
    return shop, version


def test_segments(long_log: tuple[Workshop, Version]) -> None:
    shop, version = long_log
    snapshot = Snapshot(shop.art)
    assert problems(shop) == []
    segment = shop.art / segment_key(0)
    flip(segment, 100)
    assert problems(shop) == [("segment", "damaged-segment")]
    assert [(item.what, item.how) for item in mend(shop)] == [("segment", "moved away"), ("segment", "made anew")]
    assert problems(shop) == []
    snapshot.restore()
    # of another history: it holds what the log does not say
    put(segment, segment_without_tags(shop))
    assert problems(shop) == [("segment", "damaged-segment")]
    snapshot.restore()
    shop.reopen()
    # lost entries are taken from there, also without the cache
    shutil.rmtree(shop.art / "cache")
    for n in (0, 1, 999):
        (shop.art / entry_key(n)).unlink()
    flip(shop.art / entry_key(700))
    assert len(problems(shop)) == 4
    assert {item.how for item in mend(shop)} == {"taken from its segment"}
    assert problems(shop) == []
    assert len(shop.repository.catalog.tags_of(version)) == 1004
    # all entries from 990 on: the first ten from the segment, the others from nowhere
    shutil.rmtree(shop.art / "cache")
    for n in range(990, 1005):
        (shop.art / entry_key(n)).unlink()
    done = mend(shop)
    assert [item.lost for item in done] == [False] * 10 + [True]
    assert len(shop.repository.catalog.tags_of(version)) == 999
    assert problems(shop) == []


def segment_without_tags(shop: Workshop) -> bytes:
    """A segment of the same place and form, that says other things."""
    from artcli.catalog.log import GENESIS, Log

    other = MemoryBucket()
    log, digest = Log(other, shop.repository.place), GENESIS
    for n in range(1000):
        entry = log.append(n, digest, [facts.make(Draft("x", {}), "me", "here")])
        assert entry is not None
        digest = entry.digest
    return other.get(segment_key(0))


# --- the repair ---


def everything(shop: Workshop) -> list[dict[str, bytes]]:
    return [shop.content(version) for version in shop.repository.catalog.versions()]


def test_lost_indexes_are_made_anew(shop: Workshop) -> None:
    two(shop)
    before = everything(shop)
    names = [index.name for index in shop.repository.store.indexes]
    flip(shop.art / index_key(names[0]))
    (shop.art / index_key(names[1])).unlink()
    done = mend(shop)
    assert {item.key for item in done} == {index_key(name) for name in names}
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == before
    assert (shop.art / "lost+found" / index_key(names[0])).exists()


def test_what_is_sound_in_a_damaged_pack_is_saved(shop: Workshop) -> None:
    first, second = two(shop)
    pack = of_kind(shop, 0)[0]
    row = next(row for index in shop.repository.store.indexes for row in index.rows() if row.digest == digest("3"))
    flip(shop.art / pack, row.offset)
    (done,) = mend(shop)
    assert done.how == "34 of its 35 chunks are in a new pack"
    assert (shop.art / "lost+found" / pack).exists()
    assert not (shop.art / pack).exists()
    assert touched(shop) == {("a:v0", "file", b"3.bin"), ("a:v1", "file", b"3.bin")}
    assert problems(shop) == [("chunk", "missing-chunk")]
    # the same file once more brings it back
    assert shop.log("b", noisy([3])).number == 0
    assert problems(shop, Level.FULL) == []
    assert len(shop.content(first)) + len(shop.content(second)) == first.entries + second.entries
    collect(shop.repository)
    assert problems(shop) == []


def test_one_wrong_bit_is_corrected(shop: Workshop) -> None:
    """Without any second copy, in whatever is small enough."""
    two(shop)
    shop.log("b", {f"{n:03}": b"%d" % n for n in range(300)})
    before = everything(shop)
    shutil.rmtree(shop.art / "cache")
    flip(shop.art / of_kind(shop, 0)[-1], 20, bits=4)
    for pack in of_kind(shop, 1):
        flip(shop.art / pack, 40, bits=64)
    for n in range(3):
        flip(shop.art / entry_key(n), 10 + 300 * n, bits=1)
    assert len(problems(shop)) == 7
    done = mend(shop)
    assert [item.how for item in done[:3]] == ["its own bytes, of which one bit was wrong"] * 3
    assert done[-1].how == "4 chunks had one wrong bit, which was corrected"
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == before


def test_the_search_for_a_bit_ends() -> None:
    assert BitSearch(patience=0.01).search(bytes(100_000), lambda data: False) is None
    search = BitSearch()
    assert search.search(b"abd", lambda data: bytes(data) == b"abc") is None
    assert search.search(b"abb", lambda data: bytes(data) == b"abc") == b"abc"


def test_a_donor_gives_what_is_lost(shop: Workshop, tmp_path: Path) -> None:
    two(shop)
    before = everything(shop)
    copy = tmp_path / "copy"
    shutil.copytree(shop.directory, copy)
    for folder in ("packs", "index", "cache"):
        shutil.rmtree(shop.art / folder)
    (shop.art / entry_key(0)).unlink()
    (shop.art / "config").unlink()
    # the donor is not sound either
    for path in (copy / ".art" / "index").iterdir():
        path.unlink()
    done = mend(shop, copy)
    assert not any(item.lost for item in done)
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == before


def test_another_repository_as_a_donor(shop: Workshop, tmp_path: Path) -> None:
    two(shop)
    before = everything(shop)
    other = Workshop(tmp_path / "other")
    other.log("x", {"big.bin": noise(2_000_000, "big")} | noisy(range(9)))
    other.repository.close()
    (shop.art / of_kind(shop, 0)[0]).unlink()
    assert any(item.what == "chunk" for item in mend(shop, other.art))
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == before
    with pytest.raises(NoRepositoryError):
        mend(shop, tmp_path)


def test_lost_entries_are_taken_from_the_cache(shop: Workshop) -> None:
    two(shop)
    shop.remove("a:v0")
    shop.log("b", noisy([9]))
    before, head = everything(shop), shop.repository.follower.head
    (shop.art / entry_key(1)).unlink()
    flip(shop.art / entry_key(2))
    assert [item.how for item in mend(shop)] == ["taken from the cache"] * 2
    assert (everything(shop), shop.repository.follower.head) == (before, head)
    (shop.art / entry_key(3)).unlink()
    (shop.art / entry_key(2)).unlink()
    assert [item.how for item in mend(shop)] == ["taken from the cache"] * 2
    assert (everything(shop), shop.repository.follower.head) == (before, head)
    assert problems(shop) == []


def test_a_cache_that_errs_is_no_source(shop: Workshop) -> None:
    two(shop)
    shop.log("b", noisy([9]))
    database = shop.repository.follower.database
    database.execute("UPDATE facts SET line = CAST(replace(CAST(line AS TEXT), 'a', 'b') AS BLOB) WHERE n = 1")
    (shop.art / entry_key(1)).unlink()
    done = mend(shop)
    assert [item.lost for item in done] == [True]
    assert "with a:v1" in done[0].how


def test_without_a_mark_the_cache_proves_nothing(shop: Workshop) -> None:
    """Its own head was further on, so it cannot say how this entry should end."""
    two(shop)
    shop.log("b", noisy([9]))
    shutil.rmtree(shop.art / "local" / "seen")
    (shop.art / entry_key(2)).unlink()
    flip(shop.art / entry_key(1))
    done = mend(shop)
    assert [item.lost for item in done] == [True, False]
    assert problems(shop) == []


def test_an_entry_that_nobody_has(shop: Workshop) -> None:
    """What stands behind it is kept."""
    first, _ = two(shop)
    third = shop.log("b", noisy([9]))
    contents = [shop.content(first), shop.content(third)]
    shutil.rmtree(shop.art / "cache")
    (shop.art / entry_key(1)).unlink()
    done = mend(shop)
    assert [item.lost for item in done] == [True]
    assert "1 entries of the log are lost for good; the 1 behind were added anew" in done[0].how
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == contents
    assert (shop.art / "lost+found" / entry_key(2)).exists()
    assert mend(shop) == []


def test_a_repair_of_the_log_that_was_cut_off(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = two(shop)
    later = [shop.log(name, noisy([name])) for name in "bcd"]
    contents = [shop.content(version) for version in (first, *later)]
    shutil.rmtree(shop.art / "cache")
    (shop.art / entry_key(1)).unlink()
    snapshot = Snapshot(shop.art)
    from artcli.flows.fsck import log_repair

    move = log_repair.move_away
    for k in range(1, 6):
        snapshot.restore()
        calls = []

        def stop(*arguments: object, k: int = k, calls: list[int] = calls) -> bool:
            calls.append(1)
            if len(calls) == k:
                raise KeyboardInterrupt
            return move(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(log_repair, "move_away", stop)
        try:
            mend(shop)
        except KeyboardInterrupt:
            monkeypatch.setattr(log_repair, "move_away", move)
            mend(shop)
        assert problems(shop) == []
        assert everything(shop) == contents


def test_a_log_whose_end_is_lost(shop: Workshop) -> None:
    """It is accepted; what only the lost entries named is set aside, where gc does not reach."""
    first, _ = two(shop)
    shop.log("b", noisy([9]))
    content = shop.content(first)
    shutil.rmtree(shop.art / "cache")
    (shop.art / entry_key(2)).unlink()
    (shop.art / entry_key(1)).unlink()
    done = mend(shop)
    assert done[0].lost
    assert done[0].how.startswith("entries 1 to 2 of the log are lost for good")
    assert done[1].how == "6 files that no log entry names any more moved to lost+found"
    assert problems(shop, Level.FULL) == []
    assert everything(shop) == [content]


def test_a_log_that_is_wholly_lost(shop: Workshop) -> None:
    two(shop)
    shutil.rmtree(shop.art / "log")
    shutil.rmtree(shop.art / "cache")
    (shop.art / "config").unlink()
    assert locate(shop.directory) == shop.art
    assert ("config", "damaged-config") in problems(shop)
    mend(shop)
    assert problems(shop) == []
    assert everything(shop) == []


def test_nothing_is_deleted(shop: Workshop) -> None:
    two(shop)
    before = {path.read_bytes() for path in Snapshot(shop.art).files if "cache" not in path.parts}
    for key in (of_kind(shop, 0)[0], of_kind(shop, 1)[0]):
        flip(shop.art / key)
    flip(shop.art / "config")
    flip(shop.art / entry_key(0))
    damaged = {path.read_bytes() for path in Snapshot(shop.art).files if "cache" not in path.parts}
    mend(shop)
    after = {path.read_bytes() for path in Snapshot(shop.art).files}
    assert {data for data in damaged - after if not data.startswith(b'{"n"')} == set()
    assert before


def test_a_cache_that_disagrees(shop: Workshop) -> None:
    two(shop)
    shop.repository.follower.database.execute("UPDATE versions SET description = 'forged'")
    assert problems(shop) == [("cache", "damaged-cache")]
    assert look(shop)[0][0].why == "it disagrees with the log about versions"
    mend(shop)
    assert problems(shop) == []


# --- with others, and on bad disks ---


def test_writers_go_on_beside_it(shop: Workshop) -> None:
    two(shop)
    running = Examination(shop.art).run()
    shop.log("b", noisy([1]))
    assert list(running) == []


def test_gc_waits(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from artcli.catalog import repository

    monkeypatch.setattr(repository, "LOCK_WAIT", 0.1)
    two(shop)
    flip(shop.art / of_kind(shop, 0)[0])
    running = Examination(shop.art).run()
    next(running)
    with pytest.raises(LockedError):
        collect(shop.repository)
    monkeypatch.setattr(examination, "LOCK_WAIT", 0.1)
    list(running)


def test_a_sector_that_cannot_be_read(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the chunks in it are lost."""
    two(shop)
    pack = of_kind(shop, 0)[0]
    inode, size = os.stat(shop.art / pack).st_ino, os.stat(shop.art / pack).st_size
    read = os.pread

    def fail(fd: int, length: int, start: int) -> bytes:
        if os.fstat(fd).st_ino == inode and start <= 100_000 < start + length:
            raise OSError(5, "Input/output error")
        return read(fd, length, start)

    monkeypatch.setattr(os, "pread", fail)
    assert size > 2_000_000
    assert problems(shop) == [("pack", "unreadable-file")]
    assert touched(shop) == {("a:v0", "file", b"big.bin"), ("a:v1", "file", b"big.bin")}
    (done,) = mend(shop)
    assert done.how == "34 of its 35 chunks are in a new pack"


def test_a_newer_format_is_not_damage(shop: Workshop) -> None:
    put(shop.art / entry_key(0), newer(shop.repository.place))
    with pytest.raises(IntegrityError) as refused:
        look(shop)
    assert refused.value.slug == "newer-format"


def newer(place: str) -> bytes:
    from artcli.content import bound_digest

    body = b'{"format":2,"place":"%s","n":0,"previous":"%s"}\n' % (place.encode(), b"0" * 64)
    return body + b'{"checksum":"' + bound_digest(entry_key(0), body).hex().encode() + b'"}\n'


def test_locate(shop: Workshop, tmp_path: Path) -> None:
    assert locate(shop.directory / "data" / "deep") == shop.art
    assert locate(tmp_path, shop.art) == shop.art
    with pytest.raises(NoRepositoryError):
        locate(tmp_path)
    with pytest.raises(NoRepositoryError):
        locate(shop.directory, tmp_path)
