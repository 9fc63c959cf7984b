"""How much there is to read, found out beside the reading, so that a long log has an end in sight.

Of files that are named one by one it is known at once. What is in directories only a walk tells, and what of that is
to be read only a walk against the stat cache: after `PATIENCE` seconds of reading a second walk begins in a thread. It
rests six times as long as it works, so that the log takes no longer, and ends with the log.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from artcli.errors import ArtError
from artcli.files.ignore import Rules
from artcli.files.seen import Change, Seen
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
from artcli.progress import Progress

PATIENCE = 2.0
REST = 6
"""Seconds of rest for one of work."""
MOST_FILES = 10_000
"""Files named one by one whose sizes are asked for."""

Pause = Callable[[], None]
Walk = Callable[[Pause], "tuple[int, int]"]
"""Counts files and their bytes, and calls what it is given before each folder."""


class _Ended(Exception):
    """The log was faster."""


class Expected:
    """A `Progress` that passes on what it is told, and the totals once they are known."""

    def __init__(self, progress: Progress, walk: Walk | None) -> None:
        self._progress = progress
        self._walk = walk
        self._due = time.monotonic() + PATIENCE if walk is not None else math.inf
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._found: tuple[int, int] | None = None

    def __enter__(self) -> Expected:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def phase(self, name: str, *, files: int | None = None, size: int | None = None) -> None:
        self._progress.phase(name, files=files, size=size)

    def expect(self, *, files: int | None = None, size: int | None = None) -> None:
        self._progress.expect(files=files, size=size)

    def warn(self, message: str) -> None:
        self._progress.warn(message)

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        self._progress.advance(files=files, size=size, deduplicated=deduplicated)
        if self._found is not None:
            self._progress.expect(files=self._found[0], size=self._found[1])
            self._found = None
        elif self._thread is None and time.monotonic() >= self._due:
            self._thread = threading.Thread(target=self._count, name="art-expected", daemon=True)
            self._thread.start()

    def _count(self) -> None:
        began = time.thread_time()

        def pause() -> None:
            nonlocal began
            if self._ended.wait((time.thread_time() - began) * REST):
                raise _Ended
            began = time.thread_time()

        assert self._walk is not None
        try:
            self._found = self._walk(pause)
        except (_Ended, ArtError, OSError):
            pass  # whatever is wrong, the log itself meets it and says so


def beside(progress: Progress, sources: Sequence[Source], rules: Rules, cache: Path, page: bytes | None) -> Expected:
    """`progress`, which is told in time how much of `sources` there is to read.

    `page` is the manifest that the stat cache in the folder `cache` is known to describe.
    """
    if (totals := _of_files(sources)) is not None:
        progress.expect(files=totals[0], size=totals[1])
        return Expected(progress, None)
    return Expected(progress, lambda pause: _of_tree(sources, rules, cache, page, pause))


def counted(changes: Iterable[Change], progress: Progress) -> Iterator[bytes]:
    """The paths that a walk reports; at its end `progress` is told how much there is to read."""
    files = size = 0
    for change in changes:
        if isinstance(change, Seen):
            files, size = files + 1, size + change.stat.size
            yield change.path
    progress.expect(files=files, size=size)


def _of_files(sources: Sequence[Source]) -> tuple[int, int] | None:
    """How many files, and bytes, where all sources are files; None where that is not known at once."""
    if len(sources) > MOST_FILES or any(os.path.isdir(source.path) for source in sources):
        return None
    try:
        return len(sources), sum(os.stat(source.path).st_size for source in sources)
    except OSError:
        return None  # the walk says of what is gone


def _of_tree(sources: Sequence[Source], rules: Rules, cache: Path, page: bytes | None, pause: Pause) -> tuple[int, int]:
    """What a walk against the stat cache reports."""
    files = size = 0
    with StatCache(cache) as own:
        scan = Scan(sources, rules, own, known_to=lambda known: page if known == page else None, pause=pause)
        for change in scan:
            if isinstance(change, Seen):
                files, size = files + 1, size + change.stat.size
    return files, size
