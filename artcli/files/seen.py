"""What a walk of the user's directory reports: entries, and notices about what could not become one.

`Seen` and `Gone` are edits to the version that was known before; they come in strictly ascending bytewise order of
their path, each path once. `Special`, `Unreadable` and `LeftOut` are notices, in no order: they change nothing by
themselves, and where the known version had an entry there, a `Gone` comes too.
"""

from __future__ import annotations

import os
import stat as modes
from operator import attrgetter
from typing import NamedTuple, TypeAlias

FILE, EXECUTABLE, SYMLINK, DIRECTORY = 0, 1, 2, 3
SPECIAL = -1
"""Kinds, numbered as in a manifest; a special file (FIFO, socket, device) never reaches one."""

MAX_COMPONENT = 255
MAX_PATH = 4096
MAX_DEPTH = 256
"""Limits of a path in a version, in bytes and components."""


class Stat(NamedTuple):
    """What tells whether a file is still the one that was read."""

    size: int
    """Bytes."""
    mtime: int
    """Nanoseconds since 1970."""
    ctime: int
    """Nanoseconds since 1970."""
    inode: int
    mode: int
    """Type and permission bits, as `st_mode`."""


NO_STAT = Stat(0, 0, 0, 0, 0)


class Seen(NamedTuple):
    """A file, symbolic link or empty directory that is new or that nothing vouches for."""

    path: bytes
    """In the version."""
    kind: int
    source: bytes
    """On the disk."""
    stat: Stat
    """`NO_STAT` for an empty directory."""


class Gone(NamedTuple):
    """The known version has an entry here; the directory no longer has."""

    path: bytes


class Special(NamedTuple):
    """A FIFO, socket or device: it has no bytes to keep."""

    path: bytes
    source: bytes
    what: str
    """`FIFO`, `socket` or `device`."""


class Unreadable(NamedTuple):
    """A folder that cannot be listed, or a name in it that cannot be looked at."""

    path: bytes
    source: bytes
    error: OSError


class LeftOut(NamedTuple):
    """Not part of the version although no rule of the user's says so: `artifacts/` at the top, a left-over of a killed
    write."""

    path: bytes
    source: bytes


Change: TypeAlias = "Seen | Gone | Special | Unreadable | LeftOut"

fields = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
"""The part of an `os.stat_result` that is compared: (bytes, ns, ns, number)."""

_MOST = 1 << 63


def signed(value: int) -> int:
    """`value` wrapped into 64 bits: inode numbers are unsigned, and times beyond the year 2262 exist on disks."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def to_stat(result: os.stat_result) -> Stat:
    """The compared fields of `result`, each wrapped into 64 bits."""
    size, mtime, ctime, inode = fields(result)
    if max(mtime, ctime, inode) >= _MOST or min(mtime, ctime) < -_MOST:
        mtime, ctime, inode = signed(mtime), signed(ctime), signed(inode)
    return Stat(size, mtime, ctime, inode, result.st_mode)


def stat_of(source: bytes) -> Stat:
    """What lies at `source` now, a link not followed; raises `OSError`."""
    return to_stat(os.lstat(source))


def kind_of(mode: int) -> int:
    """The kind of a `st_mode`; executable means that the owner may execute it."""
    form = mode & 0o170000
    if form == modes.S_IFREG:
        return EXECUTABLE if mode & 0o100 else FILE
    if form == modes.S_IFLNK:
        return SYMLINK
    return DIRECTORY if form == modes.S_IFDIR else SPECIAL


def special_name(mode: int) -> str:
    """What a special file is called."""
    if modes.S_ISFIFO(mode):
        return "FIFO"
    return "socket" if modes.S_ISSOCK(mode) else "device"
