"""Small files are read, hashed and encoded: here, or many at a time in processes that do nothing else.

    this process                                        one of the others
    a slot of memory that both see; files ────────────▶ reads each into the slot, hashes it, encodes it if the store
    ◀──────────────────────────────────── they are done   lacks it; notes in the slot what became of it

To read a file is five calls to the system, each of which lets go of Python's lock and waits for it again: with two
threads that read, beside the one that fills packs and manifest, 100,000 files took 5.6 s, with two processes 3.7 s.

Only questions and short signs go through pipes: whoever puts a question may wait until the one before is taken, but
nobody ever waits for an answer to be taken, so that the two cannot wait for each other.

A file that changes while it is read is read again, three times in all, and then is a problem. Whatever goes wrong over
there is tried again here.
"""

from __future__ import annotations

import errno
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple, TypeAlias

from artcli import processes
from artcli.catalog.manifest import INLINE, SYMLINK, Entry, shown
from artcli.content import Buffer, Digest, digest_of
from artcli.files import reader
from artcli.files.reader import Changed, read_link, read_small
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, Gone, Seen, Stat, kind_of, stat_of
from artcli.store.chunker import SMALL
from artcli.store.pack import Frame

TRIES = 3

Encode: TypeAlias = Callable[[bytes, Digest, Buffer], "Frame | None"]
"""The frame of a file's content, by its path, digest and bytes; None if the store has it."""

_NOTE = Struct("<32sBi")
"""What became of a file: digest, codec and length of its new bytes, or one of these instead of the length."""
_NOTHING_NEW, _UNREAD = -1, -2
_NOT_READ = (bytes(32), 0, _UNREAD)

_Question: TypeAlias = "tuple[int, list[tuple[bytes, bytes, int, int, int, int, int]]]"
"""A slot; path, source and stat of files."""


class Problem(NamedTuple):
    """Something below the directory that is not in the version."""

    path: bytes
    slug: str
    """`special-file`, `unreadable`, `changing-file`."""
    reason: str

    @property
    def text(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


class Ready(NamedTuple):
    """A small entry, and the frame of its content if the store lacks it."""

    entry: Entry
    frame: Frame | None


Outcome: TypeAlias = "Ready | Gone | Problem"


# --- here ------------------------------------------------------------------------------------------------------------


def read_here(seen: Seen, encode: Encode) -> Outcome:
    """A small file, a link or an empty directory."""
    for _ in range(TRIES):
        try:
            return _read(seen, encode)
        except Changed:
            fresh = look_again(seen)
            if not isinstance(fresh, Seen):
                return fresh
            seen = fresh
        except FileNotFoundError:
            return Gone(seen.path)
        except OSError as error:
            return unreadable(seen.path, error)
    return changing(seen)


def _read(seen: Seen, encode: Encode) -> Ready:
    path, kind, source, stat = seen
    if kind == SYMLINK:
        target = read_link(source)
        return Ready(Entry(path, kind, 0, digest_of(target), target), None)
    if kind == DIRECTORY:
        return Ready(Entry(path, kind, 0, digest_of(b"")), None)
    if stat.size > SMALL:
        raise Changed(source)  # a small file that has become a large one
    return ready(path, kind, read_small(source, stat), encode)


def ready(path: bytes, kind: int, data: bytes, encode: Encode) -> Ready:
    """A small file of these bytes."""
    digest = digest_of(data)
    if len(data) <= INLINE:
        return Ready(Entry(path, kind, len(data), digest, data), None)
    return Ready(Entry(path, kind, len(data), digest), encode(path, digest, data))


def is_regular(seen: Seen) -> bool:
    """Whether it is a file, executable or not."""
    return seen.kind in (FILE, EXECUTABLE)


def look_again(seen: Seen) -> Seen | Gone | Problem:
    """What lies at the place of `seen` now."""
    try:
        stat: Stat = stat_of(seen.source)
    except OSError:
        return Gone(seen.path)
    kind = kind_of(stat.mode)
    if kind not in (FILE, EXECUTABLE, SYMLINK):
        return Problem(seen.path, "changing-file", "it was replaced while it was read")
    return seen._replace(kind=kind, stat=stat)


def changing(seen: Seen) -> Problem:
    """It was read `TRIES` times in vain."""
    return Problem(seen.path, "changing-file", f"it changed each of the {TRIES} times it was read")


def unreadable(path: bytes, error: OSError) -> Problem:
    """The system refuses it; raises `error` where that says nothing of the file."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise error
    return Problem(path, "unreadable", error.strerror or str(error))


# --- in processes ----------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """Changes whose regular files are being read."""

    changes: Sequence[Seen | Gone | Problem]
    files: Sequence[Seen]
    worker: processes.Worker
    slot: int


class Readers:
    """Processes that read; whoever makes them closes them."""

    def __init__(self, encode: Encode, *, count: int, slots: int, files: int, size: int) -> None:
        """`slots`: batches that may be in use at once; of so many files and bytes at most. `encode` runs over there.

        Raises `NoProcess`.
        """
        self._encode = encode
        self._notes = size + 1  # the byte tells a file that has grown
        self._slot_size = self._notes + files * _NOTE.size
        self._memory = memoryview(mmap.mmap(-1, slots * self._slot_size))
        self._free = list(range(slots))
        self._workers: deque[processes.Worker] = deque()
        for _ in range(count):
            try:
                self._workers.append(processes.Worker(self._answers))
            except processes.NoProcess:
                if not self._workers:
                    raise

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()

    def begin(self, changes: Sequence[Seen | Gone | Problem]) -> Batch:
        """Have the regular files among them read. Raises `ArtError` (`worker-killed`)."""
        files = [change for change in changes if isinstance(change, Seen) and is_regular(change)]
        worker = self._workers[0]
        self._workers.rotate(-1)
        slot = self._free.pop()
        worker.ask((slot, [(seen.path, seen.source, *seen.stat) for seen in files]))
        return Batch(changes, files, worker, slot)

    def results(self, batch: Batch) -> Iterator[Outcome]:
        """What became of each change. Batches are asked for in the order in which they were begun.

        At the end the frames' bytes are gone. Raises what `encode` raised, and `ArtError` (`worker-killed`).
        """
        batch.worker.answer()
        found = self._found(batch)
        for change in batch.changes:
            if not isinstance(change, Seen):
                yield change
            else:
                yield (next(found) if is_regular(change) else None) or read_here(change, self._encode)
        self._free.append(batch.slot)

    def _found(self, batch: Batch) -> Iterator[Ready | None]:
        """What became of each file, None for one that could not be read, or not as it was seen."""
        slot = self._slot(batch.slot)
        notes = slot[self._notes : self._notes + len(batch.files) * _NOTE.size]
        start = 0
        for (path, kind, _, stat), (digest, codec, stored) in zip(batch.files, _NOTE.iter_unpack(notes), strict=True):
            size = stat.size
            if stored == _UNREAD:
                yield None
            elif size <= INLINE:
                yield Ready(Entry(path, kind, size, digest, bytes(slot[start : start + size])), None)
            elif stored == _NOTHING_NEW:
                yield Ready(Entry(path, kind, size, digest), None)
            else:
                frame = Frame(digest, codec, size, stored, (slot[start : start + stored],))
                yield Ready(Entry(path, kind, size, digest), frame)
            start += size

    def _slot(self, number: int) -> memoryview:
        return self._memory[number * self._slot_size : (number + 1) * self._slot_size]

    def _answers(self, question: _Question) -> Iterator[None]:
        number, files = question
        slot = self._slot(number)
        start = 0
        for place, (path, source, size, *rest) in enumerate(files):
            note = self._note(path, source, Stat(size, *rest), slot[start : start + size + 1])
            _NOTE.pack_into(slot, self._notes + place * _NOTE.size, *note)
            start += size
        yield None

    def _note(self, path: bytes, source: bytes, stat: Stat, memory: memoryview) -> tuple[Digest, int, int]:
        """What became of a file; what is new of it has taken its place in `memory`."""
        try:
            content = reader.read_into(memory, source, stat)
        except (reader.Changed, OSError):
            return _NOT_READ
        digest = digest_of(content)
        frame = self._encode(path, digest, content) if stat.size > INLINE else None
        if frame is None:
            return digest, 0, _NOTHING_NEW
        if frame.data and frame.data[0] is not content:
            content[: frame.stored] = b"".join(frame.data)
        return digest, frame.codec, frame.stored
