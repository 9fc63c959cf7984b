"""What a program prints is recorded too: the streams stay what they are, their `write` says it twice.

A line that is written over with carriage returns, as progress bars do, is recorded as it stands when it ends.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from artcli.flows.runs.console import LAST, gap, shown

SIZE = 16 * 1024
"""Characters that are handed on at once; what is less waits for `drain`."""
MOST = 64 * 1024 * 1024
"""Characters of a stream that are recorded, and `LAST` from its end."""
LONGEST = 100_000
"""Characters of a line; of a longer one the rest is a line of its own."""

Tell = Callable[[str, Mapping[str, Any], int], None]


class Capture:
    """Listens to `sys.stdout` and `sys.stderr` until `stop`."""

    def __init__(self, tell: Tell) -> None:
        """`tell(kind, data, size)` gets records of kind `console`."""
        out, err = self._ears = [Ear(sys.stdout, "stdout", tell), Ear(sys.stderr, "stderr", tell)]
        out.other, err.other = err, out

    def drain(self) -> None:
        """Hand on the lines that are whole."""
        for ear in self._ears:
            ear.drain()

    def fork(self) -> None:
        """In the child of a fork: what the parent has not handed on is the parent's, and so are its locks."""
        for ear in self._ears:
            ear.fork()

    def stop(self) -> None:
        """The streams are as they were; what was said last is handed on."""
        for ear in self._ears:
            ear.stop()


class Ear:
    """Listens to one stream."""

    def __init__(self, stream: Any, name: str, tell: Tell) -> None:
        self._stream, self._name, self._tell = stream, name, tell
        self._lock = threading.RLock()
        self._text: list[str] = []
        self._size = 0
        self._left = MOST
        self._beyond: list[str] = []
        self._beyond_size = self._lost = 0
        self._listens = False
        self.other: Ear | None = None
        """What it has heard was said before what comes here next, and is handed on before."""
        try:
            self._write = stream.write
            self._own = "write" in vars(stream)
            stream.write = self._both
            self._listens = True
        except (AttributeError, TypeError):
            pass  # no stream, or one whose methods cannot be replaced

    def _both(self, text: str) -> Any:
        written = self._write(text)
        if self._listens and isinstance(text, str):
            if self.other is not None and self.other._size:
                self.other.drain()
            with self._lock:
                kept = text[: self._left]
                self._text.append(kept)
                self._size += len(kept)
                self._left -= len(kept)
                if len(kept) < len(text):
                    self._remember(text[len(kept) :])
            if self._size > SIZE:
                self.drain()
        return written

    def drain(self, *, last: bool = False) -> None:
        with self._lock:
            text = "".join(self._text)
            whole = len(text) if last or (len(text) > LONGEST and "\n" not in text) else text.rfind("\n") + 1
            rest = shown(text[whole:]) + ("\r" if text.endswith("\r") and whole < len(text) else "")
            self._text, self._size = ([rest] if rest else []), 0
        if said := "\n".join(map(shown, text[:whole].split("\n"))):
            for start in range(0, len(said), LONGEST):
                piece = said[start : start + LONGEST]
                self._tell("console", {"stream": self._name, "text": piece}, len(piece))

    def _remember(self, text: str) -> None:
        """The end of what is too much to be recorded."""
        self._beyond.append(text)
        self._beyond_size += len(text)
        if self._beyond_size > 2 * LAST:
            self._beyond = ["".join(self._beyond)[-LAST:]]
            self._lost += self._beyond_size - LAST
            self._beyond_size = LAST

    def fork(self) -> None:
        self._lock, self._text, self._size = threading.RLock(), [], 0
        self._beyond, self._beyond_size, self._lost = [], 0, 0

    def stop(self) -> None:
        if self._listens:
            self._listens = False
            if vars(self._stream).get("write") == self._both:
                if self._own:
                    self._stream.write = self._write
                else:
                    del self._stream.write
            with self._lock:
                self._text += [gap(self._lost) if self._lost else "", *self._beyond]
                self._beyond = []
            self.drain(last=True)
