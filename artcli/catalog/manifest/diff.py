"""What differs between two manifests, reading only pages that differ.

Two cursors walk the trees. Where both stand on pages of the same content, both pages are passed unread; a page whose
paths all lie before the other side's is on one side alone; else the higher page is opened, and at last entries are
compared. Since cuts depend on the entries alone, equal stretches come to equal pages soon after a difference.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from artcli.catalog.manifest.entry import Entry, PageSource, Root
from artcli.catalog.manifest.page import Inner, Leaf, Row
from artcli.catalog.manifest.read import open_child, open_root


def diff(pages: PageSource, a: Root, b: Root) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The entries that are in one manifest only, or differ in kind, size or digest, as (in a, in b), by path.

    How a file is cut into chunks is no difference.
    """
    if a.content == b.content:
        return
    left, right = _Cursor(pages, a), _Cursor(pages, b)
    while left.item is not None and right.item is not None:
        one, other = left.item, right.item
        if isinstance(one, Row) and isinstance(other, Row) and one.content == other.content:
            left.step()
            right.step()
        elif left.height == right.height == 0:
            yield from _two_leaves(left, right)
        elif one[0] <= right.floor:
            for entry in left.drain():
                yield entry, None
        elif other[0] <= left.floor:
            for entry in right.drain():
                yield None, entry
        else:
            height = max(left.height, right.height)
            for cursor in (left, right):
                if cursor.height == height:
                    cursor.enter()
    while left.item is not None:
        for entry in left.drain():
            yield entry, None
    while right.item is not None:
        for entry in right.drain():
            yield None, entry


def _two_leaves(left: _Cursor, right: _Cursor) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Compare two cursors that are on entries, until one of them is past its leaf."""
    these, those = left.rest(), right.rest()
    at = to = 0
    while at < len(these) and to < len(those):
        one, other = these[at], those[to]
        if one[0] == other[0]:
            at += 1
            to += 1
            if one[3] != other[3] or one[1:3] != other[1:3]:
                yield one, other
        elif one[0] < other[0]:
            at += 1
            yield one, None
        else:
            to += 1
            yield None, other
    left.step(at)
    right.step(to)


class _Cursor:
    """A place in a tree: on an entry, or on a row that stands for all entries below it."""

    def __init__(self, pages: PageSource, root: Root) -> None:
        self._pages = pages
        self._above: list[tuple[Inner, int, bytes]] = []
        self._page: Leaf | Inner = open_root(pages, root)
        self._at = 0
        self._bound = b""
        """All paths of the page are greater."""

    @property
    def item(self) -> Entry | Row | None:
        """What the cursor is on; None at the end."""
        return self._page.items[self._at] if self._at < len(self._page.items) else None

    @property
    def height(self) -> int:
        """Levels below the item: 0 for an entry."""
        return self._page.level

    @property
    def floor(self) -> bytes:
        """All paths of the item are greater."""
        return self._page.paths[self._at - 1] if self._at else self._bound

    def rest(self) -> Sequence[Entry]:
        """The entries from here to the end of the leaf."""
        assert isinstance(self._page, Leaf)
        return self._page.items[self._at :]

    def step(self, count: int = 1) -> None:
        """Go past `count` items of the page, unread."""
        self._at += count
        while self._at == len(self._page.items) and self._above:
            self._page, self._at, self._bound = self._above.pop()
            self._at += 1

    def enter(self) -> None:
        """Go to the first item below the row."""
        page = self._page
        assert isinstance(page, Inner)
        below = open_child(self._pages, page.items[self._at], page.level, self.floor)
        self._above.append((page, self._at, self._bound))
        self._bound = self.floor
        self._page, self._at = below, 0

    def drain(self) -> Iterator[Entry]:
        """Go past the item and give its entries."""
        last = self._page.paths[self._at]
        while self.item is not None and self.floor < last:
            page, at = self._page, self._at
            if isinstance(page, Leaf):
                end = bisect_right(page.paths, last, at)
                self.step(end - at)
                yield from page.items[at:end]
            else:
                self.enter()
