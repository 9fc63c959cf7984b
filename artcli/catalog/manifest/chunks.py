"""Chunk lists: of what chunks a file is made, in order.

A file of one chunk has that chunk's digest; one of 2 to 16 chunks names them in its entry; more go into a tree of list
pages, cut by the chunks' own digests, so that a change in a file of 100 GB writes a page or two a level. A chunk ends
its page if the low 5 bits of its digest's first byte are 0, or if it is the 512th; above, a page's row does by its page
digest (levels 1 to 3, and not the first row). With 7 bits, as for entries, an edit in a file of 2 GB wrote 31 KB of
pages; with 5 it writes half.

List page (little-endian, `n` the count, nothing after the end)
    magic            4          "acl1"
    level            u8         0 for a page of chunks, at most 15
    count            u16        n: 1 to 512
  level 0
    length           u32 × n    of the chunk, 1 to 262,144
    digest           32 × n     of the chunk
  above
    chunks           u64 × n    chunks below
    size             u64 × n    bytes of the file below
    page digest      32 × n     of the page below
The root has more than 16 chunks, and more than one row if it is above level 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from artcli.catalog.manifest import layers
from artcli.catalog.manifest.entry import (
    CHUNK_LIMIT,
    EXECUTABLE,
    INLINE,
    LISTED_HERE,
    Entry,
    Pages,
    PageSource,
    chunk_rows,
    damaged,
    shown,
)
from artcli.catalog.manifest.layers import COUNT_LIMIT, Layers
from artcli.catalog.manifest.page import HEADER, LEVEL_LIMIT
from artcli.content import DIGEST_SIZE, Digest, digest_of

MAGIC = b"acl1"
CUT_MASK = (1 << 5) - 1
"""The bits of a digest's first byte that are 0 where a chunk, or a row, ends its page."""


class ListRow(NamedTuple):
    """What a list page says about one page below it."""

    chunks: int
    size: int
    page: Digest


class ListPage(NamedTuple):
    """A decoded list page: its chunks, or the rows of the pages below it."""

    level: int
    chunks: Sequence[tuple[Digest, int]]
    rows: Sequence[ListRow]
    total: int
    """Chunks in all pages below."""
    size: int


def put_chunk_list(pages: Pages, chunks: Iterable[tuple[Digest, int]]) -> tuple[bytes, bytes]:
    """Keep the chunks of a file; gives the fields `chunks` and `list` of its entry. Streams."""
    source = iter(chunks)
    first = list(islice(source, LISTED_HERE + 1))
    if len(first) <= LISTED_HERE:
        return (
            (b"".join([digest + length.to_bytes(4, "little") for digest, length in first]), b"")
            if first[1:]
            else (b"", b"")
        )
    above = Layers[ListRow](_measure, lambda level, rows: _store(pages, level, rows), _ends_page)
    leaf: list[tuple[Digest, int]] = []
    for part in (first, source):
        for chunk in part:
            leaf.append(chunk)
            if not chunk[0][0] & CUT_MASK or len(leaf) == layers.COUNT_LIMIT:
                above.add(1, _store_leaf(pages, leaf))
                leaf.clear()
    if leaf:
        above.add(1, _store_leaf(pages, leaf))
    page = above.root().page
    while len(rows := decode_list(pages.get(page)).rows) == 1:
        page = rows[0].page
    return b"", page


def _ends_page(level: int, count: int, digest: Digest) -> bool:
    """A page's digest is a new hash at each level, so as many bits are enough at each; one row alone is no page."""
    return count > 1 and level < layers.CUT_LEVELS and not digest[0] & CUT_MASK


def chunk_list(pages: PageSource, entry: Entry) -> Iterator[tuple[Digest, int]]:
    """The chunks (digest, length in bytes) that make up an entry, in order; none for what is kept in its entry.

    Raises `IntegrityError` where the list's pages disagree with each other or with the entry's size.
    """
    if entry.kind > EXECUTABLE or entry.size <= INLINE:
        return iter(())
    if entry.list:
        return _listed(pages, entry)
    return iter(chunk_rows(entry.chunks) if entry.chunks else [(entry.digest, entry.size)])


def _listed(pages: PageSource, entry: Entry) -> Iterator[tuple[Digest, int]]:
    top = open_list(pages, entry)
    waiting: list[tuple[int, Iterator[ListRow]]] = [(top.level, iter(top.rows))]
    yield from top.chunks
    while waiting:
        level, rows = waiting[-1]
        row = next(rows, None)
        if row is None:
            waiting.pop()
            continue
        page = open_list_child(pages, row, level)
        yield from page.chunks
        if page.rows:
            waiting.append((page.level, iter(page.rows)))


def open_list(pages: PageSource, entry: Entry) -> ListPage:
    """The root page of an entry's chunk list, in agreement with the entry."""
    top = _load(pages, entry.list)
    if top.size != entry.size or top.total <= LISTED_HERE or len(top.rows) == 1:
        raise damaged(f"the chunk list of {shown(entry.path)} is not that of a file of {entry.size} bytes")
    return top


def open_list_child(pages: PageSource, row: ListRow, level: int) -> ListPage:
    """The page of a row of a list page of `level`, in agreement with the row."""
    page = _load(pages, row.page)
    if page.level != level - 1 or (page.total, page.size) != row[:2]:
        raise damaged(f"the list page {row.page.hex()[:12]} is not what the page above says")
    return page


def _load(pages: PageSource, digest: Digest) -> ListPage:
    data = pages.get(digest)
    if digest_of(data) != digest:
        raise damaged(f"the list page {digest.hex()[:12]} has other bytes than its name says")
    return decode_list(data)


def decode_list(page: bytes) -> ListPage:
    """The list page of these bytes; raises `IntegrityError` unless a writer would have made them."""
    if len(page) < HEADER.size:
        raise damaged("a list page is cut short")
    magic, level, count = HEADER.unpack_from(page)
    width = DIGEST_SIZE + (16 if level else 4)
    if magic != MAGIC or level > LEVEL_LIMIT or not 1 <= count <= COUNT_LIMIT:
        raise damaged("a list page does not start as one of format 1 does")
    if len(page) != HEADER.size + count * width:
        raise damaged("a list page is longer or shorter than its count says")
    start = len(page) - DIGEST_SIZE * count
    digests = [page[at : at + DIGEST_SIZE] for at in range(start, len(page), DIGEST_SIZE)]
    if level == 0:
        lengths = struct.unpack_from(f"<{count}I", page, HEADER.size)
        if min(lengths) < 1 or max(lengths) > CHUNK_LIMIT:
            raise damaged("a list page names a chunk of a length that no chunk has")
        return ListPage(0, list(zip(digests, lengths, strict=True)), (), count, sum(lengths))
    numbers = struct.unpack_from(f"<{2 * count}Q", page, HEADER.size)
    rows = list(map(ListRow, numbers[:count], numbers[count:], digests))
    return ListPage(level, (), rows, sum(numbers[:count]), sum(numbers[count:]))


def _store_leaf(pages: Pages, chunks: Sequence[tuple[Digest, int]]) -> ListRow:
    digests, lengths = zip(*chunks, strict=True)
    if min(lengths) < 1 or max(lengths) > CHUNK_LIMIT:
        raise ValueError("a chunk has 1 to 262,144 bytes")
    count = len(chunks)
    page = HEADER.pack(MAGIC, 0, count) + struct.pack(f"<{count}I", *lengths) + b"".join(digests)
    return ListRow(count, sum(lengths), pages.put(page))


def _store(pages: Pages, level: int, rows: Sequence[ListRow]) -> ListRow:
    counts, sizes, digests = zip(*rows, strict=True)
    count = len(rows)
    page = HEADER.pack(MAGIC, level, count) + struct.pack(f"<{2 * count}Q", *counts, *sizes) + b"".join(digests)
    return ListRow(sum(counts), sum(sizes), pages.put(page))


def _measure(row: ListRow) -> tuple[Digest, int]:
    return row.page, 0
