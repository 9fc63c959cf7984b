"""Editing a manifest: the old tree is walked beside the sorted edits.

Ends in the pages that `build` would make of the same entries. A page is passed on unread where no edit falls into it
and the new tree is at a page's start; after an edit the new cuts are back in step with the old ones a page or two
later. The surprise is the last page of each level: no cut ended it, so it stands only if nothing follows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from artcli.catalog.manifest.build import TreeWriter
from artcli.catalog.manifest.entry import Entry, Pages, PageSource, Root, check_paths, nested, shown
from artcli.catalog.manifest.page import Inner, Leaf, check_sorted
from artcli.catalog.manifest.read import find, leaves, open_child, open_root
from artcli.errors import UsageError


def apply(pages: Pages, root: Root, edits: Iterable[tuple[bytes, Entry | None]]) -> Root:
    """Keep the manifest that results from edits, sorted by path: an entry to set, or None to remove the path's entry.

    Equal to `build` of the resulting entries, byte for byte. Removing what is not there changes nothing. Raises as
    `build` does.
    """
    return _Walk(pages, root, edits).run()


class _Place(NamedTuple):
    """Where an edit falls in the old tree: before the `at`-th of a leaf's paths, or on it."""

    floor: bytes
    """The last old path before the leaf."""
    paths: Sequence[bytes]
    at: int

    def holds(self, path: bytes) -> bool:
        return self.at < len(self.paths) and self.paths[self.at] == path


class _Walk:
    """One walk of a tree beside its edits."""

    def __init__(self, pages: Pages, root: Root, edits: Iterable[tuple[bytes, Entry | None]]) -> None:
        self._pages = pages
        self._root = root
        self._tree = TreeWriter(pages)
        self._names = _Names(pages, root)
        self._edits = iter(edits)
        self._path: bytes | None = None
        """The path of the next edit; None when there are no more."""
        self._entry: Entry | None = None
        self._next()

    def run(self) -> Root:
        if self._path is None:
            return self._root
        self._walk(open_root(self._pages, self._root), b"", rightmost=True)
        self._names.finish()
        return self._tree.finish()

    def _walk(self, page: Leaf | Inner, floor: bytes, rightmost: bool) -> None:
        if isinstance(page, Leaf):
            self._tree.add(self._merged(page, floor))
            if rightmost:
                self._tree.add(self._appended(page.paths[-1] if page.paths else b""))
            return
        for at, row in enumerate(page.items):
            last = rightmost and at + 1 == len(page.items)
            untouched = self._path is None or (not last and self._path > row.last)
            if untouched and self._tree.fits(page.level):
                self._tree.keep(page.level, row)
            else:
                below = page.paths[at - 1] if at else floor
                self._walk(open_child(self._pages, row, page.level, below), below, last)

    def _merged(self, leaf: Leaf, floor: bytes) -> Iterator[Entry]:
        """The entries of an old leaf after the edits that fall into it."""
        paths, start = leaf.paths, 0
        while self._path is not None and paths and self._path <= paths[-1]:
            at = bisect_left(paths, self._path, start)
            yield from leaf.items[start:at]
            start = at + (paths[at] == self._path)
            yield from self._edit(_Place(floor, paths, at))
        yield from leaf.items[start:]

    def _appended(self, floor: bytes) -> Iterator[Entry]:
        """The entries of the edits that fall behind the last old path `floor`."""
        while self._path is not None:
            yield from self._edit(_Place(floor, (), 0))

    def _edit(self, place: _Place) -> tuple[Entry, ...]:
        """Carry out the next edit: the entry to set, if it sets one."""
        path, entry = self._path, self._entry
        assert path is not None
        self._names.edit(path, entry is not None, place)
        self._next()
        return () if entry is None else (entry,)

    def _next(self) -> None:
        path, entry = next(self._edits, (None, None))
        if path is not None:
            if self._path is not None:
                check_sorted((self._path, path))
            if entry is not None and entry.path != path:
                raise ValueError(f"the edit of {shown(path)} sets {shown(entry.path)}")
        self._path, self._entry = path, entry


class _Step:
    """An edit that added or removed a path which later ones may start with."""

    def __init__(self, path: bytes, present: bool, below: int) -> None:
        self.path = path
        self.present = present
        self.below = below
        """Old entries that have this path as a directory, less those removed so far."""


class _Names:
    """Sees to it that no edit makes a name that is an entry and a directory at once.

    Keeps the edits that are a prefix of the present one, and looks in the old tree only for the parents of what is new,
    and for entries under a name that becomes an entry. The leaf at hand answers almost all of it.
    """

    def __init__(self, pages: PageSource, root: Root) -> None:
        self._pages = pages
        self._root = root
        self._trail: list[_Step] = []
        self._added = b""

    def edit(self, path: bytes, present: bool, place: _Place) -> None:
        """Judge the next edit, which leaves `path` present or not."""
        existed = place.holds(path)
        if existed == present:
            return
        while self._trail and not path.startswith(self._trail[-1].path):
            self._leave(self._trail.pop())
        if present:
            check_paths((path,), UsageError)
            self._check_parents(path, place)
            self._trail.append(_Step(path, True, self._count_below(path + b"/", place)))
            self._added = path
        else:
            for step in self._trail:
                step.below -= path.startswith(step.path + b"/")
            self._trail.append(_Step(path, False, 0))

    def finish(self) -> None:
        """Judge what the end of the edits leaves open."""
        while self._trail:
            self._leave(self._trail.pop())

    def _leave(self, step: _Step) -> None:
        if step.below > 0:
            raise nested(step.path, UsageError)

    def _check_parents(self, path: bytes, place: _Place) -> None:
        end = path.rfind(b"/")
        # what has been found to be a directory of the last new entry needs no second look
        while end > 0 and not self._added.startswith(path[: end + 1]):
            parent = path[:end]
            step = next((step for step in self._trail if step.path == parent), None)
            if step.present if step else self._was_entry(parent, place):
                raise nested(parent, UsageError)
            end = path.rfind(b"/", 0, end)

    def _was_entry(self, path: bytes, place: _Place) -> bool:
        """Whether the old tree has an entry of this path, which lies before the place."""
        if path <= place.floor:
            return find(self._pages, self._root, path) is not None
        at = bisect_left(place.paths, path)
        return at < len(place.paths) and place.paths[at] == path

    def _count_below(self, directory: bytes, place: _Place) -> int:
        """How many old entries are in this directory, which lies behind the place."""
        if not place.paths:
            return 0
        at = bisect_left(place.paths, directory, place.at)
        if at < len(place.paths) and not place.paths[at].startswith(directory):
            return 0
        return sum(map(len, leaves(self._pages, self._root, directory)))
