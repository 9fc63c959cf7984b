"""What a command writes to its console, on the way to the run: taken in threads, given out as records.

It never becomes more than a few megabytes: whoever writes faster than can be recorded waits for a moment, and of a
command that writes without end the beginning is recorded, up to a limit, and the end, where its error stands.

A line that is written over with carriage returns, as progress bars do, is recorded as it stands when it ends: an hour
of them would be megabytes of what nobody could see any more.
"""

from __future__ import annotations

import codecs
import threading
import time
from collections import deque

from artcli.catalog.runs.records import Record

PENDING = 64 * 1024
"""Bytes after which what was written should be recorded."""
SECONDS = 5.0
"""Or seconds."""
MOST_PENDING = 4 * 1024 * 1024
"""Bytes after which the writer waits."""
WAIT = 10.0
"""Seconds that it waits at most: a disk that hangs must not stop the command."""
MOST = 64 * 1024 * 1024
"""Characters that are recorded of one command."""
LAST = 256 * 1024
"""Characters from its end that are recorded beyond these."""
LONGEST = 100_000
"""Characters of a line that may still be written over."""
PIECE = 32 * 1024
"""Characters of a record."""


class Scroll:
    """Takes bytes of streams, gives records. `wake` is set when there is much to record."""

    def __init__(self, wake: threading.Event, most: int = MOST) -> None:
        self._wake = wake
        self._room = threading.Condition()
        self._texts: list[tuple[str, bytes, float]] = []
        self._size = 0
        self._left = most
        self._last: deque[Record] = deque()
        self._last_size = self._lost = 0
        self._lines: dict[str, _Line] = {}
        self.since: float | None = None
        """When the oldest of what is not recorded came, by `time.monotonic`; None if there is nothing."""

    def add(self, stream: str, data: bytes) -> None:
        """Take what was written; any thread may call this."""
        with self._room:
            if self._size > MOST_PENDING:
                self._room.wait_for(lambda: self._size <= MOST_PENDING, WAIT)
            if self._size > MOST_PENDING:
                return
            self._texts.append((stream, data, time.time()))
            self._size += len(data)
            if self.since is None:
                self.since = time.monotonic()
            if self._size >= PENDING:
                self._wake.set()

    @property
    def is_full(self) -> bool:
        """There is enough for a record."""
        return self._size >= PENDING

    def take(self, *, end: bool = False) -> list[Record]:
        """Records of what came since the last time; `end`: nothing follows, so half a character is told as well."""
        with self._room:
            texts, self._texts, self._size, self.since = self._texts, [], 0, None
            self._room.notify_all()
        joined: list[tuple[str, list[bytes], float]] = []
        for stream, data, at in texts:
            if joined and joined[-1][0] == stream:
                joined[-1][1].append(data)
            else:
                joined.append((stream, [data], at))
        if end:
            joined += [(stream, [], time.time()) for stream in self._lines]
        found = []
        for index, (stream, parts, at) in enumerate(joined):
            last = end and all(stream != other for other, _, _ in joined[index + 1 :])
            found += self._records(stream, b"".join(parts), at, last)
        return found + self._end() if end else found

    def _records(self, stream: str, data: bytes, at: float, last: bool) -> list[Record]:
        text = self._lines.setdefault(stream, _Line()).take(data, last)
        kept, self._left = text[: self._left], max(0, self._left - len(text))
        for piece in _pieces(stream, text[len(kept) :], at):
            self._last.append(piece)
            self._last_size += len(piece.data["text"])
            while self._last_size - len(self._last[0].data["text"]) >= LAST:
                lost = len(self._last.popleft().data["text"])
                self._last_size -= lost
                self._lost += lost
        return _pieces(stream, kept, at)

    def _end(self) -> list[Record]:
        found = list(self._last)
        self._last.clear()
        if not self._lost:
            return found
        return [found[0]._replace(data={**found[0].data, "text": gap(self._lost)}), *found]


class _Line:
    """What a stream writes, from bytes to what is recorded."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        """The line that is being written over."""
        self._told = False
        """The beginning of the line is recorded already."""

    def take(self, data: bytes, last: bool) -> str:
        text = self._rest + self._decoder.decode(data, last)
        whole = len(text) if last else text.rfind("\n") + 1
        if "\r" not in text[whole:] or len(text) - whole > LONGEST:
            whole = len(text)  # it may be a question to who sits there, so it is told at once
        rest = text[whole:]
        self._rest = ("\r" if _is_written_over(rest) else "") + _with_end(rest)
        said = text[:whole]
        if "\r" in said:
            first, *others = said.split("\n")
            over = "\r" if self._told and _is_written_over(first) else ""
            said = "\n".join([over + _with_end(first), *map(_with_end, others)])
        if said:
            self._told = not said.endswith("\n")
        return said


def gap(lost: int) -> str:
    """What stands where characters are missing."""
    return f"\n[art: {lost} characters are not recorded here]\n"


def shown(line: str) -> str:
    """What stands there after carriage returns."""
    return line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line


def _is_written_over(line: str) -> bool:
    return "\r" in line.rstrip("\r")


def _with_end(line: str) -> str:
    """The same with the carriage return at its end, which makes a line of DOS, or is written over later."""
    return shown(line) + ("\r" if line.endswith("\r") else "")


def _pieces(stream: str, text: str, at: float) -> list[Record]:
    return [
        Record("console", at, {"stream": stream, "text": text[start : start + PIECE]})
        for start in range(0, len(text), PIECE)
    ]
