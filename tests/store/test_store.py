from __future__ import annotations

import random
import threading
from functools import partial

import pytest

from artcli.buckets.bucket import Bucket
from artcli.buckets.memory import MemoryBucket
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store import ranges as ranges_module
from artcli.store.index import build_index, index_key
from artcli.store.pack import Location, Row, pack_key
from artcli.store.ranges import GAP, LENGTH, STORED, ranges
from artcli.store.store import Store
from tests.store.material import keep, noise, raw_frame, refusal, table, weights

CHUNKS = [
    *(noise(300 + 7 * i, str(i)) for i in range(40)),
    *(table(50 + i) for i in range(10)),
    *(weights(4000 + i, i) for i in range(5)),
]


def filled(bucket: Bucket, chunks: list[bytes] = CHUNKS) -> Store:
    with Store(bucket, []).writer() as writer:
        for chunk in chunks:
            keep(writer, chunk)
        return Store(bucket, writer.flush().add)


def replaced(bucket: MemoryBucket, key: str, data: bytes) -> None:
    bucket.delete(key)
    bucket.add(key, data)


def same(store: Store, chunk: bytes) -> None:
    assert store.get(digest_of(chunk)) == chunk


def only(bucket: MemoryBucket, prefix: str) -> str:
    (item,) = bucket.list(prefix)
    return item.key


def test_what_was_stored_comes_back() -> None:
    store = filled(MemoryBucket())
    for chunk in CHUNKS:
        assert store.get(digest_of(chunk)) == chunk
        assert digest_of(chunk) in store
    absent = digest_of(b"absent")
    assert absent not in store
    assert store.missing([digest_of(CHUNKS[0]), absent]) == {absent}
    assert store.damaged == []


def test_an_unknown_chunk_is_named() -> None:
    with pytest.raises(IntegrityError) as caught:
        Store(MemoryBucket(), []).get(bytes(32))
    assert caught.value.slug == "missing-chunk"
    assert bytes(32).hex() in caught.value.message


@pytest.mark.parametrize("workers", [1, 3])
def test_reading_gives_every_digest_as_often_as_asked(workers: int) -> None:
    store = filled(MemoryBucket())
    asked = [digest_of(chunk) for chunk in CHUNKS] * 2
    random.Random(1).shuffle(asked)
    found = list(store.read(asked, workers=workers))
    assert sorted(digest for digest, _ in found) == sorted(asked)
    assert all(digest_of(plain) == digest for digest, plain in found)


def test_reading_goes_through_a_pack_from_front_to_back() -> None:
    store = filled(MemoryBucket())
    digests = [digest_of(chunk) for chunk in CHUNKS]
    assert [digest for digest, _ in store.read(reversed(digests), workers=2)] == digests


def test_reading_stops_at_a_missing_chunk_or_tells_of_it() -> None:
    store = filled(MemoryBucket())
    asked = [digest_of(CHUNKS[0]), bytes(32), digest_of(CHUNKS[1])]
    with pytest.raises(IntegrityError) as caught:
        list(store.read(asked, workers=2))
    assert caught.value.slug == "missing-chunk"
    told: list[tuple[Digest, str]] = []
    found = list(store.read(asked, workers=2, failed=lambda digest, error: told.append((digest, error.slug))))
    assert {digest for digest, _ in found} == {asked[0], asked[2]}
    assert told == [(bytes(32), "missing-chunk")]


def test_a_reader_that_stops_early_leaves_no_thread() -> None:
    store = filled(MemoryBucket())
    before = threading.active_count()
    reading = store.read([digest_of(chunk) for chunk in CHUNKS], workers=3)
    next(reading)
    reading.close()
    assert threading.active_count() == before


# --- ranges ---


def located(*places: tuple[int, int, int]) -> tuple[dict[Digest, Location], list[Digest]]:
    """Chunks at (pack number, offset, stored length)."""
    found = {
        digest_of(b"%d" % i): Location(bytes([pack]) * 32, offset, stored, stored, 0)
        for i, (pack, offset, stored) in enumerate(places)
    }
    return found, list(found)


def test_neighbours_are_read_together_over_small_gaps() -> None:
    found, digests = located((1, 16, 100), (1, 116, 100), (1, 216 + GAP, 50), (1, 267 + 2 * GAP, 50), (2, 16, 1))
    assert [(part.pack[0], part.start, part.end) for part in ranges(found.get, digests)] == [
        (1, 16, 266 + GAP),
        (1, 267 + 2 * GAP, 317 + 2 * GAP),
        (2, 16, 17),
    ]


def test_ranges_stay_small_and_so_do_their_chunks() -> None:
    found, digests = located(*((1, 16 + 100_000 * i, 100_000) for i in range(100)))
    assert all(part.end - part.start <= STORED for part in ranges(found.get, digests))
    bombs = {digest: place._replace(stored=10, length=1_000_000) for digest, place in found.items()}
    assert all(
        sum(place.length for _, place in part.chunks if place) <= LENGTH + 1_000_000
        for part in ranges(bombs.get, digests)
    )


def test_memory_is_bounded_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges begin to come before more than a window of digests was taken."""
    monkeypatch.setattr(ranges_module, "WINDOW", 10)
    found, digests = located(*((1, 16 + 10 * i, 10) for i in range(100)))
    taken = 0

    def counted() -> object:
        nonlocal taken
        for digest in digests:
            taken += 1
            yield digest

    next(ranges(found.get, counted()))  # type: ignore[arg-type]
    assert taken == 10


# --- damage ---


def test_another_copy_is_tried_when_one_is_damaged_or_gone() -> None:
    bucket = MemoryBucket()
    first = filled(bucket, CHUNKS[:3])
    first_pack = only(bucket, "packs/")
    second = Store(bucket, [])
    with second.writer() as writer:
        for chunk in CHUNKS[:3]:
            keep(writer, chunk)
        names = writer.flush().add
    both = Store(bucket, [*(index.name for index in first.indexes), *names])
    original = bucket.get(first_pack)
    for damage in (bytes(len(original)), original[:50], None):
        bucket.delete(first_pack)
        if damage is not None:
            bucket.add(first_pack, damage)
        assert [both.get(digest_of(chunk)) for chunk in CHUNKS[:3]] == CHUNKS[:3]
        assert len(list(both.read(map(digest_of, CHUNKS[:3]), workers=1))) == 3


def test_a_missing_pack_is_named() -> None:
    bucket = MemoryBucket()
    store = filled(bucket, CHUNKS[:1])
    pack = only(bucket, "packs/")
    bucket.delete(pack)
    with pytest.raises(IntegrityError) as caught:
        store.get(digest_of(CHUNKS[0]))
    assert caught.value.slug == "missing-chunk"
    assert pack.rpartition("/")[2] in caught.value.message


def test_a_damaged_index_hides_its_chunks_and_no_others() -> None:
    bucket = MemoryBucket()
    first = filled(bucket, CHUNKS[:3])
    second = filled(bucket, CHUNKS[3:6])
    bad, good = first.indexes[0].name, second.indexes[0].name
    replaced(bucket, index_key(bad), b"not an index")
    store = Store(bucket, [bad, good, "00" * 32])
    assert [error.slug for error in store.damaged] == ["damaged-index", "missing-index"]
    assert store.get(digest_of(CHUNKS[3])) == CHUNKS[3]
    with pytest.raises(IntegrityError) as caught:
        store.get(digest_of(CHUNKS[0]))
    assert bad in caught.value.facts[0]


def test_no_flipped_byte_of_a_pack_gives_wrong_bytes() -> None:
    bucket = MemoryBucket()
    chunks = [noise(40, "a"), table(8), weights(200)]
    store = filled(bucket, chunks)
    key = only(bucket, "packs/")
    good = bucket.get(key)
    harmed = 0
    for position in range(len(good)):
        flipped = bytearray(good)
        flipped[position] ^= 1 << position % 8
        replaced(bucket, key, bytes(flipped))
        for chunk in chunks:
            slug = refusal(partial(same, store, chunk))
            assert slug in ("", "damaged-chunk")
            harmed += slug != ""
    stored = sum(place.stored for place in map(store.find, map(digest_of, chunks)) if place)
    assert harmed >= 0.99 * stored  # a few bits of a compressed frame mean nothing


def test_no_flipped_byte_of_an_index_gives_wrong_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were too long to be verified when it is opened."""
    monkeypatch.setattr("artcli.store.index.VERIFIED_SIZE", 0)
    bucket = MemoryBucket()
    chunks = [noise(40, str(i)) for i in range(9)]
    flipped_one, sound = (filled(bucket, chunks).indexes[0].name for _ in range(2))
    good = bucket.get(index_key(flipped_one))
    for position in range(len(good)):
        for mask in (0x01, 0x80):
            flipped = bytearray(good)
            flipped[position] ^= mask
            replaced(bucket, index_key(flipped_one), bytes(flipped))
            alone, both = Store(bucket, [flipped_one]), Store(bucket, [flipped_one, sound])
            for chunk in chunks:
                assert refusal(partial(same, alone, chunk)) in ("", "missing-chunk", "damaged-chunk", "unknown-codec")
                same(both, chunk)


def test_an_index_that_lies_is_refused() -> None:
    bucket = MemoryBucket()
    chunk = noise(5000)
    store = filled(bucket, [chunk])
    place = store.find(digest_of(chunk))
    assert place is not None
    lies = [
        place._replace(offset=0),
        place._replace(offset=2**32 - 1),
        place._replace(stored=2**32 - 1, length=2**32 - 1),
        place._replace(stored=2**32 - 1),
        place._replace(stored=0, length=0),
        place._replace(length=2**20 + 1, codec=1),
        place._replace(codec=9),
        place._replace(codec=1),
        place._replace(codec=2),
        place._replace(pack=bytes(32)),
        place._replace(stored=4999, length=4999),
    ]
    for lie in lies:
        file = build_index([Row(digest_of(chunk), *lie)])
        bucket.add(index_key(file.name), file.buffers)
        liar = Store(bucket, [file.name])
        with pytest.raises(IntegrityError):
            liar.get(digest_of(chunk))
        with pytest.raises(IntegrityError):
            list(liar.read([digest_of(chunk)], workers=1))
        honest_too = Store(bucket, [file.name, store.indexes[0].name])
        assert honest_too.get(digest_of(chunk)) == chunk
        assert [bytes(plain) for _, plain in honest_too.read([digest_of(chunk)], workers=1)] == [chunk]


def test_a_right_pack_at_the_wrong_name_gives_no_wrong_bytes() -> None:
    bucket = MemoryBucket()
    stores = [filled(bucket, [noise(500, str(i))]) for i in range(2)]
    keys = [pack_key(store.indexes[0].packs[0]) for store in stores]
    first, second = (bucket.get(key) for key in keys)
    replaced(bucket, keys[0], second)
    replaced(bucket, keys[1], first)
    for i, store in enumerate(stores):
        with pytest.raises(IntegrityError):
            store.get(digest_of(noise(500, str(i))))


def test_a_codec_of_the_future_is_named() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        writer.add(raw_frame(b"future")._replace(codec=16))
        store = Store(bucket, writer.flush().add)
    with pytest.raises(IntegrityError) as caught:
        store.get(digest_of(b"future"))
    assert caught.value.slug == "unknown-codec"


def test_a_place_with_many_small_indexes_asks_them_as_one() -> None:
    bucket, live = MemoryBucket(), []
    for number in range(65):
        with Store(bucket, []).writer() as writer:
            keep(writer, noise(300, f"{number}"))
            live += writer.flush().add
    store = Store(bucket, live)
    assert store.missing([digest_of(noise(300, f"{number}")) for number in range(65)]) == set()
    assert store._lookup._joined is not None
    assert len(store.indexes) == 65
    assert store.get(digest_of(noise(300, "7"))) == noise(300, "7")
    once = Store(bucket, live)
    assert once.find(digest_of(noise(300, "7"))) is not None
    assert once._lookup._joined is None, "that costs more than a few questions do"
