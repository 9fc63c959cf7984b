"""A connection to SQLite that is closed when nothing refers to it any more.

Files, sockets and, since Python 3.13, connections warn when they are let go of open. A catalogue in a script of the
user's may live until the script ends, and closing it then is all that anybody wants.
"""

from __future__ import annotations

import sqlite3


class Connection(sqlite3.Connection):
    """Give it to `sqlite3.connect` as `factory`, with `check_same_thread=False`: any thread may be the last."""

    def __del__(self) -> None:
        try:
            self.close()
        except sqlite3.ProgrammingError:
            pass  # it could not be opened
