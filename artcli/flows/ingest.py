"""From what a walk reports to the edits of a manifest: read, cut, hash, encode in threads; keep in order in one.

    walk ──▶ jobs ──▶ threads ──▶ frames into packs, edits into the manifest
             batches of small files: a thread reads, hashes and encodes them
             large files: a process or thread of its own reads, cuts and hashes, the others encode the chunks

A job's outcome comes back in the order of the walk, so edits are sorted and nothing has to be held. A file that changes
while it is read is read again, three times in all, and then is a problem: it never ends up half old, half new.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from queue import SimpleQueue
from typing import NamedTuple

from artcli import processes
from artcli.catalog.manifest import INLINE, SYMLINK, Entry, Finder, PageSource, Root, put_chunk_list, shown
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.reader import Changed, read_link, read_small
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, NO_STAT, Change, Gone, Seen, Special, Stat, kind_of, stat_of
from artcli.flows.additions import Additions
from artcli.flows.cutting import LARGE, Cut, Cutter, End, cuts
from artcli.memory import Buffers, keep_freed_memory
from artcli.progress import Progress
from artcli.store.chunker import SMALL
from artcli.store.codec import Tuner
from artcli.store.pack import Frame
from artcli.threads import ahead, aside

TRIES = 3
BATCH_FILES = 128
BATCH_SIZE = 4 << 20
"""Bytes of small files that one job reads."""

AHEAD = 2
"""Blocks of a large file that are read and cut before a worker is free for them."""
SPARE = 6
"""Blocks that are cut, or whose chunks are added, besides those that wait for a worker or for their turn."""

Edit = tuple[bytes, Entry | None]


class Problem(NamedTuple):
    """Something below the directory that is not in the version."""

    path: bytes
    slug: str
    """`special-file`, `unreadable`, `changing-file`."""
    reason: str

    @property
    def text(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


class _Small(NamedTuple):
    """Small files, links, empty directories and what is gone, in order."""

    changes: list[Seen | Gone | Problem]


class _Opened(NamedTuple):
    seen: Seen


class _Cut(NamedTuple):
    """Chunks of the large file that was opened last."""

    offset: int
    chunks: list[tuple[Digest, memoryview]]
    tuner: Tuner


class _Closed(NamedTuple):
    """The large file's end; its digest is None if it changed meanwhile and is coming again."""

    digest: Digest | None
    size: int


class _Ready(NamedTuple):
    """A small entry, and the frame of its content if the store lacks it."""

    entry: Entry
    frame: Frame | None


class _Framed(NamedTuple):
    digest: Digest
    length: int
    frame: Frame | None


_Job = _Small | _Opened | _Cut | _Closed


class Ingest:
    """Reads what changed in a tree into `additions`, for a manifest that edits the one of `base`.

    `before`: what the content is compared with to tell what is new; the base by default.
    """

    def __init__(
        self, additions: Additions, base: Root | None, *, workers: int, progress: Progress, before: Root | None = None
    ) -> None:
        keep_freed_memory()
        self.additions = additions
        self.base = base if base and base.entries else None
        self._finder = _finder(additions, before if before and before.entries else self.base)
        self.workers = workers
        self.progress = progress
        self.problems: list[Problem] = []
        self.new_entries = 0
        """Entries whose content the repository did not have; see `_is_new` for those of up to `INLINE` bytes."""
        self.new_size = 0
        """Bytes of that content."""
        self._buffers = Buffers(reader.BLOCK)
        self._cutter: Cutter | None = None
        # one thread reads: as many threads at work as there are workers pass Python's lock round less often
        self._encoding: SimpleQueue[None] = SimpleQueue()
        for _ in range(max(1, workers - 1)):
            self._encoding.put(None)
        self._tuners: dict[bytes, Tuner] = {}

    def edits(self, changes: Iterable[Change]) -> Iterator[Edit]:
        """The edits that `changes` come to, in their order. What could not be read is in `problems` afterwards."""
        return self._collect(self._jobs(changes))

    def one(self, seen: Seen) -> Entry | None:
        """The entry of a single file, read without threads where it is small; None: it is in `problems`, or gone."""
        edits = self._settle(self._small(seen)) if seen.stat.size <= SMALL else self.edits([seen])
        return next((entry for _, entry in list(edits)), None)

    def stream(self, path: bytes, content: Iterable[Buffer]) -> Iterator[Edit]:
        """The edit that sets `path` to a stream which can be read only once."""
        blocks = iter(content)
        head: list[bytes] = []
        while sum(map(len, head)) <= SMALL:
            block = next(blocks, None)
            if block is None:
                return self._settle(self._ready(path, FILE, b"".join(head)))
            head.append(bytes(block))
        return self._collect(self._cut_jobs(Seen(path, FILE, b"", NO_STAT), cuts(chain(head, blocks))))

    # --- jobs: in the caller's thread, as the pipeline asks for them ---

    def _jobs(self, changes: Iterable[Change]) -> Iterator[_Job]:
        batch: list[Seen | Gone | Problem] = []
        size = 0
        for change in changes:
            if isinstance(change, Seen) and change.kind in (FILE, EXECUTABLE) and change.stat.size > SMALL:
                self._begin_cutter(change)  # before there are threads
                if batch:
                    yield _Small(batch)
                    batch, size = [], 0
                yield from self._large_jobs(change, TRIES)
                continue
            if isinstance(change, Seen):
                size += change.stat.size
                batch.append(change)
            elif isinstance(change, Gone):
                batch.append(change)
            else:
                self._notice(change)
            if len(batch) >= BATCH_FILES or size >= BATCH_SIZE:
                yield _Small(batch)
                batch, size = [], 0
        if batch:
            yield _Small(batch)

    def _notice(self, change: Change) -> None:
        if isinstance(change, Special):
            self.problems.append(Problem(change.path, "special-file", f"it is a {change.what}"))
        elif not isinstance(change, Seen | Gone):
            error = getattr(change, "error", None)
            if error is not None:
                self.problems.append(_unreadable(change.path, error))

    def _large_jobs(self, seen: Seen, tries: int) -> Iterator[_Job]:
        try:
            if self._cutter is not None:
                yield from self._cut_jobs(seen, self._cutter.cuts(seen.source, seen.stat))
            else:
                content = reader.blocks(seen.source, seen.stat, self._buffers)
                yield from aside(self._cut_jobs(seen, cuts(content)), depth=AHEAD)
        except Changed:
            yield _Closed(None, 0)
            yield from self._again(seen, tries - 1)
        except OSError as error:
            yield _Closed(None, 0)
            yield _Small([_unreadable(seen.path, error)])

    def _again(self, seen: Seen, tries: int) -> Iterator[_Job]:
        """The jobs for a large file that has changed while it was read."""
        if not tries:
            yield _Small([_changing(seen)])
            return
        fresh = _look_again(seen)
        if isinstance(fresh, Seen) and fresh.kind in (FILE, EXECUTABLE) and fresh.stat.size > SMALL:
            yield from self._large_jobs(fresh, tries)
        else:
            yield _Small([fresh])

    def _begin_cutter(self, seen: Seen) -> None:
        if self._cutter is None and self.workers > 1 and seen.stat.size >= LARGE and processes.are_possible():
            self._cutter = Cutter(2 * self.workers + SPARE)
            self._encoding.put(None)

    def _cut_jobs(self, seen: Seen, items: Iterable[Cut | End]) -> Iterator[_Job]:
        yield _Opened(seen)
        tuner = self._tuner(seen.path)
        for item in items:
            yield _Closed(*item) if isinstance(item, End) else _Cut(*item, tuner)
            del item  # what it views is to be used again

    def _tuner(self, path: bytes) -> Tuner:
        """Files of one suffix are mostly of one kind: what paid for one is tried first for the next."""
        return self._tuners.setdefault(os.path.splitext(path)[1], Tuner())

    # --- work: in threads ---

    def _work(self, job: _Job) -> list[_Ready | Gone | Problem] | list[_Framed] | _Opened | _Closed:
        if isinstance(job, _Small):
            return [self._small(change) if isinstance(change, Seen) else change for change in job.changes]
        if isinstance(job, _Cut):
            self._encoding.get()
            try:
                return self._framed(job)
            finally:
                self._encoding.put(None)
        return job

    def _framed(self, job: _Cut) -> list[_Framed]:
        framed = []
        offset = job.offset
        for digest, chunk in job.chunks:
            framed.append(_Framed(digest, len(chunk), self.additions.encode(digest, chunk, job.tuner, offset)))
            offset += len(chunk)
        return framed

    def _small(self, seen: Seen) -> _Ready | Gone | Problem:
        for _ in range(TRIES):
            try:
                return self._read(seen)
            except Changed:
                fresh = _look_again(seen)
                if not isinstance(fresh, Seen):
                    return fresh
                seen = fresh
            except FileNotFoundError:
                return Gone(seen.path)
            except OSError as error:
                return _unreadable(seen.path, error)
        return _changing(seen)

    def _read(self, seen: Seen) -> _Ready:
        path, kind, source, stat = seen
        if kind == SYMLINK:
            target = read_link(source)
            return _Ready(Entry(path, kind, 0, digest_of(target), target), None)
        if kind == DIRECTORY:
            return _Ready(Entry(path, kind, 0, digest_of(b"")), None)
        if stat.size > SMALL:
            raise Changed(source)  # a small file that has become a large one
        return self._ready(path, kind, read_small(source, stat))

    def _ready(self, path: bytes, kind: int, data: bytes) -> _Ready:
        digest = digest_of(data)
        if len(data) <= INLINE:
            return _Ready(Entry(path, kind, len(data), digest, data), None)
        frame = self.additions.encode(digest, data, self._tuner(path), 0)
        return _Ready(Entry(path, kind, len(data), digest), frame)

    # --- outcomes: in the caller's thread, in order ---

    def _collect(self, jobs: Iterable[_Job]) -> Iterator[Edit]:
        outcomes = ahead(self._work, jobs, workers=self.workers)
        try:
            for outcome in outcomes:
                if isinstance(outcome, _Opened):
                    entry = self._large(outcome.seen, outcomes)
                    if entry is not None:
                        yield entry.path, entry
                elif isinstance(outcome, list):
                    for item in outcome:
                        yield from self._settle(item)
        finally:
            outcomes.close()  # no thread is at work any more
            if self._cutter is not None:
                self._cutter.close()
                self._cutter = None
                self._encoding.get()

    def _settle(self, item: object) -> Iterator[Edit]:
        if isinstance(item, _Ready):
            entry = item.entry
            fresh = item.frame is not None and self.additions.add(item.frame)
            if fresh or (entry.data is not None and self._is_new(entry)):
                self.new_entries += 1
                self.new_size += entry.size
                self.progress.advance(files=1, size=entry.size)
            else:
                self.progress.advance(files=1, size=entry.size, deduplicated=entry.size)
            yield entry.path, entry
        elif isinstance(item, Gone):
            yield item.path, None
        elif isinstance(item, Problem):
            self.problems.append(item)
            if self.base:
                yield item.path, None

    def _is_new(self, entry: Entry) -> bool:
        """Whether what was before does not have this small content at this path.

        It may have it at another one: what stands in an entry is in no index of digests, and to look for it would be
        to read every page of the base. So a small file that was moved counts as new.
        """
        try:
            before = self._finder.find(entry.path) if self._finder else None
        except ArtError:
            self._finder = before = None  # as in `_finder`
        return before is None or before.digest != entry.digest

    def _large(self, seen: Seen, outcomes: Iterator[object]) -> Entry | None:
        """The entry of the large file whose chunks come next; None if it is coming again."""
        before = self.new_size
        closed: list[_Closed] = []
        chunks, chunk_list = put_chunk_list(self.additions, self._chunks(outcomes, closed))
        digest, size = closed[0]
        if digest is None:
            return None
        if self.new_size > before:
            self.new_entries += 1
        self.progress.advance(files=1)
        return Entry(seen.path, seen.kind, size, digest, None, chunks, chunk_list)

    def _chunks(self, outcomes: Iterator[object], closed: list[_Closed]) -> Iterator[tuple[Digest, int]]:
        for outcome in outcomes:
            if isinstance(outcome, _Closed):
                closed.append(outcome)
                return
            for framed in outcome if isinstance(outcome, list) else ():
                if framed.frame is not None and self.additions.add(framed.frame):
                    self.new_size += framed.length
                    self.progress.advance(size=framed.length)
                else:
                    self.progress.advance(size=framed.length, deduplicated=framed.length)
                yield framed.digest, framed.length


def _finder(pages: PageSource, base: Root | None) -> Finder | None:
    """Tells what the base has; None if that is damaged, or in a place that cannot be reached.

    It only spoils the count of what is new.
    """
    try:
        return Finder(pages, base) if base else None
    except ArtError:
        return None


def _look_again(seen: Seen) -> Seen | Gone | Problem:
    """What lies at the place of `seen` now."""
    try:
        stat: Stat = stat_of(seen.source)
    except OSError:
        return Gone(seen.path)
    kind = kind_of(stat.mode)
    if kind not in (FILE, EXECUTABLE, SYMLINK):
        return Problem(seen.path, "changing-file", "it was replaced while it was read")
    return seen._replace(kind=kind, stat=stat)


def _changing(seen: Seen) -> Problem:
    return Problem(seen.path, "changing-file", f"it changed each of the {TRIES} times it was read")


def _unreadable(path: bytes, error: OSError) -> Problem:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise error  # that says nothing of the file
    return Problem(path, "unreadable", error.strerror or str(error))
