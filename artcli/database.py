"""SQLite: a connection that is closed when nothing refers to it any more, and the journal of what processes share.

Files, sockets and, since Python 3.13, connections warn when they are let go of open. A catalogue in a script of the
user's may live until the script ends, and closing it then is all that anybody wants.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

PAGE = 4096
"""Bytes of memory that are mapped at a time."""


class Connection(sqlite3.Connection):
    """Give it to `sqlite3.connect` as `factory`, with `check_same_thread=False`: any thread may be the last."""

    def __del__(self) -> None:
        try:
            self.close()
        except sqlite3.ProgrammingError:
            pass  # it could not be opened


def journal_of(path: Path | None) -> str:
    """The journal mode for the database `path` (None: in memory), which several processes may use at once.

    It is WAL, but for file systems whose blocks are smaller than a page of memory, as those of small sticks are. The
    index of a write-ahead log is mapped into memory, and SQLite makes room for it by writing one byte of each page: the
    page's other blocks are still to come, and when the disk is full, touching them kills the process (SIGBUS).
    """
    try:
        block = PAGE if path is None else os.statvfs(path.parent).f_frsize
    except OSError:
        return "WAL"  # whoever opens it will say what is wrong
    return "WAL" if block >= PAGE else "TRUNCATE"
