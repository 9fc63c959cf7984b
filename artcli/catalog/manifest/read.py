"""Reading manifests: listed, searched, from any hand.

Whatever is read is checked against what named it: a page's bytes against their digest, its level, paths, totals and
content digest against the row of the page above. A page that nobody asks for is not read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain

from artcli.catalog.manifest.entry import Entry, Nesting, PageSource, Root, damaged, shown
from artcli.catalog.manifest.page import Inner, Leaf, Row, decode_page
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError


def load_root(pages: PageSource, page: Digest) -> Root:
    """The manifest whose root page has this digest; raises `IntegrityError` if that page is damaged."""
    top = _load_top(pages, page)
    return Root(page, top.content, top.entries, top.size)


def open_root(pages: PageSource, root: Root) -> Leaf | Inner:
    """The root page, in agreement with what `root` says."""
    top = _load_top(pages, root.page)
    if (top.content, top.entries, top.size) != root[1:]:
        raise damaged(f"the root page {root.page.hex()[:12]} is not what its version says")
    return top


def open_child(pages: PageSource, row: Row, level: int, floor: bytes) -> Leaf | Inner:
    """The page of a row of a page of `level`, in agreement with the row; all its paths are greater than `floor`."""
    page = _load(pages, row.page)
    if page.level != level - 1 or not page.paths:
        raise damaged(f"a page of level {page.level} stands below one of level {level}")
    said = (page.paths[-1], row.page, page.content, page.entries, page.size)
    if said != row or page.paths[0] <= floor:
        raise damaged(f"the page that ends at {shown(row.last)} is not what the page above says")
    return page


def _load_top(pages: PageSource, digest: Digest) -> Leaf | Inner:
    page = _load(pages, digest)
    if isinstance(page, Inner) and len(page.items) == 1:
        raise damaged("the root page has a single row")
    return page


def _load(pages: PageSource, digest: Digest) -> Leaf | Inner:
    data = pages.get(digest)
    if digest_of(data) != digest:
        raise damaged(f"the page {digest.hex()[:12]} has other bytes than its name says")
    return decode_page(data)


def leaves(pages: PageSource, root: Root, prefix: bytes = b"") -> Iterator[Sequence[Entry]]:
    """The entries whose path starts with `prefix`, in order, as many at a time as a page holds."""
    nesting = Nesting(IntegrityError)
    for leaf in _leaves_from(pages, open_root(pages, root), b"", prefix):
        nesting.add(leaf.paths)
        start, end = bisect_left(leaf.paths, prefix), len(leaf.paths)
        if end and not leaf.paths[-1].startswith(prefix):
            end = bisect_left(leaf.paths, True, start, key=lambda path: not path.startswith(prefix))
        if start < end:
            yield leaf.items[start:end]
        if end < len(leaf.paths):
            return


def entries(pages: PageSource, root: Root, prefix: bytes = b"") -> Iterator[Entry]:
    """The entries whose path starts with the bytes `prefix` ("train/" for a directory), in order; reads only the pages
    that they are in."""
    return chain.from_iterable(leaves(pages, root, prefix))


def _leaves_from(pages: PageSource, page: Leaf | Inner, floor: bytes, start: bytes) -> Iterator[Leaf]:
    """The leaves below `page` from the one that would hold the path `start`."""
    if isinstance(page, Leaf):
        yield page
        return
    first = bisect_left(page.paths, start)
    for at in range(first, len(page.items)):
        below = page.paths[at - 1] if at else floor
        yield from _leaves_from(pages, open_child(pages, page.items[at], page.level, below), below, start)


def find(pages: PageSource, root: Root, path: bytes) -> Entry | None:
    """The entry of this path, or None; reads one page a level."""
    return Finder(pages, root).find(path)


class Finder:
    """Finds many paths of one manifest: a path near the one asked for before costs no page."""

    def __init__(self, pages: PageSource, root: Root) -> None:
        self._pages = pages
        self._down: list[tuple[Leaf | Inner, bytes]] = [(open_root(pages, root), b"")]
        """The pages from the root to where the last path was looked for, each with the path that stands before it."""

    def find(self, path: bytes) -> Entry | None:
        """The entry of this path, or None."""
        while len(self._down) > 1:
            page, floor = self._down[-1]
            if floor < path <= page.paths[-1]:
                break
            self._down.pop()
        page, floor = self._down[-1]
        while isinstance(page, Inner):
            at = bisect_left(page.paths, path)
            if at == len(page.items):
                return None
            floor = page.paths[at - 1] if at else floor
            page = open_child(self._pages, page.items[at], page.level, floor)
            self._down.append((page, floor))
        at = bisect_left(page.paths, path)
        return page.items[at] if at < len(page.items) and page.paths[at] == path else None
