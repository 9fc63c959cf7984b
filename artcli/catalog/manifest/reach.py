"""Everything that a manifest needs: its pages, its chunk lists' pages, its files' chunks.

For gc, transfer and fsck, which must name all of it without listing files. A subtree whose page is known already is not
read, so that walking a thousand versions of a data set costs little more than walking one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from artcli.catalog.manifest.chunks import open_list, open_list_child
from artcli.catalog.manifest.entry import EXECUTABLE, INLINE, Entry, PageSource, chunk_rows
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import load_root, open_child, open_root
from artcli.content import Digest


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
    chunks: list[tuple[Digest, int]] = []
    lists = []
    for entry in leaf.items:
        if entry.list:
            lists.append(entry)
        elif entry.chunks:
            chunks += chunk_rows(entry.chunks)
        elif entry.kind <= EXECUTABLE and entry.size > INLINE:
            chunks.append((entry.digest, entry.size))
    yield Reached(digest, chunks)
    for entry in lists:
        yield from _list(pages, entry, seen)


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
