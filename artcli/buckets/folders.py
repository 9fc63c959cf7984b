"""Directories and files by descriptor, so that nothing below a bucket's root can lead out of it.

A path is walked one component at a time, each opened relative to the one before and never through a
symbolic link. A descriptor lives as long as somebody holds its `Handle`: a thread that reads from a file
keeps it open while another thread drops it from the cache.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# without O_NONBLOCK, opening a FIFO that somebody planted would wait for ever
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG})
"""What opening answers where nothing is, or something that no bucket has put there."""


class Handle:
    """An open descriptor, closed when the last holder lets go; so hand on the handle, not its `fd`.

    `size` in bytes is for whoever reads from a file.
    """

    __slots__ = ("fd", "opened", "size")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = 0
        self.opened = time.monotonic()

    def close(self, close: Callable[[int], None] = os.close) -> None:
        """Close it now; for its only holder."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close(fd)

    __del__ = close


class OpenFiles:
    """The files read last, kept open; any thread may ask.

    A file is forgotten after a second: whoever runs for long then sees that another process has deleted it
    or put a sound copy in the place of a damaged one.
    """

    MOST = 32
    SECONDS = 1.0

    def __init__(self) -> None:
        self._files: OrderedDict[str, Handle] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Handle | None:
        with self._lock:
            file = self._files.get(key)
            if file is None:
                return None
            if time.monotonic() - file.opened > self.SECONDS:
                del self._files[key]
                return None
            self._files.move_to_end(key)
            return file

    def put(self, key: str, file: Handle) -> None:
        with self._lock:
            self._files[key] = file
            if len(self._files) > self.MOST:
                self._files.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._lock:
            self._files.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._files.clear()


def open_folder(name: str, inside: Handle) -> Handle:
    return Handle(os.open(name, OPEN_FOLDER, dir_fd=inside.fd))


def open_file(name: str, inside: Handle) -> Handle:
    """Something to read from; not yet known to be a regular file."""
    return Handle(os.open(name, OPEN_FILE, dir_fd=inside.fd))


def unlink(name: str, inside: Handle) -> None:
    os.unlink(name, dir_fd=inside.fd)


def is_empty(folder: Handle) -> bool:
    with os.scandir(folder.fd) as entries:
        return next(entries, None) is None


def sync(fd: int) -> None:
    """Return when the file is on the disk itself; a Mac's `fsync` stops at the disk's own cache."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError:
            pass  # a network file system without it; fsync is what there is
    os.fsync(fd)


def sync_folder(folder: Handle) -> None:
    """Return when the names in the folder are on the disk."""
    try:
        sync(folder.fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
        # some network file systems know no fsync of a folder: their server keeps names without being asked


def make_folders(path: str) -> None:
    """Make the directory `path` and those above it that are missing, each durable in the one above."""
    above = os.path.dirname(os.path.abspath(path))
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folders(above)
        make_folders(path)
        return
    sync_folder(Handle(os.open(above, os.O_RDONLY | os.O_DIRECTORY)))
