from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.buckets.memory import MemoryBucket
from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.store.index import (
    MERGED,
    TOP_TIER,
    Index,
    IndexFile,
    build_index,
    fan_out_bits,
    index_key,
    merge_indexes,
    merge_plan,
    tier,
)
from artcli.store.pack import DATA, METADATA, Location, Row
from tests.store.material import refusal

PACKS = [(digest_of(b"pack %d" % i), METADATA if i % 3 == 0 else DATA) for i in range(5)]


def row(i: int) -> Row:
    pack, kind = PACKS[i % len(PACKS)]
    return Row(digest_of(b"%d" % i), pack, 16 + i, i + 1, i + 2, i % 5, kind)


def over(file: IndexFile) -> Index:
    return Index(file.name, memoryview(b"".join(file.buffers)))


def test_the_bytes_are_those_of_the_format() -> None:
    file = build_index([row(7)])
    head = b"art-idx" + struct.pack("<BB3xII", 1, 0, 1, 1)
    place = struct.pack("<IIIIB", 0, 23, 8, 9, 2)
    expected = head + struct.pack("<II", 0, 1) + row(7).digest + place + PACKS[2][0] + bytes([DATA])
    assert b"".join(file.buffers) == expected
    assert file.name == digest_of(expected).hex()
    assert len(expected) < 200


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100, 5000, 40_000])
def test_every_chunk_is_found_and_no_other(count: int) -> None:
    rows = [row(i) for i in range(count)]
    random.Random(count).shuffle(rows)
    index = over(build_index(rows))
    assert len(index) == count
    assert list(index.rows()) == sorted(rows)
    for position, entry in enumerate(sorted(rows)):
        assert index.position(entry.digest) == position
        assert index.find(entry.digest) == Location(*entry[1:6])
    for i in range(500):
        assert index.find(digest_of(b"not %d" % i)) is None
    assert dict(zip(index.packs, index.kinds, strict=True)).items() <= dict(PACKS).items()


def test_a_digest_across_two_others_is_not_found() -> None:
    a, b = b"\0" * 16 + b"\1" * 16, b"\1" * 16 + b"\2" * 16
    across = (a + b)[16:48]
    index = over(build_index([row(1)._replace(digest=a), row(2)._replace(digest=b)]))
    assert index.position(across) == -1
    assert index.position(b) == 1
    both = over(build_index([row(i)._replace(digest=digest) for i, digest in enumerate((a, b, across))]))
    assert both.position(across) == 1


def test_digests_that_crowd_into_one_place_are_found() -> None:
    digests = [b"\7\7" + digest_of(b"%d" % i)[2:] for i in range(2000)]
    index = over(build_index(row(i)._replace(digest=digest) for i, digest in enumerate(digests)))
    assert [index.position(digest) for digest in sorted(digests)] == list(range(2000))
    assert index.position(b"\7\7" + bytes(30)) == index.position(b"\7\7" + b"\xff" * 30) == -1


digests = st.binary(min_size=4, max_size=4).map(lambda head: head + bytes(28))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(digests, max_size=60), max_size=5))
def test_merging_equals_building_from_all(groups: list[list[bytes]]) -> None:
    parts = [[row(i)._replace(digest=digest) for digest in group] for i, group in enumerate(groups)]
    everything = [entry for part in parts for entry in part]
    merged = merge_indexes(over(build_index(part)).rows() for part in parts)
    index = over(merged)
    assert [entry.digest for entry in index.rows()] == sorted({entry.digest for entry in everything})
    assert set(index.rows()) <= set(everything)
    for entry in everything:
        assert index.find(entry.digest) in {Location(*other[1:6]) for other in everything if other[0] == entry[0]}


def test_an_index_depends_on_its_rows_alone() -> None:
    rows = [row(i) for i in range(100)]
    assert merge_indexes([sorted(rows[::2]), sorted(rows[1::2])]) == build_index(reversed(rows))


def test_merging_refuses_rows_out_of_order() -> None:
    with pytest.raises(IntegrityError) as caught:
        merge_indexes([sorted([row(1), row(2), row(3)], reverse=True)])
    assert caught.value.slug == "damaged-index"


def test_the_fan_out_keeps_a_handful_of_digests_a_place() -> None:
    for rows in (1, 7, 8, 1000, 131_072, 400_000):
        assert 1 <= max(rows, 8) / 2 ** fan_out_bits(rows) <= 8
    assert fan_out_bits(30_000_000) == 16


def test_every_flipped_byte_is_found_when_it_is_opened() -> None:
    file = build_index(row(i) for i in range(9))
    data = b"".join(file.buffers)
    for position in range(len(data)):
        bucket = MemoryBucket()
        flipped = bytearray(data)
        flipped[position] ^= 0x04
        bucket.add(index_key(file.name), flipped)
        with pytest.raises(IntegrityError) as caught:
            Index.open(bucket, file.name)
        assert caught.value.slug == "damaged-index"


def use(data: bytes, rows: list[Row]) -> None:
    """All that can be done with an index over `data`."""
    index = Index("name", memoryview(data))
    for entry in rows:
        index.find(entry.digest)
    list(index.rows())


def test_one_too_long_to_verify_names_wrong_places_or_is_refused() -> None:
    """Whatever byte is flipped, a look-up ends with a location, nothing, or `damaged-index`."""
    rows = [row(i) for i in range(60)]
    data = b"".join(build_index(rows).buffers)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0xFF
        assert refusal(lambda data=bytes(flipped): use(data, rows)) in ("", "damaged-index")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_index_or_refused(data: bytes, headed: bool) -> None:
    if headed:
        data = b"art-idx\1" + data
    assert refusal(lambda: use(data, [row(1)])) in ("", "damaged-index")


@pytest.mark.parametrize("change", [-1, 1])
def test_a_cut_or_longer_index_is_refused(change: int) -> None:
    data = b"".join(build_index(row(i) for i in range(20)).buffers)
    with pytest.raises(IntegrityError):
        Index("name", memoryview((data + b"x")[: len(data) + change]))


def test_a_missing_index_is_named() -> None:
    with pytest.raises(IntegrityError) as caught:
        Index.open(MemoryBucket(), "00" * 32)
    assert caught.value.slug == "missing-index"


def test_tiers_are_powers_of_eight() -> None:
    assert [tier(n) for n in (0, 1, 7, 8, 63, 64, 511, 512, 8**6 - 1, 8**6)] == [0, 0, 0, 1, 1, 2, 2, 3, 5, 6]


def test_eight_of_a_tier_merge() -> None:
    assert merge_plan([1] * 7) == []
    assert merge_plan([1] * 8) == [list(range(8))]
    assert merge_plan([5, 100, 5, 100, 5, 5, 5, 5, 5, 5]) == [[0, 2, 4, 5, 6, 7, 8, 9]]


def test_merging_cascades_in_one_step() -> None:
    counts = [8] * 7 + [1] * 8
    assert merge_plan(counts) == [[*range(15)]]


def test_the_largest_are_left_alone() -> None:
    assert merge_plan([8**TOP_TIER] * 20) == []


@given(st.lists(st.integers(1, 8**7), max_size=80))
def test_after_a_plan_no_tier_has_eight(counts: list[int]) -> None:
    plan = merge_plan(counts)
    merged = [position for group in plan for position in group]
    assert len(merged) == len(set(merged))
    left = [count for position, count in enumerate(counts) if position not in merged]
    left += [sum(counts[position] for position in group) for group in plan]
    for level in range(TOP_TIER):
        assert sum(tier(count) == level for count in left) < MERGED
