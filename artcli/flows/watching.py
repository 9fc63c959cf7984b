"""A car's own keeper: directories are logged when they have become quiet, and what was logged is pushed, for ever.

    every look     has a directory changed since it was logged, and not for `quiet` seconds? Then a version of it.
    every round    push and fetch; after a new version at once. A remote that does not answer is tried less and less
                   often, up to every `LONGEST`; what is logged waits here.

Nothing is kept in memory that would be missed: whoever is killed, or loses its power, begins again with a look at all
directories, and finds by their stat cache that nothing is new.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.repository import Repository
from artcli.errors import ArtError, NetworkError
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.flows import log_artifact, pushing
from artcli.flows.pushing import Synced
from artcli.progress import Silent

LOOK = 1.0
"""Seconds between two looks at a directory, unless they take long."""
SHARE = 20
"""A look is followed by at least so many times the time that it took."""
LONGEST = 600.0
"""Seconds between two tries at a remote that does not answer."""
AFTER_NEWS = 30.0
"""The same where a new version waits."""


class Watched(NamedTuple):
    """A directory and what its versions are called."""

    name: str
    directory: Path


class Wanted(NamedTuple):
    """What to keep in step."""

    remote: str | None
    every: float
    """Seconds between two rounds."""
    logs: Sequence[Watched] = ()
    quiet: float = 5.0
    """Seconds without a change, after which a directory is logged."""
    project: str = "uncategorized"


class Listener(NamedTuple):
    """Who is told what happens."""

    synced: Callable[[Synced], None]
    logged: Callable[[log_artifact.Logged], None]
    failed: Callable[[str], None]
    """A line; the same failure is told once."""


class Keeper:
    """Keeps the repository with the `.art` folder `path` in step. One thread."""

    def __init__(self, path: Path, wanted: Wanted, listener: Listener) -> None:
        self._path = path
        self._wanted = wanted
        self._listener = listener
        self._folders = [_Folder(watched, wanted.quiet) for watched in wanted.logs]
        self._next_round = 0.0
        self._failures = 0
        self._told = ""

    def run(self) -> None:
        """Until something is raised that is no failure: a signal, or what a listener raises."""
        while True:
            self.step()
            time.sleep(self._pause())

    def step(self) -> None:
        """Log what has become quiet; push and fetch if it is time."""
        news = [self._log(folder) for folder in self._folders if folder.is_due()]
        now = time.monotonic()
        if any(news):
            self._next_round = min(self._next_round, now + AFTER_NEWS) if self._failures else now
        if now >= self._next_round:
            self._round()

    def _pause(self) -> float:
        """Seconds until something may have to be done."""
        now = time.monotonic()
        moments = [self._next_round, *(folder.next_look for folder in self._folders)]
        return max(0.05, min(moments) - now)

    def _round(self) -> None:
        try:
            synced = pushing.sync(self._path, self._wanted.remote)
        except (ArtError, OSError) as error:
            self._failures += 1
            pause = min(LONGEST, self._wanted.every * 2 ** min(self._failures - 1, 16))
            waits = isinstance(error, NetworkError)
            self._tell(f"{_line(error)}{'; what is logged waits here' if waits else ''}")
        else:
            self._failures, pause, self._told = 0, self._wanted.every, ""
            self._listener.synced(synced)
        self._next_round = time.monotonic() + pause

    def _log(self, folder: _Folder) -> bool:
        """Make a version of a directory; whether there is a new one."""
        watched = folder.watched
        request = log_artifact.Request(
            watched.name, self._wanted.project, [Source(os.fsencode(watched.directory.absolute()))], Rules(),
            reason="sync", keep_going=True,
        )  # fmt: skip
        try:
            with closing(Repository(self._path)) as repository:
                logged = log_artifact.log_artifact(repository, request, Silent())
        except (ArtError, OSError) as error:
            if getattr(error, "slug", "") != "nothing-to-log":
                self._tell(f"{watched.name}: {_line(error)}")
                folder.try_again()
            return False
        if logged.created:
            self._listener.logged(logged)
        return logged.created

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self._listener.failed(line)


class _Folder:
    """When to log a directory."""

    def __init__(self, watched: Watched, quiet: float) -> None:
        self.watched = watched
        self.next_look = 0.0
        self._quiet = quiet
        self._seen: tuple[int, ...] | None = None
        self._since = 0.0
        """When it was first seen as it is."""
        self._is_logged = False

    def is_due(self) -> bool:
        """Look at it, if it is time: has it changed since it was logged, and become quiet? It is to be logged then."""
        started = time.monotonic()
        if started < self.next_look:
            return False
        seen = _signature(self.watched.directory)
        now = time.monotonic()
        self.next_look = now + max(min(LOOK, self._quiet), SHARE * (now - started))
        if seen != self._seen:
            self._seen, self._since, self._is_logged = seen, now, False
        due = seen is not None and not self._is_logged and now - self._since >= self._quiet
        self._is_logged |= due
        return due

    def try_again(self) -> None:
        """It could not be logged: do so when it has been quiet once more."""
        self._since, self._is_logged = time.monotonic(), False


def _signature(directory: Path) -> tuple[int, ...] | None:
    """What changes with everything that is done in a directory; None if there is none."""
    count = size = mixed = newest = 0
    waiting = [os.fsencode(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.name == b".art":
                        continue
                    stat = entry.stat(follow_symlinks=False)
                    count, size, newest = count + 1, size + stat.st_size, max(newest, stat.st_ctime_ns)
                    mixed ^= hash((entry.path, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            if not directory.is_dir():
                return None
            mixed ^= 1  # something came or went meanwhile: the next look sees it as it is then
    return count, size, newest, mixed


def _line(error: Exception) -> str:
    return error.message if isinstance(error, ArtError) else f"{type(error).__name__}: {error}".splitlines()[0]
