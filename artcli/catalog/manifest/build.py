"""Writing manifests: entries become leaves, leaves become a tree; one open page a level is all that is held."""

from __future__ import annotations

from collections.abc import Iterable

from artcli.catalog.manifest import layers
from artcli.catalog.manifest.entry import Entry, Nesting, Pages, Root
from artcli.catalog.manifest.layers import Layers
from artcli.catalog.manifest.page import Inner, Row, check_sorted, decode_page, encode_inner, encode_leaf
from artcli.content import Digest, digest_of
from artcli.errors import UsageError

PATH_WEIGHT = 64
"""What an entry or a row weighs beside its path and data."""


def build(pages: Pages, entries: Iterable[Entry]) -> Root:
    """Keep a manifest of these entries, sorted bytewise by path.

    Raises `UsageError` ("unsafe-path", "duplicate-path", "file-and-directory") for paths that no manifest may hold and
    `ValueError` for entries out of order or in contradiction to themselves.
    """
    tree = TreeWriter(pages, nesting=Nesting(UsageError))
    tree.add(entries)
    return tree.finish()


class TreeWriter:
    """A tree that is written from left to right: entries, and between them whole pages that are stored already.

    `nesting` judges names across pages, where every entry comes through here; else each page is judged by itself.
    """

    def __init__(self, pages: Pages, nesting: Nesting | None = None) -> None:
        self._pages = pages
        self._nesting = nesting
        self._layers = Layers(_measure, self._store_inner)
        self._leaf: list[Entry] = []
        self._weight = 0
        self._last = b""

    def add(self, entries: Iterable[Entry]) -> None:
        """Take the next entries."""
        leaf, weight = self._leaf, self._weight
        mask, heaviest, most = layers.LEAF_MASK, layers.WEIGHT_LIMIT, layers.COUNT_LIMIT
        for entry in entries:
            path, data = entry[0], entry[4]
            leaf.append(entry)
            weight += len(path) + PATH_WEIGHT
            if data is not None:
                weight += len(data)
            if not digest_of(path)[0] & mask or weight >= heaviest or len(leaf) == most:
                self._store_leaf()
                weight = 0
        self._weight = weight

    def fits(self, level: int) -> bool:
        """Whether a stored page can come next as a row of `level`: no page below is half full."""
        return not self._leaf and self._layers.fits(level)

    def keep(self, level: int, row: Row) -> None:
        """Take a stored page as a row of `level`; needs `fits(level)`, and that a cut ended the page, or that nothing
        follows it."""
        self._layers.add(level, row)
        self._last = row.last

    def finish(self) -> Root:
        """Keep what is open and give the root."""
        if self._leaf:
            self._store_leaf()
        if not self._last:
            page, content = encode_leaf((), Nesting(UsageError))
            return Root(self._pages.put(page), content, 0, 0)
        row = self._layers.root()
        while isinstance(top := decode_page(self._pages.get(row.page)), Inner) and len(top.items) == 1:
            row = top.items[0]
        return Root(row.page, row.content, row.entries, row.size)

    def _store_leaf(self) -> None:
        leaf = self._leaf
        if self._last:
            check_sorted((self._last, leaf[0].path))
        page, content = encode_leaf(leaf, self._nesting or Nesting(UsageError))
        self._last = leaf[-1].path
        size = sum([entry[2] for entry in leaf])
        self._layers.add(1, Row(self._last, self._pages.put(page), content, len(leaf), size))
        leaf.clear()

    def _store_inner(self, level: int, rows: list[Row]) -> Row:
        page, content = encode_inner(level, rows)
        entries = sum([row.entries for row in rows])
        size = sum([row.size for row in rows])
        return Row(rows[-1].last, self._pages.put(page), content, entries, size)


def _measure(row: Row) -> tuple[Digest, int]:
    return digest_of(row.last), len(row.last) + PATH_WEIGHT
