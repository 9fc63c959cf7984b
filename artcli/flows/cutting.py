"""A large file is read, cut where its content says so, and hashed: here, or in a process that does nothing else.

    this process                                        the other one
    source ───────────────────────────────────────────▶ reads a block into a slot of memory that both see, cuts, hashes
    views of the chunks ◀─── slot, digests, lengths ────
    the slot, when nothing views it any more ─────────▶

Cutting and hashing let go of Python's lock for each chunk, and wait for it as often as there are threads at work: more
than half of the time when chunks are encoded meanwhile.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from blake3 import blake3

from artcli import processes
from artcli.content import Buffer, Digest, digest_of
from artcli.files import reader
from artcli.files.seen import Stat
from artcli.store.chunker import MOST, cut

LARGE = 64 << 20
"""Bytes of a file that is worth a process."""
SEAM = 2 * MOST
"""Bytes of a slot before its block: for chunks that begin in an earlier one."""
SLOT = SEAM + reader.BLOCK


class Cut(NamedTuple):
    """Chunks that follow each other in a file, from `offset` on."""

    offset: int
    chunks: list[tuple[Digest, memoryview]]


class End(NamedTuple):
    """A file's digest and size."""

    digest: Digest
    size: int


def cuts(content: Iterable[Buffer]) -> Iterator[Cut | End]:
    """The chunks of a stream, with their digests, and its end."""
    hasher = blake3()
    offset = 0
    for chunks in cut(_hashed(content, hasher)):
        if chunks:
            yield Cut(offset, [(digest_of(chunk), chunk) for chunk in chunks])
            offset += sum(map(len, chunks))
    yield End(hasher.digest(), offset)


def _hashed(content: Iterable[Buffer], hasher: blake3) -> Iterator[Buffer]:
    for block in content:
        hasher.update(block)
        yield block


class Cutter:
    """A process that cuts one file after the other; whoever makes one closes it."""

    def __init__(self, slots: int) -> None:
        """`slots`: more than there are `Cut`s in use when the next one is asked for, or it never comes.

        Raises `NoProcess`.
        """
        self._memory = mmap.mmap(-1, slots * SLOT)
        self._lent: dict[int, weakref.ref[Any]] = {}
        freed, self._free = os.pipe()
        side = _Side(self._memory, list(range(slots)), freed)
        try:
            self._worker = processes.Worker(side.answers, [self._free])
        except processes.NoProcess:
            os.close(self._free)
            raise
        finally:
            os.close(freed)

    def close(self) -> None:
        """End the process; no thread may let go of what was cut meanwhile."""
        self._lent.clear()  # what is viewed still is given back to nobody: the pipe's number may be another file's then
        os.close(self._free)
        self._worker.close()

    def cuts(self, source: bytes, stat: Stat) -> Iterator[Cut | End]:
        """As `cuts` of `reader.blocks(source, stat)`, which raises the same; to be taken to its end."""
        self._worker.ask((source, stat))
        while not isinstance(answer := self._worker.answer(), End):
            slot, offset, rows = answer
            view = self._lend(slot)
            yield Cut(offset, [(digest, view[start : start + length]) for digest, start, length in rows])
            del view
        yield answer

    def _lend(self, slot: int) -> memoryview:
        """A view of a slot, which goes back when neither it nor any view made of it is left."""
        import ctypes

        array = (ctypes.c_ubyte * SLOT).from_buffer(self._memory, slot * SLOT)

        def give_back(_: object) -> None:
            try:
                os.write(self._free, bytes([slot]))
            except OSError:
                pass  # the process has ended

        self._lent[slot] = weakref.ref(array, give_back)
        return memoryview(array).cast("B")


class _Side:
    """The process's own side; `reader.blocks` puts its blocks into the slots."""

    def __init__(self, memory: mmap.mmap, free: list[int], freed: int) -> None:
        self._memory = memoryview(memory)
        self._free = free
        self._freed = freed
        self._slot: int | None = None
        """The slot of the block that was taken last, as long as it was not told of."""
        self._begin = self._taken = 0
        """Where in the file that block begins, and how many were taken of it."""

    def answers(self, question: tuple[bytes, Stat]) -> Iterator[End | tuple[int, int, list[tuple[Digest, int, int]]]]:
        """What there is to tell of a file: pieces, and its end."""
        source, stat = question
        self._taken = 0
        for item in cuts(reader.blocks(source, stat, self)):
            yield item if isinstance(item, End) else self._told(item)

    def take(self) -> memoryview:
        """Where the next block goes."""
        self._begin, self._taken = self._taken * reader.BLOCK, self._taken + 1
        return self._slot_to_fill()[SEAM:]

    def _slot_to_fill(self) -> memoryview:
        if self._slot is None:
            if not self._free:
                self._free += os.read(self._freed, 256)
            if not self._free:
                raise BrokenPipeError("nobody gives slots back any more")
            self._slot = self._free.pop(0)
        return self._memory[self._slot * SLOT : (self._slot + 1) * SLOT]

    def _told(self, item: Cut) -> tuple[int, int, list[tuple[Digest, int, int]]]:
        """The slot in which the chunks are, their offset in the file, and of each digest, start in the slot, length."""
        begin = self._begin if self._slot is not None else item.offset + SLOT  # what follows the last block
        memory = self._slot_to_fill()
        slot, self._slot = self._slot, None
        assert slot is not None
        rows, offset, seam = [], item.offset, 0
        for digest, chunk in item.chunks:
            start = SEAM + offset - begin
            if offset < begin:
                start, seam = seam, seam + len(chunk)
                memory[start:seam] = chunk
            rows.append((digest, start, len(chunk)))
            offset += len(chunk)
        return slot, item.offset, rows
