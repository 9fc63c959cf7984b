"""The calls by which a process changes what is on the disk, counted: the k-th kills it or fails.

What goes through Python's `os` is seen; what C code does by itself (SQLite, buffered files) is not: `strace` sees that.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

WRITING = (
    "open", "mkdir", "write", "writev", "fsync", "link", "rename", "replace", "unlink", "remove", "rmdir", "symlink",
    "utime", "ftruncate",
)  # fmt: skip


class Calls:
    """Counts the calls of `names` while it is entered; `taken` are those that were made, by name."""

    def __init__(
        self,
        k: int = 0,
        *,
        error: int | None = None,
        names: Sequence[str] = WRITING,
        for_ever: bool = False,
        short: bool = False,
        reading: bool = False,
    ) -> None:
        """The `k`-th call (from 1) raises `OSError(error)`, or kills the process if there is no `error`.

        With `for_ever` so do all later ones. With `short` a failing `write` first writes half of its bytes. With
        `reading` an `open` counts that only reads.
        """
        self.k = k
        self.error = error
        self.names = names
        self.for_ever = for_ever
        self.short = short
        self.reading = reading
        self.taken: list[str] = []
        self.hit = False
        self._lock = threading.Lock()
        self._originals: dict[str, Any] = {}

    def __enter__(self) -> Calls:
        for name in self.names:
            self._originals[name] = getattr(os, name)
            setattr(os, name, self._counted(name, self._originals[name]))
        return self

    def __exit__(self, *_: object) -> None:
        for name, original in self._originals.items():
            setattr(os, name, original)

    def _counted(self, name: str, call: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not self.reading and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return call(*arguments, **options)
            with self._lock:
                self.taken.append(name)
                due = len(self.taken) == self.k or (self.for_ever and 0 < self.k < len(self.taken))
                self.hit = self.hit or due
            if due and self.error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            if due:
                if self.short and name == "write":
                    call(arguments[0], memoryview(arguments[1])[: len(arguments[1]) // 2])
                assert self.error is not None
                raise OSError(self.error, os.strerror(self.error))
            return call(*arguments, **options)

        return counted
