"""Marks: which rows of the live indexes have been reached. One byte a row, whatever else is as large as the data.

A chunk that lies in several packs is marked in all of them: the one that would be dropped might be the only sound one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from artcli.catalog.manifest import PageSource, walk_pages
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.store.index import Index
from artcli.store.pack import Location, Row

UNREACHED, KEPT, TRASHED = 0, 1, 2
"""Marks: by nothing; by what is to stay; by the trash alone."""


class Marks:
    """The mark of each row of `indexes`; `UNREACHED` at first."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._pairs = [(index, bytearray(len(index))) for index in indexes]

    @property
    def indexes(self) -> list[Index]:
        return [index for index, _ in self._pairs]

    def put(self, digest: Digest, mark: int) -> int | None:
        """Mark the chunk unless it is marked; returns the mark that it had, None if no index knows it."""
        before = None
        for index, marks in self._pairs:
            at = index.position(digest)
            if at >= 0:
                before = marks[at]
                if not before:
                    marks[at] = mark
        return before

    def get(self, digest: Digest) -> int | None:
        """The mark of the chunk, None if no index knows it."""
        for index, marks in self._pairs:
            at = index.position(digest)
            if at >= 0:
                return marks[at]
        return None

    def at(self, location: Location, digest: Digest) -> int:
        """The mark of the row that says that the chunk lies there; `UNREACHED` if no index says so."""
        for index, marks in self._pairs:
            if index.find(digest) == location:
                return marks[index.position(digest)]
        return UNREACHED

    def rows(self) -> Iterator[tuple[Index, Iterator[tuple[Row, int]]]]:
        """Each index with its rows and their marks."""
        for index, marks in self._pairs:
            yield index, zip(index.rows(), marks, strict=True)

    def unreached(self, index: Index) -> int:
        """How many rows of the index nothing has reached."""
        return next(marks.count(UNREACHED) for other, marks in self._pairs if other is index)


def mark_all(
    marks: Marks,
    pages: PageSource,
    roots: Iterable[Digest],
    mark: int,
    told: Callable[[], None],
    opened: Set[Digest] = frozenset(),
) -> None:
    """Mark all that the manifests of these root pages need, pages and chunks; `told()` is called for each page.

    `opened`: root pages below which what no index knows is in another place. Raises `IntegrityError` if a page cannot
    be read or no index knows a chunk.
    """
    for root in roots:
        may_lack = root in opened

        def is_marked(page: Digest, may_lack: bool = may_lack) -> bool:
            before = marks.put(page, mark)
            return may_lack if before is None else bool(before)

        for reached in walk_pages(pages, root, is_marked):
            for chunk, _ in reached.chunks:
                if marks.put(chunk, mark) is None and not may_lack:
                    raise IntegrityError("missing-chunk", f"no live index knows chunk {chunk.hex()}")
            told()
