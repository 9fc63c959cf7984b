"""Memory that is used again: how this process treats what it has freed, and buffers that go round.

glibc gives freed memory back to the system as soon as some of it lies at the end of its heap, and takes blocks from the
system anew for every buffer above a threshold. A flow that reads gigabytes through buffers of a few kilobytes to a few
megabytes then pays a page fault for each 4 KiB: 0.8 s of system time for each GB read, against 0.2 s when the memory is
kept (`os.pread` of 32 KiB blocks, Linux 6.1, x86-64). What a flow needs at once is bounded, so what is kept is too.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX of glibc's malloc.h."""

PIECE = 256 * 1024
"""Bytes of a user's file that one call writes: megabytes at once are cached in blocks of 2 MiB, which a virtual machine
may have given back to its host. 2 GB by 4 MiB took 2.4 to 3.3 s of system time, by 256 KiB 0.7 s (Linux 6.18, ext4)."""

KEPT = 256 << 20
BLOCK = 32 << 20
"""Bytes: the largest buffer that is taken from the heap; glibc allows no more."""


def keep_freed_memory() -> None:
    """Let freed memory be used again instead of giving it back."""
    _set({_TRIM_THRESHOLD: KEPT, _MMAP_THRESHOLD: BLOCK})


def share_one_heap() -> None:
    """Let all threads take memory from one heap; else each of dozens keeps what it has freed. Call it before they are.

    Python's own lock lets hardly two of them ask at the same time.
    """
    _set({_ARENA_MAX: 1})


def _set(options: Mapping[int, int]) -> None:
    """Options of glibc's malloc; where the C library is another one, nothing happens."""
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # musl, macOS: their allocators know no such setting
    for option, value in options.items():
        mallopt(option, value)


class Buffers:
    """Buffers of one size, each used again as soon as nothing refers to what was put into it.

    Fresh memory costs a page fault for each 4 KiB; a buffer costs them once. There are as many as are held on to at the
    same time, so whoever holds them bounds them. One thread takes them; any may let go.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._all: list[bytearray] = []

    def take(self) -> bytearray:
        """A buffer of `size` bytes to which no view refers."""
        for buffer in self._all:
            if _is_free(buffer):
                return buffer
        buffer = bytearray(self.size)
        self._all.append(buffer)
        return buffer


def _is_free(buffer: bytearray) -> bool:
    """Whether no memoryview refers to `buffer`: only then does Python let it change its length."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


def untouched(size: int) -> memoryview:
    """`size` zeros that take memory only as they are written to."""
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
