"""One level of a version's tree: the files in a folder and the names of its folders, without reading what is in them.

A manifest is sorted by path, so all that lies below a folder `a/` stands together, before `a0`. Having met a folder,
the walk goes on behind it; pages that hold nothing but its insides are never read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from artcli.catalog.manifest import Entry, PageSource, Root
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import open_child, open_root


class Item(NamedTuple):
    """A file, or a folder that has no entry of its own."""

    path: bytes
    """In the version, from its top; a folder's ends with a slash."""
    entry: Entry | None
    """None for a folder."""


def level(pages: PageSource, root: Root, folder: bytes = b"") -> Iterator[Item]:
    """What lies directly in `folder` (no slashes at its ends; empty for the top), in bytewise order of the paths."""
    prefix = folder + b"/" if folder else b""
    return _Walk(pages, prefix).below(open_root(pages, root), b"")


class _Walk:
    def __init__(self, pages: PageSource, prefix: bytes) -> None:
        self._pages = pages
        self._prefix = prefix
        self._from = prefix
        self._ended = False

    def below(self, page: Leaf | Inner, floor: bytes) -> Iterator[Item]:
        """The items that the page and those below it hold, from `_from` on; its paths are greater than `floor`."""
        at = bisect_left(page.paths, self._from)
        while at < len(page.paths) and not self._ended:
            if isinstance(page, Leaf):
                yield from self._item(page.items[at])
            else:
                last = page.paths[at - 1] if at else floor
                yield from self.below(open_child(self._pages, page.items[at], page.level, last), last)
            at = max(at + 1, bisect_left(page.paths, self._from, at))

    def _item(self, entry: Entry) -> Iterator[Item]:
        if not entry.path.startswith(self._prefix):
            self._ended = True
            return
        name, slash, _ = entry.path[len(self._prefix) :].partition(b"/")
        path = self._prefix + name
        if slash:
            self._from = path + b"0"  # the character after the slash
            yield Item(path + b"/", None)
        else:
            yield Item(path, entry)
