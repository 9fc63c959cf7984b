from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket, get_many
from artcli.buckets.memory import MemoryBucket
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store import afar
from artcli.store.index import HEAD_SIZE, Index, build_index, index_key
from artcli.store.pack import DATA, Row
from artcli.store.partial import CROWD, PartialIndex
from artcli.store.store import Store
from tests.kit.afar import FarBucket
from tests.store.material import keep, noise, refusal

PACKS = [digest_of(b"pack %d" % i) for i in range(4000)]


def row(i: int) -> Row:
    return Row(digest_of(b"%d" % i), PACKS[i % len(PACKS)], 16 + i, i % 1000 + 1, i % 1000 + 2, 0, DATA)


def names(numbers: Iterable[int]) -> list[Digest]:
    return [digest_of(b"%d" % i) for i in numbers]


def add_index(bucket: Bucket, rows: Iterable[Row]) -> str:
    file = build_index(rows)
    bucket.add(index_key(file.name), b"".join(file.buffers))
    return file.name


@pytest.fixture(scope="module")
def large() -> tuple[MemoryBucket, str]:
    """A place with an index of 60,000 chunks, 3 MB."""
    bucket = MemoryBucket()
    return bucket, add_index(bucket, map(row, range(60_000)))


@pytest.fixture(scope="module", params=[200_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def huge(request: pytest.FixtureRequest) -> tuple[MemoryBucket, list[str], list[bytes]]:
    """A place with very many chunks, of which three are there, and one small version beside."""
    bucket = MemoryBucket()
    chunks = [noise(1000, f"{i}") for i in range(200)]
    with Store(bucket, []).writer() as writer:
        for chunk in chunks[:3]:
            keep(writer, chunk)
        flushed = writer.flush()
    rows = list(Index.open(bucket, flushed.add[0]).rows())
    million = add_index(bucket, [*rows, *map(row, range(request.param - len(rows)))])
    with Store(bucket, [million]).writer() as writer:
        for chunk in chunks[3:]:
            keep(writer, chunk)
        small = writer.flush().add
    return bucket, [million, *small], chunks


def test_a_small_index_is_fetched_once_and_kept(tmp_path: Path) -> None:
    bucket = FarBucket(MemoryBucket())
    live = [add_index(bucket.there, map(row, range(i * 1000, i * 1000 + size))) for i, size in enumerate((3, 300, 900))]
    bucket.forget()
    store = Store(bucket, live, remote=tmp_path / "indexes")
    wanted = names([2, 1299, 2899, 5])
    assert store.missing(wanted) == {wanted[3]}
    assert bucket.rounds == 2, "one for the beginnings, one for what is longer"
    bucket.forget()
    again = Store(bucket, live, remote=tmp_path / "indexes")
    assert again.missing(wanted) == {wanted[3]}
    assert bucket.asked == []
    assert sorted(os.listdir(tmp_path / "indexes")) == sorted(live)
    assert [len(index) for index in again.indexes] == [len(index) for index in store.indexes]


def test_what_no_log_names_any_more_goes_from_the_cache(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    old, new = (add_index(bucket, map(row, numbers)) for numbers in (range(5), range(9)))
    (tmp_path / f"{new}.part").write_bytes(b"of the time before it was here whole")
    cut_off, recent = tmp_path / f"{new}.77-ab", tmp_path / f"{old}.78-cd"
    for file in (cut_off, recent):
        file.write_bytes(b"a process was killed")
    os.utime(cut_off, (time.time() - 2 * afar.LEFT_OVER,) * 2)
    assert Store(bucket, [old], remote=tmp_path).missing(names([0])) == set()
    assert Store(bucket, [new], remote=tmp_path).missing(names([8])) == set()
    (tmp_path / f"{new}.part").write_bytes(b"of the time before it was here whole")
    assert Store(bucket, [new], remote=tmp_path).missing(names([8])) == set()
    assert sorted(os.listdir(tmp_path)) == sorted([new, recent.name])


def test_a_large_index_answers_as_it_would_whole(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    name = large[1]
    bucket = FarBucket(large[0])
    whole = Index.open(bucket, name)
    found, failed = afar.Afar(bucket, tmp_path).open([name])
    (index,) = found
    assert isinstance(index, PartialIndex)
    assert failed == []
    assert (index.packs, index.kinds, len(index)) == (whole.packs, whole.kinds, 60_000)
    asked = names([0, 17, 59_999, 60_000, 10**9])
    assert [index.find(digest) for digest in asked] == [whole.find(digest) for digest in asked]
    again = [digest_of(b"x%d" % i) for i in range(300)] + names(random.Random(1).sample(range(60_000), 300))
    afar.Afar(bucket, tmp_path).look_for([index], again)
    assert index.unknown(again) == []
    assert [index.find(digest) for digest in again] == [whole.find(digest) for digest in again]


def test_many_are_looked_up_in_two_rounds(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket = FarBucket(large[0])
    other = add_index(bucket.there, map(row, range(100_000, 140_000)))
    store = Store(bucket, [large[1], other], remote=tmp_path)
    store.prepare(names([0]))
    bucket.forget()
    wanted = names([*range(100, 200), *range(110_000, 110_100), *range(10**6, 10**6 + 100)])
    assert store.missing(wanted) == set(wanted[200:])
    assert bucket.rounds == 2
    assert all(store.find(digest) for digest in wanted[:200])
    assert bucket.rounds == 2
    bucket.forget()
    later = Store(bucket, [large[1], other], remote=tmp_path)
    assert later.missing(wanted[:1]) == set()
    assert bucket.rounds == 2, "the fan-out was kept"
    assert bucket.down < 5000


def test_who_looks_up_very_many_gets_the_index_as_a_whole(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket = FarBucket(large[0])
    store = Store(bucket, [large[1]], remote=tmp_path)
    assert store.missing(names(range(1000))) == set()
    assert [index.name for index in store.indexes] == []
    before = bucket.down
    assert len(store.missing(names(range(59_000, 70_000)))) == 10_000
    assert [index.name for index in store.indexes] == [large[1]]
    size = len(large[0].get(index_key(large[1])))
    assert size <= bucket.down - before < 1.1 * size
    assert os.listdir(tmp_path) == [large[1]] or sorted(os.listdir(tmp_path)) == [large[1], large[1] + ".part"]
    bucket.forget()
    assert len(Store(bucket, [large[1]], remote=tmp_path).missing(names(range(59_000, 70_000)))) == 10_000
    assert bucket.asked == []


def test_look_ups_that_add_up_are_the_same(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket = FarBucket(large[0])
    store = Store(bucket, [large[1]], remote=tmp_path)
    for start in range(0, 60_000, 500):
        assert store.missing(names(range(start, start + 500))) == set()
    assert bucket.down < 2.2 * len(large[0].get(index_key(large[1])))


def test_where_each_piece_is_a_request_the_whole_is_fetched_sooner(
    large: tuple[MemoryBucket, str], tmp_path: Path
) -> None:
    store = Store(large[0], [large[1]], remote=tmp_path)  # a memory bucket has no `get_many`
    assert store.missing(names(range(10))) == set()
    assert store.indexes == []
    assert store.missing(names(range(100))) == set()
    assert [index.name for index in store.indexes] == [large[1]]


def test_a_small_version_from_a_million_chunks(
    huge: tuple[MemoryBucket, list[str], list[bytes]], tmp_path: Path
) -> None:
    """The promise: less than 2 MB beside its own bytes, in a handful of rounds."""
    inner, live, chunks = huge
    bucket = FarBucket(inner)
    store = Store(bucket, live, remote=tmp_path)
    wanted = [digest_of(chunk) for chunk in chunks]
    got = dict(store.read(wanted, workers=2))
    assert {digest: bytes(data) for digest, data in got.items()} == dict(zip(wanted, chunks, strict=True))
    own = sum(map(len, chunks))
    assert bucket.down - own < 2_000_000
    assert len(bucket.asked) <= 10
    bucket.forget()
    assert len(list(Store(bucket, live, remote=tmp_path).frames(wanted, workers=2))) == 200
    assert bucket.down - own < 100_000


def test_nobody_may_count_on_condemned_packs(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        digest = keep(writer, noise(1000))
        flushed = writer.flush()
    condemned = frozenset(map(bytes.fromhex, flushed.packs))
    for remote in (None, tmp_path):
        store = Store(bucket, flushed.add, remote=remote, condemned=condemned)
        assert store.missing([digest]) == {digest}
        assert digest not in store
        assert store.get(digest) == noise(1000), "reading it is allowed"
        with store.writer() as writer:
            keep(writer, noise(1000))
            anew = writer.flush()
        assert anew.packs
        assert Store(bucket, anew.add, remote=remote, condemned=condemned).missing([digest]) == set()


# --- what cannot be believed ------------------------------------------------------------------------------------------


def forged(rows: int, *, at: int, to: bytes) -> tuple[MemoryBucket, str]:
    """A large index with other bytes at one place, under a name that fits it."""
    data = bytearray(b"".join(build_index(map(row, range(rows))).buffers))
    at %= len(data)
    data[at : at + len(to)] = to
    bucket, name = MemoryBucket(), digest_of(data).hex()
    bucket.add(index_key(name), bytes(data))
    return bucket, name


@pytest.mark.parametrize(
    ("at", "to"),
    [
        (0, b"xxx"),
        (8, b"\x0c"),
        (12, (1 << 31).to_bytes(4, "little")),
        (16, (1 << 31).to_bytes(4, "little")),
        (HEAD_SIZE, b"\1"),
        (HEAD_SIZE + 400, b"\xff\xff\xff\xff"),
        (HEAD_SIZE + 4 * 8192, b"\1"),
        (HEAD_SIZE + 4 * 2000, bytes(4)),
        (-1, b"\7"),
    ],
)
def test_an_index_that_cannot_be_is_left_aside(at: int, to: bytes, tmp_path: Path) -> None:
    bucket, name = forged(60_000, at=at, to=to)
    sound = add_index(bucket, map(row, range(70_000, 70_010)))
    store = Store(bucket, [name, sound], remote=tmp_path)
    wanted = names([5, 70_003])
    assert wanted[1] not in store.missing(wanted)
    assert wanted[0] in store.missing(wanted[:1])
    assert [error.slug for error in store.damaged] == ["damaged-index"]


def test_an_index_in_which_all_digests_begin_alike_is_left_aside(tmp_path: Path) -> None:
    """Whoever looks for one of them would have to read the whole index each time."""
    crowd = [b"\7\7" + digest_of(b"%d" % i)[2:] for i in range(60_000)]
    bucket = MemoryBucket()
    name = add_index(bucket, (row(i)._replace(digest=digest) for i, digest in enumerate(crowd)))
    assert len(crowd) > 5 * CROWD
    store = Store(bucket, [name], remote=tmp_path)
    assert store.missing(crowd[:2]) == set(crowd[:2])
    assert [error.slug for error in store.damaged] == ["damaged-index"]


def test_a_pack_that_the_index_does_not_list_is_not_looked_for(tmp_path: Path) -> None:
    index = build_index(map(row, range(60_000)))
    locations = len(b"".join(index.buffers)) - 33 * 4000 - 17 * 60_000
    bucket, name = forged(60_000, at=locations, to=b"\xff\xff\xff\x7f")
    first = min(names(range(60_000)))
    store = Store(bucket, [name], remote=tmp_path)
    assert store.missing([first]) == {first}
    assert [error.slug for error in store.damaged] == ["damaged-index"]
    assert refusal(lambda: store.get(first)) == "missing-chunk"


def test_a_whole_index_must_be_what_its_name_says(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket, other = MemoryBucket(), "ab" * 32
    bucket.add(index_key(other), large[0].get(index_key(large[1])))
    small = "cd" * 32
    bucket.add(index_key(small), b"".join(build_index(map(row, range(10))).buffers))
    store = Store(bucket, [other, small], remote=tmp_path)
    assert len(store.missing(names(range(50_000, 60_000)))) == 10_000
    assert [error.slug for error in store.damaged] == ["damaged-index"] * 2
    assert not [file for file in os.listdir(tmp_path) if not file.endswith(afar.PART)]


def test_an_index_that_is_gone_is_named(tmp_path: Path, large: tuple[MemoryBucket, str]) -> None:
    store = Store(MemoryBucket(), [large[1], "00" * 32], remote=tmp_path)
    assert store.missing(names([1])) == set(names([1]))
    assert {error.slug for error in store.damaged} == {"missing-index"}
    known = Store(large[0], [large[1]], remote=tmp_path)
    assert known.missing(names([1])) == set()
    large_gone = Store(MemoryBucket(), [large[1]], remote=tmp_path)
    assert large_gone.missing(names([1])) == set(names([1]))
    assert [error.slug for error in large_gone.damaged] == ["missing-index"]


def test_what_is_kept_here_and_was_torn_is_fetched_anew(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket = MemoryBucket()
    small = add_index(bucket, map(row, range(100)))
    bucket.add(index_key(large[1]), large[0].get(index_key(large[1])))
    wanted = names([7, 50_000])
    assert Store(bucket, [small, large[1]], remote=tmp_path).missing(wanted) == set()
    kept = sorted(os.listdir(tmp_path))
    assert kept == sorted([small, large[1] + afar.PART])
    for file in kept:
        for bad in (b"", b"\0" * 300, (tmp_path / file).read_bytes()[:-1] + b"?"):
            (tmp_path / file).write_bytes(bad)
            store = Store(bucket, [small, large[1]], remote=tmp_path)
            assert store.missing(wanted) == set()
            assert store.damaged == []


def test_without_room_for_a_cache_it_works_all_the_same(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    bucket = MemoryBucket()
    small = add_index(bucket, map(row, range(100, 120)))
    bucket.add(index_key(large[1]), large[0].get(index_key(large[1])))
    (tmp_path / "file").write_bytes(b"")
    store = Store(bucket, [small, large[1]], remote=tmp_path / "file")
    assert len(store.missing(names(range(59_900, 60_100)))) == 100
    assert store.damaged == []


def test_an_answer_that_is_lost_is_the_bucket_s_error(large: tuple[MemoryBucket, str], tmp_path: Path) -> None:
    class Broken(MemoryBucket):
        def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
            raise ConnectionError("the line is cut")

    with pytest.raises(ConnectionError):
        Store(Broken(), [large[1]], remote=tmp_path).missing(names([1]))
    with pytest.raises(IntegrityError):
        afar.Afar(MemoryBucket(), tmp_path).whole(large[1])
    assert get_many(MemoryBucket(), []) == []
