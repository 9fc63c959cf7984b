"""The clock by which a file system stamps what is written: on a network that of its server, else this machine's own.

Only its own times can tell what was written before what.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from artcli.files.ignore import temporary_name


def now(directory: Path) -> int:
    """The times that a file would get which was written in `directory` now, in nanoseconds since 1970.

    `directory` may not be there yet. Where nothing can be written, it is this machine's clock that tells.
    """
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    try:
        return _stamp(directory)
    except OSError:
        return time.time_ns()


def _stamp(directory: Path) -> int:
    if hasattr(os, "O_TMPFILE"):
        try:
            return _ctime(os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError:
            pass  # not every file system has files without a name
    name = os.path.join(os.fsencode(directory), temporary_name())
    fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    os.unlink(name)
    return _ctime(fd)


def _ctime(fd: int) -> int:
    try:
        return os.fstat(fd).st_ctime_ns
    finally:
        os.close(fd)
