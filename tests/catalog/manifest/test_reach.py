"""Everything below a root is named once, and what is known is not read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.manifest import Entry, apply, build, chunk_list, put_chunk_list, walk_batches, walk_pages
from artcli.content import Digest
from artcli.errors import IntegrityError
from tests.catalog.manifest.kit import DictPages, make_entry, make_paths, some_digest


class Known(set[Digest]):
    """Remembers what it was asked."""

    def seen(self, digest: Digest) -> bool:
        known = digest in self
        self.add(digest)
        return known


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 1500))
def test_all_pages_and_chunks(seed: int, count: int) -> None:
    pages = DictPages()
    rows = [make_entry(pages, path, seed + at) for at, path in enumerate(make_paths(seed, count))]
    wanted = sorted(chunk for row in rows for chunk in chunk_list(pages, row))
    root = build(pages, rows)
    reached = list(walk_pages(pages, root.page, Known().seen))
    assert sorted(chunk for one in reached for chunk in one.chunks) == wanted
    # nothing but these pages was kept: no page was written in vain
    assert sorted(one.page for one in reached) == sorted(pages.kept)
    assert reached[0].page == root.page
    in_batches = [one for batch in walk_batches(pages.read, [root.page], set) for one in batch]
    assert sorted(in_batches) == sorted(reached)


def test_batches_ask_for_many_at_once_and_leave_out_what_is_not_lacking() -> None:
    pages = DictPages()
    listed = put_chunk_list(pages, [(some_digest("c", at), 100000) for at in range(3000)])
    rows = [Entry(b"%05d" % at, 0, 1000, some_digest(at)) for at in range(5000)]
    rows[2500] = Entry(b"02500", 0, 3000 * 100000, some_digest("w"), None, *listed)
    first = build(pages, rows)
    second = apply(pages, first, [(b"00100", None)])
    asked: list[int] = []

    def lacking(digests: Sequence[Digest]) -> set[Digest]:
        asked.append(len(digests))
        return set(digests)

    everything = [one for batch in walk_batches(pages.read, [first.page, first.page], lacking) for one in batch]
    assert {one.page for one in everything} | {second.page} <= set(pages.kept)
    assert sum(len(one.chunks) for one in everything) == 4999 + 3000
    assert len(everything) == sum(asked)
    assert len(asked) <= 8
    known = {one.page for one in everything}
    news = list(walk_batches(pages.read, [second.page], lambda digests: set(digests) - known))
    assert 1 <= sum(map(len, news)) <= 4


def test_a_page_that_is_not_what_the_one_above_says_is_refused_in_batches() -> None:
    pages = DictPages()
    root = build(pages, [Entry(b"%05d" % at, 0, 1000, some_digest(at)) for at in range(5000)])
    other = build(pages, [Entry(b"%05d" % at, 0, 1001, some_digest(at)) for at in range(5000)])
    (wrong,) = [one.page for one in walk_pages(pages, other.page, Known().seen)][-1:]
    (right,) = [one.page for one in walk_pages(pages, root.page, Known().seen)][-1:]

    def read(digests: Sequence[Digest]) -> dict[Digest, bytes]:
        return {digest: pages.get(wrong if digest == right else digest) for digest in digests}

    with pytest.raises(IntegrityError):
        list(walk_batches(read, [root.page], set))


def test_what_is_known_is_not_read() -> None:
    pages = DictPages()
    rows = [Entry(b"%05d" % at, 0, 1000, some_digest(at)) for at in range(5000)]
    listed = put_chunk_list(pages, [(some_digest("c", at), 100000) for at in range(3000)])
    rows[2500] = Entry(b"02500", 0, 3000 * 100000, some_digest("w"), None, *listed)
    first = build(pages, rows)
    second = apply(pages, first, [(b"00100", None)])
    known = Known()
    all_of_first = list(walk_pages(pages, first.page, known.seen))
    assert sum(len(one.chunks) for one in all_of_first) == 4999 + 3000
    pages.gets = 0
    news = list(walk_pages(pages, second.page, known.seen))
    assert len(news) <= 4
    assert pages.gets <= 5
    assert list(walk_pages(pages, second.page, known.seen)) == []


def test_equal_list_pages_are_read_once() -> None:
    pages = DictPages()
    listed = put_chunk_list(pages, [(b"\x01" * 32, 1000)] * 100_000)
    root = build(pages, [Entry(b"zeros", 0, 100_000_000, some_digest("z"), None, *listed)])
    pages.gets = 0
    reached = list(walk_pages(pages, root.page, Known().seen))
    assert len(reached) == len({one.page for one in reached})
    assert pages.gets <= 6
