"""What a command writes to its console, on the way to the run: taken in threads, given out as records.

It never becomes more than a few megabytes: whoever writes faster than can be recorded waits for a moment, and a
command that writes without end is recorded up to a limit.
"""

from __future__ import annotations

import codecs
import threading
import time
from typing import Any

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
"""Bytes that are recorded of one command."""
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
        self._decoders: dict[str, Any] = {}
        self.since: float | None = None
        """When the oldest of what is not recorded came, by `time.monotonic`; None if there is nothing."""

    def add(self, stream: str, data: bytes) -> None:
        """Take what was written; any thread may call this."""
        with self._room:
            if self._size > MOST_PENDING:
                self._room.wait_for(lambda: self._size <= MOST_PENDING, WAIT)
            if not self._left or self._size > MOST_PENDING:
                return
            data = data[: self._left]
            self._left -= len(data)
            if not self._left:
                data += b"\n[art: no more of this console is recorded]\n"
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
            joined += [(stream, [], time.time()) for stream in self._decoders]
        found = []
        for index, (stream, parts, at) in enumerate(joined):
            last = end and all(stream != other for other, _, _ in joined[index + 1 :])
            found += self._records(stream, b"".join(parts), at, last)
        return found

    def _records(self, stream: str, data: bytes, at: float, last: bool) -> list[Record]:
        decoder = self._decoders.get(stream)
        if decoder is None:
            decoder = self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(data, last)
        return [
            Record("console", at, {"stream": stream, "text": text[start : start + PIECE]})
            for start in range(0, len(text), PIECE)
        ]
