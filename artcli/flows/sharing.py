"""Files to be written that another working copy has already are made of those, where the disk can: no byte is copied.

    for a window of entries: where does each lie?                      in this thread: the manifests and stats of copies
    link it if that is wanted, else clone it, else leave it            in threads
    what is left comes from the store, as if there were no copies

A clone is what everybody gets where the file system has them; nobody can tell it from a copy but by the free space.
Hard links are for those who ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from artcli.catalog.manifest import EXECUTABLE, FILE, Entry
from artcli.files.share import Impossible, Original, Refused, Writable, clone, link
from artcli.files.writer import Writer
from artcli.flows.elsewhere import CLONE, LINK, Elsewhere, Place
from artcli.progress import Progress
from artcli.threads import ahead

BATCH = 64
"""Files in one job."""
MOST_LINKS = 1 << 19
"""Links that are remembered until the directory is walked again; later ones are read by the next use."""


class Shared(NamedTuple):
    """How many files were made without copying bytes."""

    cloned: int = 0
    linked: int = 0
    writable: int = 0
    """Files that were to be linked, but lie where somebody may write them."""


class _Done:
    """What became of a job."""

    def __init__(self) -> None:
        self.cloned = self.writable = self.size = 0
        self.links: list[int] = []
        self.refused: list[Entry] = []


_Found = tuple[Entry, Place, Original]


class Sharing:
    """Makes files below the root of `writer` of those that lie elsewhere."""

    def __init__(self, elsewhere: Elsewhere, writer: Writer, *, workers: int, progress: Progress, mtime: int) -> None:
        """`mtime`: the time that a clone gets, in nanoseconds since 1970; a link keeps its own."""
        self._elsewhere = elsewhere
        self._writer = writer
        self._workers = workers
        self._progress = progress
        self._mtime = mtime
        self.shared = Shared()
        self._links: set[int] = set()

    def take(self, entries: list[Entry]) -> list[Entry]:
        """Make those that can be made; the entries that are left."""
        if not self._elsewhere.is_of_use:
            return entries
        left: list[Entry] = []
        for done in ahead(self._work, self._jobs(entries, left), workers=self._workers):
            left += done.refused
            self._count(done)
        return left

    def is_link(self, path: bytes, inode: int) -> bool:
        """Whether the file of this inode was linked at `path`."""
        return bool(self._links) and _name(path, inode) in self._links

    def _count(self, done: _Done) -> None:
        linked = len(done.links)
        cloned, before, writable = self.shared
        self.shared = Shared(cloned + done.cloned, before + linked, writable + done.writable)
        if len(self._links) < MOST_LINKS:
            self._links.update(done.links)
        self._progress.advance(files=done.cloned + linked, size=done.size)

    def _jobs(self, entries: list[Entry], left: list[Entry]) -> Iterator[list[_Found]]:
        batch: list[_Found] = []
        for entry in entries:
            is_file = entry.kind in (FILE, EXECUTABLE) and entry.data is None and entry.size
            found = self._elsewhere.find(entry) if is_file else None
            if found is None:
                left.append(entry)
                continue
            batch.append((entry, *found))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _work(self, batch: list[_Found]) -> _Done:
        done = _Done()
        for entry, place, original in batch:
            if not (self._link(entry, place, original, done) or self._clone(entry, place, original, done)):
                done.refused.append(entry)
        return done

    def _link(self, entry: Entry, place: Place, original: Original, done: _Done) -> bool:
        if LINK not in place.ways:
            return False
        executable = entry.kind == EXECUTABLE
        try:
            inode = self._writer.make(
                entry.path, lambda folder, name: link(original, executable, folder, name), replace=True
            )
        except Refused as refusal:
            if isinstance(refusal, Impossible):
                place.ways.discard(LINK)
            done.writable += isinstance(refusal, Writable)
            return False
        done.links.append(_name(entry.path, inode))
        done.size += entry.size
        return True

    def _clone(self, entry: Entry, place: Place, original: Original, done: _Done) -> bool:
        if CLONE not in place.ways:
            return False
        try:
            self._writer.fill(
                entry.path, lambda fd: clone(original, fd),
                executable=entry.kind == EXECUTABLE, mtime=self._mtime, replace=True,
            )  # fmt: skip
        except Refused as refusal:
            if isinstance(refusal, Impossible):
                place.ways.discard(CLONE)
            return False
        done.cloned += 1
        done.size += entry.size
        return True


def _name(path: bytes, inode: int) -> int:
    """A file under a name, as a number: a million of them must fit."""
    return hash((path, inode))
