"""Progress on stderr: a bar on a terminal, a line every 10 s elsewhere, or JSON Lines.

Nothing is shown in a phase's first 0.3 s, so quick commands stay silent and never import rich. Rate and
remaining time come from a moving window of 10 s.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

from artcli.cli.formatting import size
from artcli.wording import printable

PATIENCE = 0.3
"""Seconds before anything is shown."""
WINDOW = 10.0
"""Seconds over which the rate is measured."""
SETTLED = 2.0
"""Seconds before the remaining time is guessed."""
_INTERVAL = {"bar": 0.1, "plain": 10.0, "json": 1.0, "off": math.inf}

Clock = Callable[[], float]


class Shown:
    """Progress in one of the modes `bar`, `plain`, `json`, `off`; the verbs are `artcli.progress.Progress`'s."""

    def __init__(
        self,
        mode: str,
        stream: TextIO,
        warn: Callable[[str], None],
        clock: Clock = time.monotonic,
        *,
        color: bool = False,
    ) -> None:
        self._mode = mode
        self._stream = stream
        self._warn = warn
        self._clock = clock
        self._color = color
        self._bar: _Bar | None = None
        self._due = 0.0
        self._name = ""
        self._begin("", None, None)

    def phase(self, name: str, *, files: int | None = None, size: int | None = None) -> None:
        self._finish()
        self._begin(name, files, size)

    def expect(self, *, files: int | None = None, size: int | None = None) -> None:
        self._total_files, self._total_bytes = files, size

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        self._files += files
        self._bytes += size
        self._deduplicated += deduplicated
        now = self._clock()
        if now >= self._due:
            self._due = now + _INTERVAL[self._mode]
            self._show(now)

    def warn(self, message: str) -> None:
        if self._bar:
            self._bar.clear()
        self._warn(message)

    def close(self) -> None:
        """The last line of the last phase, and the terminal as it was."""
        self._finish()
        self._name = ""

    def _begin(self, name: str, files: int | None, size: int | None) -> None:
        self._name, self._total_files, self._total_bytes = name, files, size
        self._files = self._bytes = self._deduplicated = 0
        self._started = now = self._clock()
        self._due = now + (PATIENCE if self._mode in ("bar", "json") else _INTERVAL[self._mode])
        self._window: deque[tuple[float, int]] = deque([(now, 0)])

    def _finish(self) -> None:
        now = self._clock()
        if self._bar:
            self._bar.close()
            self._bar = None
        elif self._name and self._mode in ("plain", "json") and now - self._started >= PATIENCE:
            self._show(now)

    def _show(self, now: float) -> None:
        try:
            self._draw(now)
        except BrokenPipeError:
            raise
        except OSError:
            pass  # stderr is on a full disk: the work goes on all the same

    def _draw(self, now: float) -> None:
        self._window.append((now, self._bytes))
        while len(self._window) > 2 and self._window[1][0] < now - WINDOW:
            self._window.popleft()
        if self._mode == "bar":
            self._bar = self._bar or _Bar(self._stream, self._color)
            self._bar.draw(self._share(), self._name, "  ".join(self._words(now)))
        elif self._mode == "json":
            self._stream.write(json.dumps(self._document(now)) + "\n")
        else:
            share = self._share()
            head = [self._name] if share is None else [self._name, f"{share:.0%}".replace("%", " %")]
            self._stream.write("art: " + "  ".join(head + self._words(now)) + "\n")
        self._stream.flush()

    def _share(self) -> float | None:
        for done, total in ((self._bytes, self._total_bytes), (self._files, self._total_files)):
            if total:
                return min(1.0, done / total)
        return None

    def _rate(self) -> float:
        (begin, before), (end, now) = self._window[0], self._window[-1]
        return (now - before) / (end - begin) if end > begin else 0.0

    def _remaining(self, now: float) -> float | None:
        rate = self._rate()
        if not self._total_bytes or not rate or now - self._started < SETTLED:
            return None
        return max(0.0, (self._total_bytes - self._bytes) / rate)

    def _words(self, now: float) -> list[str]:
        words = []
        if self._files or self._total_files:
            total = f"/{self._total_files:,}" if self._total_files else ""
            words.append(f"{self._files:,}{total} files")
        if self._bytes or self._total_bytes:
            total = f" of {size(self._total_bytes)}" if self._total_bytes else ""
            words.append(size(self._bytes) + total)
            words.append(f"{size(self._rate())}/s")
        remaining = self._remaining(now)
        if remaining is not None:
            words.append(f"ETA {int(remaining) // 60}:{int(remaining) % 60:02d}")
        if self._deduplicated and self._bytes:
            words.append(f"(dedup {self._deduplicated / self._bytes:.0%})".replace("%", " %"))
        return words

    def _document(self, now: float) -> dict[str, Any]:
        remaining = self._remaining(now)
        return {
            "message_type": "status",
            "phase": self._name,
            "files_done": self._files,
            "total_files": self._total_files,
            "bytes_done": self._bytes,
            "total_bytes": self._total_bytes,
            "bytes_deduplicated": self._deduplicated,
            "seconds_elapsed": round(now - self._started, 1),
            "seconds_remaining": None if remaining is None else round(remaining),
        }


class _Bar:
    """One line at the bottom of a terminal, drawn by rich."""

    def __init__(self, stream: TextIO, color: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(file=stream, highlight=False, force_terminal=True, no_color=not color),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def draw(self, share: float | None, name: str, words: str) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 2))
        row.add_row(
            Text(printable(name)),
            ProgressBar(total=None if share is None else 1.0, completed=share or 0.0, width=20),
            Text(words, no_wrap=True, overflow="ellipsis"),
        )
        self._live.update(row, refresh=True)

    def clear(self) -> None:
        """Leave the line free for a message; the next `draw` comes below it."""
        self._live.update("", refresh=True)

    def close(self) -> None:
        self._live.stop()
