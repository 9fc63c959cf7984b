from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.content import digest_of
from artcli.store import chunker
from artcli.store.chunker import AVERAGE, BATCH, LEAST, MOST, cut
from tests.store.material import noise, table

STREAM = noise(6 * 1024 * 1024, "stream")

# fmt: off
GOLDEN_NOISE = [55389, 56832, 77293, 49559, 54308, 55463, 80202, 113920, 20739, 66433, 72017, 70312, 64101,
    45793, 84783, 51152, 116563, 76467, 79251, 50282, 55706, 56351, 60904, 80965]
GOLDEN_NOISE_DIGEST = "df6db34cbf0d95ebc257640e627ccb6a8047e7e3ce62028f5b429688e1ea51ad"
GOLDEN_TABLE = [41064, 57553, 50045, 74654, 71066, 68193, 51542, 28388, 51298, 50639, 63936, 67300, 50939,
    50608, 84492, 52072, 62556, 53207, 56795, 62723, 21973]
# fmt: on


def lengths(data: bytes, block: int) -> list[int]:
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    return [len(chunk) for batch in cut(blocks) for chunk in batch]


def test_the_cuts_of_noise_are_those_of_the_format() -> None:
    assert lengths(STREAM, len(STREAM))[:24] == GOLDEN_NOISE
    assert digest_of(repr(lengths(STREAM, len(STREAM))).encode()).hex() == GOLDEN_NOISE_DIGEST


def test_the_cuts_of_text_are_those_of_the_format() -> None:
    assert lengths(table(40_000), BATCH) == GOLDEN_TABLE


def test_the_cuts_of_zeros_are_those_of_the_format() -> None:
    assert lengths(bytes(1_000_000), BATCH) == [MOST, MOST, MOST, 1_000_000 - 3 * MOST]


def test_lengths_stay_within_their_bounds() -> None:
    found = lengths(STREAM, BATCH)
    assert all(LEAST <= length <= MOST for length in found[:-1])
    assert AVERAGE < sum(found) / len(found) < AVERAGE + 2 * LEAST


def test_nothing_gives_nothing() -> None:
    assert list(cut([])) == []
    assert list(cut([b"", b""])) == []


def test_the_chunks_are_the_stream() -> None:
    blocks = [STREAM[:7], STREAM[7:2_500_000], STREAM[2_500_000:2_500_001], STREAM[2_500_001:]]
    assert b"".join(bytes(chunk) for batch in cut(blocks) for chunk in batch) == STREAM


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.integers(0, len(STREAM)))
def test_how_the_stream_is_split_does_not_matter(borders: list[int], length: int) -> None:
    stream = STREAM[:length]
    at = [0, *sorted(min(border, length) for border in borders), length]
    blocks = [stream[a:b] for a, b in pairwise(at)]
    assert [len(chunk) for batch in cut(blocks) for chunk in batch] == lengths(stream, max(length, 1))


@pytest.mark.parametrize("block", [1000, 70_000, BATCH - 1, BATCH, BATCH + 1, 4 * BATCH])
def test_the_size_of_blocks_does_not_matter(block: int) -> None:
    assert lengths(STREAM, block) == lengths(STREAM, len(STREAM))


def test_a_block_may_be_overwritten_when_its_batch_is_done() -> None:
    """One buffer is read into again and again; a chunk that spans two blocks must not change with it."""
    buffer = bytearray(BATCH)

    def blocks() -> Iterator[memoryview]:
        for start in range(0, len(STREAM), BATCH):
            buffer[:] = STREAM[start : start + BATCH]
            yield memoryview(buffer)

    whole = bytearray()
    for batch in cut(blocks()):
        for chunk in batch:
            whole += chunk
    assert whole == STREAM


def test_an_insertion_changes_few_chunks() -> None:
    before = {digest_of(chunk) for batch in cut([STREAM]) for chunk in batch}
    after = {
        digest_of(chunk) for batch in cut([STREAM[:3_000_000], b"inserted", STREAM[3_000_000:]]) for chunk in batch
    }
    assert len(after - before) <= 3


def test_the_compiled_cutter_is_here() -> None:
    assert chunker.native()
