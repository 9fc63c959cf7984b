"""Temporary files that killed writers have left beside the files that they were to become.

A writer locks the file that it writes for as long as it lives, however its life ends. So what nobody has locked, and
nobody has written for a minute, is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import stat as modes
import time

AGE = 60.0
"""Seconds: longer than a writer takes from making a file to locking it, or to giving a symbolic link its name."""


def claim(fd: int) -> None:
    """Say that the file has a writer, who lives as long as the descriptor is open."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass  # a file system without locks: nobody can claim what lies there, and nothing there is swept


def sweep(source: bytes) -> bool:
    """Remove the temporary file at `source` if it is nobody's."""
    try:
        there = os.lstat(source)
        made = there.st_mtime if there.st_nlink == 1 else there.st_ctime  # a hard link has the time of its file
        if abs(time.time() - made) < AGE:
            return False
        if modes.S_ISREG(there.st_mode) and _has_writer(source):
            return False
        os.unlink(source)
    except OSError:
        return False  # it is gone already, or it stays
    return True


def _has_writer(source: bytes) -> bool:
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
