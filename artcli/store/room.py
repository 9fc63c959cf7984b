"""Where byte planes are laid out: each plane goes from the chunk to its place in one step, and stays there until its
pack is written.

To make bytes of each plane and copy them together, and again into the pack, is a tenth of all the time of adding 2 GB
of float32, and Python's lock is held meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from artcli.memory import Buffers

ROOM = 2 * 1024 * 1024
"""Bytes of a buffer."""

Place: TypeAlias = "tuple[bytearray, int]"
"""A buffer, and where in it something begins; the buffer is left alone as long as anything views it."""


class Room:
    """Memory for one thread's byte planes."""

    def __init__(self) -> None:
        self._buffers = Buffers(ROOM)
        self._buffer = bytearray()
        self._array: Any = None
        self._used = ROOM

    def lay_out(self, head: bytes, parts: Sequence[Any]) -> tuple[memoryview, Place]:
        """`head`, then the arrays of bytes: the memory is used again when nothing views its buffer any more."""
        size = len(head) + sum(map(len, parts))
        if self._used + size > ROOM:
            self._begin()
        start = position = self._used
        view = memoryview(self._buffer)[start : start + size]
        self._used = start + size
        view[: len(head)] = head
        position += len(head)
        for part in parts:
            end = position + len(part)
            self._array[position:end] = part
            position = end
        return view, (self._buffer, start)

    def _begin(self) -> None:
        import numpy

        self._array = None  # which views the buffer that is full
        self._buffer, self._used = self._buffers.take(), 0
        self._array = numpy.frombuffer(self._buffer, numpy.uint8)
