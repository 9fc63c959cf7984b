"""Cuts rows of pages into pages above them, up to one root; and says where any page of a tree ends.

Where a page ends depends on the items alone, never on how the tree came to be: an edited tree is the tree that would
have been built, and two trees share every page whose items they share. An item ends its page when

    the low 7·(level+1) bits of its hash are 0 (the hash's first 4 bytes, little-endian), at levels 0 to 3
    or it is the 512th of its page
    or the weight of the page has reached 256 KiB

From level 4 on no hash ends a page, so that no choice of items makes a tree without end.
The lowest level that comes to a single page has the root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from artcli.content import Digest

COUNT_LIMIT = 512
WEIGHT_LIMIT = 256 * 1024
CUT_BITS = 7
CUT_LEVELS = 4
LEAF_MASK = (1 << CUT_BITS) - 1
"""The bits of a hash's first byte that are 0 where an entry or a chunk ends its page."""

RowT = TypeVar("RowT")


def ends_page(level: int, digest: Digest) -> bool:
    """Whether an item of this hash ends its page whatever stands before it."""
    if digest[0] & LEAF_MASK or level >= CUT_LEVELS:
        return False
    return int.from_bytes(digest[:4], "little") % (1 << CUT_BITS * (level + 1)) == 0


class Layers(Generic[RowT]):
    """Takes the rows of stored pages in order, stores pages of rows as they fill, and gives the root's row.

    `measure(row)` gives the row's hash and weight; `store(level, rows)` keeps an inner page and gives its row;
    `ends(level, rows, hash)` says whether the last of so many rows ends their page. Holds one open page a level.
    """

    def __init__(
        self,
        measure: Callable[[RowT], tuple[Digest, int]],
        store: Callable[[int, list[RowT]], RowT],
        ends: Callable[[int, int, Digest], bool] = lambda level, count, digest: ends_page(level, digest),
    ) -> None:
        self._measure = measure
        self._ends = ends
        self._store = store
        self._open: list[list[RowT]] = [[], []]
        self._weights = [0, 0]

    def add(self, level: int, row: RowT) -> None:
        """Take a row into the open page of `level` ≥ 1; needs `fits(level)`, and that the row's page was ended by a cut
        or is the last one of all."""
        while level >= len(self._open):
            self._open.append([])
            self._weights.append(0)
        rows = self._open[level]
        digest, weight = self._measure(row)
        rows.append(row)
        self._weights[level] += weight
        if len(rows) == COUNT_LIMIT or self._weights[level] >= WEIGHT_LIMIT or self._ends(level, len(rows), digest):
            self._close(level)

    def fits(self, level: int) -> bool:
        """Whether a row can come next at `level`: no page of rows below it is half full."""
        return not any(self._open[:level])

    def root(self) -> RowT:
        """Close all pages and give the row of the highest, which may hold a single row itself; needs one row."""
        level = 1
        while level + 1 < len(self._open) or len(self._open[level]) != 1:
            if self._open[level]:
                self._close(level)
            level += 1
        return self._open[level][0]

    def _close(self, level: int) -> None:
        rows, self._open[level], self._weights[level] = self._open[level], [], 0
        self.add(level + 1, self._store(level, rows))
