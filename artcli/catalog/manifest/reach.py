"""Everything that a manifest needs: its pages, its chunk lists' pages, its files' chunks.

For gc, transfer and fsck, which must name all of it without listing files. A subtree whose page is known already is not
read, so that walking a thousand versions of a data set costs little more than walking one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from artcli.catalog.manifest.chunks import ListPage, open_list, open_list_child
from artcli.catalog.manifest.entry import EXECUTABLE, INLINE, Entry, PageSource, chunk_rows
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import load_root, open_child, open_root
from artcli.content import Buffer, Digest


class Reached(NamedTuple):
    """A page, and the chunks of files that it names itself."""

    page: Digest
    chunks: list[tuple[Digest, int]]
    """(digest, length in bytes); the same chunk may come more than once."""


def walk_pages(pages: PageSource, root_page: Digest, seen: Callable[[Digest], bool]) -> Iterator[Reached]:
    """Each page below and with `root_page`, those above first, with the chunks that it names.

    `seen(page)` is asked once for each page before it is read; where it says True the page and all below it are left
    out. It should remember what it was asked, since equal pages may stand at many places.
    """
    if seen(root_page):
        return
    top = open_root(pages, load_root(pages, root_page))
    yield from _manifest(pages, root_page, top, b"", seen)


BATCH = 128
"""Pages that are asked for, and read, together."""

_Open: TypeAlias = "Callable[[PageSource], Leaf | Inner | ListPage]"
_Lacking: TypeAlias = "Callable[[Sequence[Digest]], Collection[Digest]]"
_Read: TypeAlias = "Callable[[Sequence[Digest]], Mapping[Digest, Buffer]]"


class _Ahead(NamedTuple):
    """A page that is to be read, and how: in agreement with what the page above says of it."""

    digest: Digest
    open: _Open
    floor: bytes = b""
    """All paths in a page of entries are greater."""


def walk_batches(read: _Read, roots: Iterable[Digest], lacking: _Lacking) -> Iterator[list[Reached]]:
    """As `walk_pages`, for pages that are far away: many are asked for and read at a time, in no particular order.

    `lacking` says which of some pages are to be read, all below the others is left out; no page is asked about twice.
    `read` gives the bytes of pages.
    """
    met: set[Digest] = set()
    waiting = [_Ahead(root, partial(_open_top, root)) for root in roots]
    waiting.reverse()
    while waiting:
        batch = {page.digest: page for page in reversed(waiting[-BATCH:]) if page.digest not in met}
        del waiting[-BATCH:]
        met.update(batch)
        wanted = lacking(list(batch))
        found = _Pages(read([digest for digest in batch if digest in wanted]))
        reached = []
        below: list[_Ahead] = []
        for digest, page in batch.items():
            if digest in wanted:
                opened = page.open(found)
                reached.append(Reached(digest, _named_chunks(opened)))
                below += _below(opened, page.floor)
        waiting += reversed(below)
        yield reached


class _Pages:
    """Pages that were read already."""

    def __init__(self, pages: Mapping[Digest, Buffer]) -> None:
        self._pages = pages

    def get(self, digest: Digest, /) -> bytes:
        return bytes(self._pages[digest])


def _open_top(root: Digest, pages: PageSource) -> Leaf | Inner | ListPage:
    return open_root(pages, load_root(pages, root))


def _named_chunks(page: Leaf | Inner | ListPage) -> list[tuple[Digest, int]]:
    if isinstance(page, ListPage):
        return list(page.chunks)
    return _chunks(page) if isinstance(page, Leaf) else []


def _below(page: Leaf | Inner | ListPage, floor: bytes) -> Iterator[_Ahead]:
    if isinstance(page, ListPage):
        for row in page.rows:
            yield _Ahead(row.page, partial(open_list_child, row=row, level=page.level))
    elif isinstance(page, Leaf):
        for entry in page.items:
            if entry.list:
                yield _Ahead(entry.list, partial(open_list, entry=entry))
    else:
        for at, below in enumerate(page.items):
            before = page.paths[at - 1] if at else floor
            opened = partial(open_child, row=below, level=page.level, floor=before)
            yield _Ahead(below.page, opened, before)


def _manifest(
    pages: PageSource, digest: Digest, page: Leaf | Inner, floor: bytes, seen: Callable[[Digest], bool]
) -> Iterator[Reached]:
    if isinstance(page, Leaf):
        yield from _leaf(pages, digest, page, seen)
        return
    yield Reached(digest, [])
    for at, row in enumerate(page.items):
        below = page.paths[at - 1] if at else floor
        if not seen(row.page):
            yield from _manifest(pages, row.page, open_child(pages, row, page.level, below), below, seen)


def _leaf(pages: PageSource, digest: Digest, leaf: Leaf, seen: Callable[[Digest], bool]) -> Iterator[Reached]:
    yield Reached(digest, _chunks(leaf))
    for entry in leaf.items:
        if entry.list:
            yield from _list(pages, entry, seen)


def _chunks(leaf: Leaf) -> list[tuple[Digest, int]]:
    """The chunks that its entries name themselves."""
    chunks: list[tuple[Digest, int]] = []
    for entry in leaf.items:
        if entry.chunks:
            chunks += chunk_rows(entry.chunks)
        elif not entry.list and entry.kind <= EXECUTABLE and entry.size > INLINE:
            chunks.append((entry.digest, entry.size))
    return chunks


def _list(pages: PageSource, entry: Entry, seen: Callable[[Digest], bool]) -> Iterator[Reached]:
    if seen(entry.list):
        return
    waiting = [(entry.list, open_list(pages, entry))]
    while waiting:
        digest, page = waiting.pop()
        yield Reached(digest, list(page.chunks))
        for row in reversed(page.rows):
            if not seen(row.page):
                waiting.append((row.page, open_list_child(pages, row, page.level)))
