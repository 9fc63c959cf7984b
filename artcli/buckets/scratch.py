"""A file that is being written, in a folder of its own, until it gets its name: the first half of `DiskBucket.add`.

It is read-only from the start and locked as long as its owner lives, so that nobody sweeps it; a kill leaves it
behind, and its age then tells.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Sequence

from artcli.buckets import exclusive
from artcli.buckets.folders import Handle, open_folder, sync, unlink

TEMPORARY = "tmp"
BUFFERS_A_CALL = 1024  # IOV_MAX of Linux and macOS


class Scratch:
    """A new file below `tmp/` of the folder `root`; `close` it, whatever became of it."""

    def __init__(self, root: Handle) -> None:
        try:
            self._folder = open_folder(TEMPORARY, root)
        except FileNotFoundError:
            self._folder = make_folder(TEMPORARY, root)
        self._name = os.urandom(16).hex()
        self._file = Handle(os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444, dir_fd=self._folder.fd))
        self.size = 0
        """Bytes that were written."""
        try:
            fcntl.flock(self._file.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass  # a file system without locks: its age alone must tell

    def write(self, views: Sequence[memoryview]) -> None:
        """Append these bytes."""
        rest = [view for view in views if view.nbytes]
        first = 0
        while first < len(rest):
            written = os.writev(self._file.fd, rest[first : first + BUFFERS_A_CALL])
            self.size += written
            while first < len(rest) and written >= rest[first].nbytes:
                written -= rest[first].nbytes
                first += 1
            if written:
                rest[first] = rest[first][written:]

    def view(self) -> memoryview:
        """What was written, memory-mapped."""
        if not self.size:
            return memoryview(b"")
        return memoryview(mmap.mmap(self._file.fd, self.size, access=mmap.ACCESS_READ))

    def read(self, start: int, length: int) -> bytes:
        """What was written, in part; not mapped, so that a large file takes no memory."""
        return os.pread(self._file.fd, length, start)

    def place(self, folder: Handle, name: str) -> bool:
        """Give the file its name, durably but for the folder itself; False if the name is taken."""
        sync(self._file.fd)
        return exclusive.place(exclusive.Move(self._file.fd, self._folder.fd, self._name, folder.fd, name))

    def close(self) -> None:
        """Remove the temporary name, and let go of the file."""
        try:
            unlink(self._name, self._folder)
        except OSError:
            pass  # renamed already; or it stays, and is swept later
        self._file.close()  # not when an exception is forgotten: a full disk needs the space now


def make_folder(name: str, inside: Handle) -> Handle:
    """The folder of that name, made if it is missing."""
    try:
        os.mkdir(name, dir_fd=inside.fd)
    except FileExistsError:
        pass  # another writer was quicker
    return open_folder(name, inside)
