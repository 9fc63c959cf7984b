"""Versions from their root pages down: every page readable and what the page above says, every chunk somewhere sound.
And every long text that was said of them, or of their artifacts; and what runs said, and their files.

A page below which all is well is marked, and not read again for the next version: checking a thousand versions of a
data set costs little more than checking one. What is not well is told for each version and path.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from artcli.catalog.catalog import SaidText, Version
from artcli.catalog.manifest.chunks import ListPage, open_list, open_list_child
from artcli.catalog.manifest.entry import EXECUTABLE, INLINE, Entry, PageSource, chunk_rows, shown
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import load_root, open_child, open_root
from artcli.catalog.runs.register import RunText, Segment
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.flows.collect.marks import KEPT, UNREACHED, Marks
from artcli.flows.fsck.findings import Finding
from artcli.store.index import Index

Cause = Callable[[Digest], "str | None"]
"""None if a sound copy of a chunk is there; else the key of what is damaged, "" if there is none."""


class Lost(NamedTuple):
    """A page or chunk that is not to be had."""

    digest: Digest
    why: str
    code: str


Walked = Generator[Finding, None, bool]
"""Findings; in the end whether there were none."""


class Walk:
    """Looks at versions one by one. `told()` is called for each page that is read."""

    def __init__(self, pages: PageSource, indexes: list[Index], cause: Cause, told: Callable[[], None]) -> None:
        self._pages = pages
        self._cause = cause
        self._told = told
        self._well = Marks(indexes)
        self._may_lack = False
        self.unknown: dict[str, Finding] = {}
        """Chunks that nothing has, by their digest: the damage behind findings whose cause is not a file."""

    def version(self, version: Version, *, may_lack: bool = False) -> Iterator[Finding]:
        """What of the version is touched by damage; `may_lack`: what no index knows is in another place."""
        self._may_lack = may_lack
        if self._is_well(version.root.page):
            return
        try:
            top = open_root(self._pages, version.root)
        except IntegrityError as error:
            yield self._touched("version", version.ref, version.root.page, error)._replace(
                version=version.ref, project=version.project
            )
            return
        for finding in self._page(version.root.page, top, b""):
            yield finding._replace(version=version.ref, project=version.project)

    def text(self, text: SaidText | RunText, ref: str, project: str) -> Iterator[Finding]:
        """Whether a text can be had that was said of `ref`, a version, an artifact or a run."""
        lost = self._lost_chunk(text.digest)
        if lost is not None:
            finding = self._touched("text", text.digest.hex(), text.digest, IntegrityError(lost.code, lost.why))
            yield finding._replace(version=ref, project=project)

    def segment(self, segment: Segment, project: str) -> Iterator[Finding]:
        """What of a part of a run is touched by damage: what it said, and its files."""
        for chunk in (*segment.records, *segment.console):
            if lost := self._lost_chunk(chunk):
                finding = self._touched("records", chunk.hex(), chunk, IntegrityError(lost.code, lost.why))
                yield _of_run(finding, segment, project)
        if segment.page is None or self._is_well(segment.page):
            return
        try:
            top = open_root(self._pages, load_root(self._pages, segment.page))
        except IntegrityError as error:
            yield _of_run(self._touched("files", "all", segment.page, error), segment, project)
            return
        for finding in self._page(segment.page, top, b""):
            yield _of_run(finding, segment, project)

    def _page(self, digest: Digest, page: Leaf | Inner, floor: bytes) -> Walked:
        self._told()
        well = (yield from self._leaf(page)) if isinstance(page, Leaf) else (yield from self._inner(page, floor))
        if well:
            self._well.put(digest, KEPT)
        return well

    def _inner(self, page: Inner, floor: bytes) -> Walked:
        well = True
        for at, row in enumerate(page.items):
            if self._is_well(row.page):
                continue
            below = page.paths[at - 1] if at else floor
            try:
                child = open_child(self._pages, row, page.level, below)
            except IntegrityError as error:
                well = False
                yield self._touched("files", _span(below, row.last, row.entries), row.page, error)
                continue
            well = (yield from self._page(row.page, child, below)) and well
        return well

    def _leaf(self, page: Leaf) -> Walked:
        well = True
        for entry in page.items:
            lost = self._lost(entry)
            if lost is not None:
                well = False
                error = IntegrityError(lost.code, lost.why)
                yield self._touched("file", entry.path, lost.digest, error)
        return well

    def _lost(self, entry: Entry) -> Lost | None:
        """The first page or chunk of a file that is not to be had."""
        if entry.list:
            return self._lost_of_list(entry)
        if entry.chunks:
            return next((lost for chunk, _ in chunk_rows(entry.chunks) if (lost := self._lost_chunk(chunk))), None)
        return self._lost_chunk(entry.digest) if entry.kind <= EXECUTABLE and entry.size > INLINE else None

    def _lost_of_list(self, entry: Entry) -> Lost | None:
        if self._is_well(entry.list):
            return None
        try:
            lost = self._lost_below(open_list(self._pages, entry))
        except IntegrityError as error:
            return Lost(entry.list, error.message, error.slug)
        if lost is None:
            self._well.put(entry.list, KEPT)
        return lost

    def _lost_below(self, page: ListPage) -> Lost | None:
        self._told()
        for chunk, _ in page.chunks:
            if lost := self._lost_chunk(chunk):
                return lost
        for row in page.rows:
            if self._is_well(row.page):
                continue
            try:
                lost = self._lost_below(open_list_child(self._pages, row, page.level))
            except IntegrityError as error:
                return Lost(row.page, error.message, error.slug)
            if lost is not None:
                return lost
            self._well.put(row.page, KEPT)
        return None

    def _lost_chunk(self, digest: Digest) -> Lost | None:
        cause = self._cause(digest)
        if cause is None:
            return None
        if not cause and self._may_lack and self._well.get(digest) is None:
            return None
        if not cause:
            return Lost(digest, f"no live index knows chunk {digest.hex()}", "missing-chunk")
        return Lost(digest, f"chunk {digest.hex()} is lost", "damaged-chunk")

    def _touched(self, what: str, key: str | bytes, digest: Digest, error: IntegrityError) -> Finding:
        cause = self._cause(digest)
        if not cause:
            # nothing on the disk is damaged: the bytes were never there, or are not a page of this place in the tree
            cause = digest.hex()
            self.unknown.setdefault(cause, Finding("chunk", cause, error.slug, error.message))
        return Finding(what, key, error.slug, error.message, cause=cause)

    def _is_well(self, page: Digest) -> bool:
        mark = self._well.get(page)
        return self._may_lack if mark is None else mark != UNREACHED


def _of_run(finding: Finding, segment: Segment, project: str) -> Finding:
    return finding._replace(version=f"run:{segment.run}", project=project)


def _span(below: bytes, last: bytes, entries: int) -> str:
    start = f"behind {shown(below)} " if below else ""
    return f"{start}up to {shown(last)}: {entries} entries"
