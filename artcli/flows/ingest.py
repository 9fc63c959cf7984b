"""From what a walk reports to the edits of a manifest: read, cut, hash, encode side by side; keep in order in one.

    walk ──▶ jobs ──▶ processes, threads ──▶ frames into packs, edits into the manifest
             batches of small files: a process or thread reads, hashes and encodes them
             large files: a process or thread of its own reads, cuts and hashes, threads encode the chunks

A job's outcome comes back in the order of the walk, so edits are sorted and nothing has to be held. A file that changes
while it is read is read again (see `reading`), and then is a problem: it never ends up half old, half new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from queue import SimpleQueue
from typing import NamedTuple

from artcli import processes
from artcli.catalog.manifest import Entry, Finder, PageSource, Root, put_chunk_list
from artcli.content import Buffer, Digest
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.reader import Changed
from artcli.files.seen import FILE, NO_STAT, Change, Gone, Seen, Special
from artcli.flows.additions import Additions
from artcli.flows.cutting import LARGE, Cut, Cutter, End, cuts
from artcli.flows.reading import (
    TRIES,
    Batch,
    Outcome,
    Problem,
    Readers,
    Ready,
    changing,
    is_regular,
    look_again,
    read_here,
    ready,
    unreadable,
)
from artcli.memory import Buffers, keep_freed_memory
from artcli.progress import Progress
from artcli.store.chunker import SMALL
from artcli.store.codec import Tuner
from artcli.store.pack import Frame
from artcli.threads import ahead, aside

BATCH_FILES = 128
BATCH_SIZE = 4 << 20
"""Bytes of small files that one job reads."""

FIRST = 1024
"""Changes that are looked at before the first is read: a batch of small files among them is worth processes."""
MOST_READERS = 4
"""Processes that read small files: this one, which fills packs and manifest, keeps up with hardly more."""

AHEAD = 2
"""Blocks of a large file that are read and cut before a worker is free for them."""
SPARE = 6
"""Blocks that are cut, or whose chunks are added, besides those that wait for a worker or for their turn."""

Edit = tuple[bytes, Entry | None]


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


class _Framed(NamedTuple):
    digest: Digest
    length: int
    frame: Frame | None


_Job = _Small | Batch | _Opened | _Cut | _Closed


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
        self._readers: Readers | None = None
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
        edits = self._settle(read_here(seen, self._encode)) if seen.stat.size <= SMALL else self.edits([seen])
        return next((entry for _, entry in list(edits)), None)

    def stream(self, path: bytes, content: Iterable[Buffer]) -> Iterator[Edit]:
        """The edit that sets `path` to a stream which can be read only once."""
        blocks = iter(content)
        head: list[bytes] = []
        while sum(map(len, head)) <= SMALL:
            block = next(blocks, None)
            if block is None:
                return self._settle(ready(path, FILE, b"".join(head), self._encode))
            head.append(bytes(block))
        return self._collect(self._cut_jobs(Seen(path, FILE, b"", NO_STAT), cuts(chain(head, blocks))))

    # --- jobs: in the caller's thread, as the pipeline asks for them ---

    def _jobs(self, changes: Iterable[Change]) -> Iterator[_Job]:
        batch: list[Seen | Gone | Problem] = []
        size = 0
        changes = iter(changes)
        first = list(islice(changes, FIRST))
        self._begin_readers(first)  # before there are threads
        for change in chain(first, changes):
            if isinstance(change, Seen) and is_regular(change) and not _is_small(change):
                self._begin_cutter(change)
                if batch:
                    yield self._small_job(batch)
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
                yield self._small_job(batch)
                batch, size = [], 0
        if batch:
            yield self._small_job(batch)

    def _begin_readers(self, first: Sequence[Change]) -> None:
        if self.workers == 1 or sum(map(_is_small, first)) < BATCH_FILES:
            return
        if self.additions.forks and processes.are_possible():
            count, slots = min(self.workers, MOST_READERS), 2 * self.workers
            size = BATCH_SIZE + SMALL
            with suppress(processes.NoProcess):
                self._readers = Readers(self._encode, count=count, slots=slots, files=BATCH_FILES, size=size)

    def _small_job(self, changes: list[Seen | Gone | Problem]) -> _Small | Batch:
        return _Small(changes) if self._readers is None else self._readers.begin(changes)

    def _notice(self, change: Change) -> None:
        if isinstance(change, Special):
            self.problems.append(Problem(change.path, "special-file", f"it is a {change.what}"))
        elif not isinstance(change, Seen | Gone):
            error = getattr(change, "error", None)
            if error is not None:
                self.problems.append(unreadable(change.path, error))

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
            yield _Small([unreadable(seen.path, error)])

    def _again(self, seen: Seen, tries: int) -> Iterator[_Job]:
        """The jobs for a large file that has changed while it was read."""
        if not tries:
            yield _Small([changing(seen)])
            return
        fresh = look_again(seen)
        if isinstance(fresh, Seen) and is_regular(fresh) and fresh.stat.size > SMALL:
            yield from self._large_jobs(fresh, tries)
        else:
            yield _Small([fresh])

    def _begin_cutter(self, seen: Seen) -> None:
        if self._cutter is None and self.workers > 1 and seen.stat.size >= LARGE and processes.are_possible():
            with suppress(processes.NoProcess):
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

    def _work(self, job: _Job) -> list[Outcome] | list[_Framed] | Batch | _Opened | _Closed:
        if isinstance(job, _Small):
            return [read_here(item, self._encode) if isinstance(item, Seen) else item for item in job.changes]
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

    def _encode(self, path: bytes, digest: Digest, data: Buffer) -> Frame | None:
        """The frame of a small file; None if the store has its content."""
        return self.additions.encode(digest, data, self._tuner(path), 0)

    # --- outcomes: in the caller's thread, in order ---

    def _collect(self, jobs: Iterable[_Job]) -> Iterator[Edit]:
        outcomes = ahead(self._work, jobs, workers=self.workers)
        try:
            for outcome in outcomes:
                if isinstance(outcome, _Opened):
                    entry = self._large(outcome.seen, outcomes)
                    if entry is not None:
                        yield entry.path, entry
                elif isinstance(outcome, Batch):
                    assert self._readers is not None
                    for result in self._readers.results(outcome):
                        yield from self._settle(result)
                elif isinstance(outcome, list):
                    for item in outcome:
                        yield from self._settle(item)
        finally:
            outcomes.close()  # no thread is at work any more
            if self._readers is not None:
                self._readers.close()
                self._readers = None
            if self._cutter is not None:
                self._cutter.close()
                self._cutter = None
                self._encoding.get()

    def _settle(self, item: object) -> Iterator[Edit]:
        if isinstance(item, Ready):
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


def _is_small(change: Change) -> bool:
    """Whether it is a file that is read in one piece."""
    return isinstance(change, Seen) and is_regular(change) and change.stat.size <= SMALL


def _finder(pages: PageSource, base: Root | None) -> Finder | None:
    """Tells what the base has; None if that is damaged, or in a place that cannot be reached.

    It only spoils the count of what is new.
    """
    try:
        return Finder(pages, base) if base else None
    except ArtError:
        return None
