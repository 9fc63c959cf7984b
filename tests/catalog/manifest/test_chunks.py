"""Chunk lists round trip, share pages, and lie about nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.manifest import DIRECTORY, Entry, chunk_list, layers, put_chunk_list
from artcli.catalog.manifest import chunks as chunks_module
from artcli.catalog.manifest.chunks import decode_list
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError
from tests.catalog.manifest.kit import DictPages, file_entry, some_digest


def chunks_of(seed: int, count: int) -> list[tuple[Digest, int]]:
    dice = random.Random(seed)
    return [(dice.randbytes(32), dice.randrange(1, 262145)) for _ in range(count)]


def entry_of(pages: DictPages, chunks: list[tuple[Digest, int]]) -> Entry:
    packed, listed = put_chunk_list(pages, iter(chunks))
    return Entry(b"big", 0, sum(length for _, length in chunks), some_digest("whole"), None, packed, listed)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.one_of(st.integers(2, 40), st.integers(2, 3000)))
def test_round_trip(seed: int, count: int) -> None:
    pages = DictPages()
    chunks = chunks_of(seed, count)
    entry = entry_of(pages, chunks)
    assert list(chunk_list(pages, entry)) == chunks
    assert bool(entry.list) == (count > 16)
    assert len(entry.chunks) == (36 * count if count <= 16 else 0)


def test_small_entries_have_no_list() -> None:
    pages = DictPages()
    assert put_chunk_list(pages, []) == put_chunk_list(pages, [(some_digest(1), 5)]) == (b"", b"")
    assert list(chunk_list(pages, file_entry(b"a", b"small"))) == []
    assert list(chunk_list(pages, Entry(b"a", DIRECTORY, 0, digest_of(b"")))) == []
    assert list(chunk_list(pages, Entry(b"a", 1, 300, some_digest(2)))) == [(some_digest(2), 300)]


@pytest.mark.parametrize("digest", [b"\0" * 32, b"\x01" * 32, b"\x80" + b"\0" * 31])
@pytest.mark.parametrize("count", [17, 128, 512, 513, 70000])
def test_a_file_of_equal_chunks(digest: Digest, count: int) -> None:
    pages = DictPages()
    entry = entry_of(pages, [(digest, 4096)] * count)
    assert sum(1 for _ in chunk_list(pages, entry)) == count


def test_one_changed_chunk_writes_few_pages() -> None:
    pages = DictPages()
    chunks = chunks_of(1, 20000)
    entry_of(pages, chunks)
    before = len(pages.kept)
    assert before > 120
    for at in (0, 777, 12345, 19999):
        kept = len(pages.kept)
        changed = [*chunks[:at], (some_digest("new"), 70000), *chunks[at + 1 :]]
        entry_of(pages, changed)
        assert len(pages.kept) - kept <= 6


def test_deep_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks_module, "CUT_MASK", 1)
    monkeypatch.setattr(layers, "COUNT_LIMIT", 3)
    for count in (17, 100, 2000):
        pages = DictPages()
        chunks = chunks_of(count, count)
        entry = entry_of(pages, chunks)
        assert decode_list(pages.kept[entry.list]).level > 2
        assert list(chunk_list(pages, entry)) == chunks


def test_wrong_size_is_found_before_a_chunk_is_given() -> None:
    pages = DictPages()
    entry = entry_of(pages, chunks_of(3, 2000))
    for size in (entry.size - 1, entry.size + 1, 257):
        with pytest.raises(IntegrityError) as caught:
            next(chunk_list(pages, entry._replace(size=size)))
        assert caught.value.slug == "damaged-manifest"
        assert "big" in caught.value.message


def test_lengths_that_no_chunk_has_are_not_written() -> None:
    for length in (0, 262145):
        with pytest.raises(ValueError):
            put_chunk_list(DictPages(), [(some_digest(1), length)] * 20)


def test_an_added_leaf_of_a_huge_file_writes_few_pages() -> None:
    pages = DictPages()
    chunks = chunks_of(1, 150_000)
    entry_of(pages, chunks)
    kept = len(pages.kept)
    entry_of(pages, [*chunks[:70_000], *chunks_of(2, 300), *chunks[70_000:]])
    assert len(pages.kept) - kept <= 25
