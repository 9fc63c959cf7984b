"""How this process treats memory that it has freed.

glibc gives freed memory back to the system as soon as some of it lies at the end of its heap, and takes blocks from the
system anew for every buffer above a threshold. A flow that reads gigabytes through buffers of a few kilobytes to a few
megabytes then pays a page fault for each 4 KiB: 0.8 s of system time for each GB read, against 0.2 s when the memory is
kept (`os.pread` of 32 KiB blocks, Linux 6.1, x86-64). What a flow needs at once is bounded, so what is kept is too.
"""

from __future__ import annotations

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h."""

KEPT = 256 << 20
BLOCK = 32 << 20
"""Bytes: the largest buffer that is taken from the heap; glibc allows no more."""


def keep_freed_memory() -> None:
    """Let freed memory be used again instead of giving it back; where the C library is another one, nothing happens."""
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # musl, macOS: their allocators know no such setting
    mallopt(_TRIM_THRESHOLD, KEPT)
    mallopt(_MMAP_THRESHOLD, BLOCK)
