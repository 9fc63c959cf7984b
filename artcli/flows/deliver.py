"""Entries become files: chunks are read pack by pack, verified, and written by the thread that decoded them.

    take a window of entries; clone or link those that another working copy has            [1]  in threads
    look up the chunks of its small files                                                  [2]
    for each range of a pack: read it, decode its chunks, write their files                [3]  in threads
    files that live in their entry, links, empty directories                               [4]  in threads
    large files one after the other: chunks decoded in threads, written in order here      [5]
    references: fetched from where they are                                                [6]  in threads

The window bounds memory. A large file is hashed as it is written and only then gets its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, REFERENCE, SYMLINK, Entry, PageSource
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError
from artcli.files.writer import Writer
from artcli.flows import contents
from artcli.flows.elsewhere import Elsewhere
from artcli.flows.references.bring import Bringer, Unbrought
from artcli.flows.references.known import Known
from artcli.flows.sharing import Sharing
from artcli.memory import keep_freed_memory
from artcli.progress import Progress
from artcli.store.ranges import Range, ranges
from artcli.store.store import Store
from artcli.threads import ahead

WINDOW = 8192
"""Entries taken at a time."""
PLAIN = 256
"""Entries that need no chunk, in one job."""


class _Files(NamedTuple):
    """A range of a pack, and the files that each of its chunks is."""

    part: Range
    entries: dict[Digest, list[Entry]]


_Job = _Files | list[Entry]


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
    ) -> None:
        """`mtime`: the time that every file gets, in nanoseconds since 1970, unless it is linked."""
        keep_freed_memory()
        self.store = store
        self.pages = pages
        self.writer = writer
        self.workers = workers
        self.progress = progress
        self.mtime = mtime
        self.sharing = Sharing(elsewhere, writer, workers=workers, progress=progress, mtime=mtime)
        self._bringer = Bringer(known, writer, progress=progress, mtime=mtime)

    @property
    def unbrought(self) -> list[Unbrought]:
        """References whose bytes could not be had."""
        return self._bringer.unbrought

    def write(self, entries: Iterable[Entry]) -> None:
        """Write them all; raises `IntegrityError` for a missing or damaged chunk, and what `Writer` raises."""
        rest = iter(entries)
        while window := list(islice(rest, WINDOW)):
            window = self.sharing.take(window)
            large = [entry for entry in window if contents.is_large(entry)]
            for count, size in ahead(self._work, self._jobs(window), workers=self.workers):
                self.progress.advance(files=count, size=size)
            for entry in large:
                self._write_large(entry)
            self._bringer.write([entry for entry in window if entry.kind == REFERENCE])

    def _jobs(self, window: list[Entry]) -> Iterator[_Job]:
        small: dict[Digest, list[Entry]] = {}
        plain: list[Entry] = []
        for entry in window:
            if entry.kind == REFERENCE:
                continue
            if entry.data is not None or entry.kind == DIRECTORY or not entry.size:
                plain.append(entry)
            elif not contents.is_large(entry):
                small.setdefault(entry.digest, []).append(entry)
        for start in range(0, len(plain), PLAIN):
            yield plain[start : start + PLAIN]
        for part in ranges(self.store.find, small, self.store.prepare):
            yield _Files(part, small)

    def _work(self, job: _Job) -> tuple[int, int]:
        """Write the files of a job; (files, bytes) that it was."""
        if isinstance(job, list):
            for entry in job:
                self._write_plain(entry)
            return len(job), sum(entry.size for entry in job)
        count = size = 0
        for digest, data in self.store.fetch_range(job.part):
            if isinstance(data, IntegrityError):
                raise contents.touched(data, job.entries[digest][0])
            for entry in job.entries[digest]:
                contents.check_size(entry, data)
                self._create(entry, (data,))
                count, size = count + 1, size + len(data)
        return count, size

    def _write_plain(self, entry: Entry) -> None:
        if entry.kind == DIRECTORY:
            self.writer.directory(entry.path)
        elif entry.kind == SYMLINK:
            self.writer.symlink(entry.path, entry.data or b"", replace=True)
        else:
            self._create(entry, (entry.data or b"",))

    def _create(self, entry: Entry, content: Iterable[Buffer]) -> None:
        self.writer.create(entry.path, content, executable=entry.kind == EXECUTABLE, mtime=self.mtime, replace=True)

    def _write_large(self, entry: Entry) -> None:
        content = contents.file(self.store, self.pages, entry, workers=self.workers, progress=self.progress)
        self._create(entry, content)
        self.progress.advance(files=1)
