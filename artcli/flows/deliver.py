"""Entries become files: chunks are read pack by pack, verified, and written by the thread that decoded them.

    take a window of entries; clone or link those that another working copy has            [1]  in threads
    look up the chunks of its small files                                                  [2]
    for each range of a pack: read it, decode its chunks, write their files                [3]  in processes or threads
    files that live in their entry, links, empty directories                               [4]  in threads
    large files one after the other: chunks decoded in threads, written in order here      [5]
    references: fetched from where they are                                                [6]  in threads

Windows bound memory: while processes make the files of one, the next is taken. A large file is hashed as it is written
and only then gets its name. Processes only make files whose names are free: what stands in the way is judged, and
rescued, in this one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from typing import NamedTuple

from artcli import processes
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, REFERENCE, SYMLINK, Entry, PageSource
from artcli.content import Buffer, Digest
from artcli.errors import ConflictError, IntegrityError
from artcli.files.writer import Writer
from artcli.flows import contents
from artcli.flows.elsewhere import Elsewhere
from artcli.flows.references.bring import Bringer, Unbrought
from artcli.flows.references.known import Known
from artcli.flows.sharing import Sharing
from artcli.memory import keep_freed_memory
from artcli.progress import Progress, Silent
from artcli.store.ranges import Range, ranges
from artcli.store.store import Store
from artcli.threads import ahead

FIRST, WINDOW = 4096, 32768
"""Entries taken at a time: few at first, so that the work begins soon, then ever more."""
PLAIN = 256
"""Entries that need no chunk, in one job."""
MANY = 1024
"""Entries from which on processes are worth their beginning,"""
APART = 256
"""and those that one makes before it tells of them."""


class _Files(NamedTuple):
    """A range of a pack, and the files that each of its chunks is."""

    part: Range
    entries: dict[Digest, list[Entry]]


_Job = _Files | list[Entry]


class _Made(NamedTuple):
    """What a process has made."""

    files: int
    size: int
    left: list[Entry]
    """Entries that it could not make."""


class Delivery:
    """Writes entries below the root of `writer`."""

    def __init__(
        self,
        store: Store,
        pages: PageSource,
        writer: Writer,
        elsewhere: Elsewhere,
        known: Known,
        *,
        workers: int,
        progress: Progress,
        mtime: int,
        fresh: bool = False,
    ) -> None:
        """`mtime`: the time that every file gets, in nanoseconds since 1970, unless it is linked. `fresh`: nothing was
        below the root when the work was planned.
        """
        keep_freed_memory()
        self.store = store
        self.pages = pages
        self.writer = writer
        self.workers = workers
        self.progress = progress
        self.mtime = mtime
        self.fresh = fresh
        self._cautious: Writer | None = None
        """A process's own."""
        self.sharing = Sharing(elsewhere, writer, workers=workers, progress=progress, mtime=mtime)
        self._bringer = Bringer(known, writer, progress=progress, mtime=mtime)

    @property
    def unbrought(self) -> list[Unbrought]:
        """References whose bytes could not be had."""
        return self._bringer.unbrought

    def write(self, entries: Iterable[Entry]) -> None:
        """Write them all; raises `IntegrityError` for a missing or damaged chunk, and what `Writer` raises."""
        rest = iter(entries)
        size = FIRST
        window = self._next(rest, size)
        while window is not None:
            made = self._begin(window)
            with closing(made):
                size = min(2 * size, WINDOW)
                following = self._next(rest, size)  # while the processes work
                self._finish(window, made)
            window = following

    def _next(self, rest: Iterator[Entry], size: int) -> list[Entry] | None:
        """The next window, without what another working copy had; None: there are no more entries."""
        window = list(islice(rest, size))
        if not window:
            return None
        window = self.sharing.take(window)
        if self._is_for_processes(window):
            self.store.prepare([entry.digest for entry in window if _is_chunk(entry)])
        return window

    def _finish(self, window: list[Entry], made: Iterable[_Made]) -> None:
        """Write what the processes did not make."""
        left: list[Entry] = []
        for part in made:
            self.progress.advance(files=part.files, size=part.size)
            left += part.left
        for count, size in ahead(self._work, self._jobs(left), workers=self.workers):
            self.progress.advance(files=count, size=size)
        for entry in window:
            if contents.is_large(entry):
                self._write_large(entry)
        self._bringer.write([entry for entry in window if entry.kind == REFERENCE])

    def _jobs(self, window: list[Entry]) -> Iterator[_Job]:
        small: dict[Digest, list[Entry]] = {}
        plain: list[Entry] = []
        for entry in window:
            if _is_chunk(entry):
                small.setdefault(entry.digest, []).append(entry)
            elif entry.kind != REFERENCE and not contents.is_large(entry):
                plain.append(entry)
        for start in range(0, len(plain), PLAIN):
            yield plain[start : start + PLAIN]
        for part in ranges(self.store.find, small, self.store.prepare):
            yield _Files(part, small)

    def _is_for_processes(self, window: list[Entry]) -> bool:
        return self.fresh and self.workers > 1 and len(window) >= MANY

    def _begin(self, window: list[Entry]) -> Generator[_Made, None, None]:
        """Have processes make the window's small files, if they may, from now on."""
        if self._is_for_processes(window) and self.store.forks and processes.are_possible():
            parts = [window[start : start + APART] for start in range(0, len(window), APART)]
            with suppress(processes.NoProcess):
                return processes.shared_out(self._work_apart, parts, workers=self.workers)
        return _not_made(window)

    def _work_apart(self, entries: list[Entry]) -> _Made:
        """In a process: make the small files whose names are free."""
        self._cautious = self._cautious or self.writer.cautious()
        left: list[Entry] = []
        count = size = 0
        for entry, data in (file for job in self._jobs(entries) for file in self._files(job)):
            if entry.kind in (DIRECTORY, SYMLINK):
                left.append(entry)
                continue
            try:
                self._cautious.create(entry.path, (data,), executable=entry.kind == EXECUTABLE, mtime=self.mtime)
                count, size = count + 1, size + len(data)
            except ConflictError:
                left.append(entry)
        return _Made(count, size, left)

    def _work(self, job: _Job) -> tuple[int, int]:
        """Write the files of a job; (files, bytes) that it was."""
        count = size = 0
        for entry, data in self._files(job):
            if entry.kind == DIRECTORY:
                self.writer.directory(entry.path)
            elif entry.kind == SYMLINK:
                self.writer.symlink(entry.path, bytes(data), replace=True)
            else:
                self._create(entry, (data,))
            count, size = count + 1, size + entry.size
        return count, size

    def _files(self, job: _Job) -> Iterator[tuple[Entry, Buffer]]:
        """The entries of a job with what is in them."""
        if isinstance(job, list):
            for entry in job:
                yield entry, entry.data or b""
            return
        for digest, data in self.store.fetch_range(job.part):
            if isinstance(data, IntegrityError):
                raise contents.touched(data, job.entries[digest][0])
            for entry in job.entries[digest]:
                contents.check_size(entry, data)
                yield entry, data

    def _create(self, entry: Entry, content: Iterable[Buffer]) -> None:
        self.writer.create(entry.path, content, executable=entry.kind == EXECUTABLE, mtime=self.mtime, replace=True)

    def _write_large(self, entry: Entry) -> None:
        try:
            self._create(entry, self._content(entry, self.progress, proven=False))
        except IntegrityError:  # now chunk by chunk, which takes another copy of what is damaged, or names it
            self._create(entry, self._content(entry, Silent(), proven=True))
        self.progress.advance(files=1)

    def _content(self, entry: Entry, progress: Progress, *, proven: bool) -> Iterator[Buffer]:
        return contents.file(self.store, self.pages, entry, workers=self.workers, progress=progress, proven=proven)


def _not_made(window: list[Entry]) -> Generator[_Made, None, None]:
    yield _Made(0, 0, window)


def _is_chunk(entry: Entry) -> bool:
    """Whether it is a file whose bytes are one chunk."""
    if entry.data is not None or not entry.size or entry.kind in (DIRECTORY, REFERENCE):
        return False
    return not contents.is_large(entry)
