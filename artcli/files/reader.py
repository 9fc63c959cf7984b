"""Reads the user's files so that what is read is one state of the file, never half old and half new.

A file is read, and then must still have the size, times and inode of the stat with which it was seen. That proves
that nobody wrote meanwhile only if a write would have changed its times: the clock of a file system ticks some
hundred times a second, so a file that was changed in the tick that is running is read when that tick is over.
Nothing is mapped into memory: a file that shrinks would kill the process.

Two writers cannot be seen: one whose single call overwrites a file in place for longer than a tick, for the times are
those of its beginning; and one that writes through a mapping into a page that it had written to before.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sized
from typing import Protocol, TypeVar

from artcli.files.seen import Stat, to_stat
from artcli.memory import Buffers

BLOCK = 4 << 20
"""Bytes of a large file that are read at a time."""

TICK = 20_000_000
"""Nanoseconds within which two writes may leave the same times."""
TICK_COARSE = 2_000_000_000
"""The same where times look like those of a file system that keeps whole milliseconds at best."""

Content = TypeVar("Content", bound=Sized)

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Changed(Exception):
    """The file is not, or no longer, the one that was seen: look again, and read again."""


def read_small(source: bytes, stat: Stat) -> bytes:
    """All bytes of a small regular file that was seen with `stat`.

    Raises `Changed`, `FileNotFoundError`, or another `OSError` if it cannot be read.
    """
    return _read(source, stat, lambda fd: os.read(fd, stat.size + 1))


def read_into(memory: memoryview, source: bytes, stat: Stat) -> memoryview:
    """As `read_small`, into memory of a byte more than the file's size; the part of it that the file takes."""
    return _read(source, stat, lambda fd: memory[: os.readv(fd, [memory])])


def _read(source: bytes, stat: Stat, read: Callable[[int], Content]) -> Content:
    """What `read` reads of the file: all of it, if it is as `stat` says; of one that has grown, a byte more."""
    _let_settle(stat)
    fd = _open(source)
    try:
        content = read(fd)
        if len(content) != stat.size or _is_other(fd, stat):
            raise Changed(source)
        return content
    except (IsADirectoryError, BlockingIOError) as error:  # a folder or a FIFO has taken its place
        raise Changed(source) from error
    finally:
        os.close(fd)


def read_link(source: bytes) -> bytes:
    """The target of a symbolic link, which is replaced whole or not at all; raises `Changed` if it is none."""
    try:
        return os.readlink(source)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Changed(source) from error
        raise


class Memory(Protocol):
    """Where blocks go."""

    def take(self) -> bytearray | memoryview:
        """Memory for the next block."""


def blocks(source: bytes, stat: Stat, buffers: Memory | None = None) -> Iterator[memoryview]:
    """The bytes of a regular file that was seen with `stat`, in blocks, in order; holes read as zeros.

    A block's memory is used again when its view, and every view made of it, is gone. Raises `Changed` at the latest
    after the last block: what was read is then of no use. Raises `OSError` if the file cannot be read.
    """
    _let_settle(stat)
    buffers = buffers or Buffers(min(BLOCK, stat.size + 1))
    fd = _open(source)
    try:
        if _is_other(fd, stat):
            raise Changed(source)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        position = 0
        while position < stat.size:
            view = memoryview(buffers.take())[: stat.size - position]
            count = _fill(fd, view)
            position += count
            if count < len(view):
                raise Changed(source)
            yield view
            del view
        if _is_other(fd, stat):
            raise Changed(source)
    finally:
        os.close(fd)


def _fill(fd: int, view: memoryview) -> int:
    """Read until `view` is full or the file ends; how many bytes."""
    count = 0
    while count < len(view):
        part = os.readv(fd, [view[count:]])
        if not part:
            break
        count += part
    return count


def _open(source: bytes) -> int:
    try:
        return os.open(source, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link or a socket has taken its place
            raise Changed(source) from error
        raise


def _is_other(fd: int, stat: Stat) -> bool:
    return to_stat(os.fstat(fd)) != stat


def _let_settle(stat: Stat) -> None:
    """Wait until a write would leave other times than those of `stat`."""
    age = time.time_ns() - stat.ctime
    if age >= TICK_COARSE or age < -TICK_COARSE:
        return  # a time ahead of the clock is no time that a write could leave
    coarse = stat.mtime % 1_000_000 == 0 and stat.ctime % 1_000_000 == 0
    remaining = (TICK_COARSE if coarse else TICK) - age
    if remaining > 0:
        time.sleep(remaining / 1e9)
