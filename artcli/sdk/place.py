"""Which repository artifacts come from and go to, and an open one for whoever asks.

Artifacts are asked from any thread, and after the run is over, so they have repositories of their own: one for each
thread that asks, opened once.
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from artcli.catalog.repository import FOLDER, Repository
from artcli.sdk import sharing
from artcli.sdk.current import current
from artcli.sdk.recording import Live
from artcli.sdk.run import Run
from artcli.sdk.voice import say
from artcli.settings import Settings, find_repository

_open = threading.local()
_scratch: list[tempfile.TemporaryDirectory[str]] = []


def repository(path: Path) -> Repository:
    """The repository whose `.art` folder this is, open in this thread."""
    if getattr(_open, "process", None) != os.getpid():
        _open.process, _open.found = os.getpid(), {}  # what a parent opened is not for its child
    found: Repository | None = _open.found.get(path)
    if found is None or not path.exists():
        found = _open.found[path] = Repository(path)
    return found


def fresh(path: Path) -> Repository:
    """The same, as the log is now."""
    found = repository(path)
    found.refresh()
    return found


def forget(path: Path) -> None:
    """Let go of the repository that is open in this thread: it has learnt of another place."""
    found: Repository | None = getattr(_open, "found", {}).pop(path, None)
    if found is not None:
        found.close()


def of_run(run: Run) -> Path | None:
    """The `.art` folder in which a run is recorded; None for one that leaves nothing behind."""
    recording = run._recording
    return recording.repository.path if isinstance(recording, Live) else None


def for_reading() -> Path:
    """The `.art` folder of the current run, or of the working directory; raises `NoRepositoryError`."""
    run = current()
    found = (of_run(run) if run is not None else None) or find_repository(Path.cwd())
    if found is None and sharing.is_wanted():
        return for_writing()
    return found if found is not None else Repository.open(Path.cwd()).path


def for_writing() -> Path:
    """The same; one is made in the working directory if there is none, elsewhere if nothing is to be left behind."""
    run = current()
    if run is not None and run.disabled:
        if not _scratch:
            _scratch.append(tempfile.TemporaryDirectory(prefix="art-disabled-"))
            Repository.init(Path(_scratch[0].name))[0].close()
        return Path(_scratch[0].name) / FOLDER
    found = (of_run(run) if run is not None else None) or find_repository(Path.cwd())
    if found is not None:
        return found
    made, is_new = Repository.init(Path.cwd())
    made.close()
    if is_new:
        say(f"made a repository: {made.path}")
        sharing.join(made.path)
    return made.path


def project(path: Path) -> str:
    """The project of names that are given without one: the current run's, else as is set."""
    run = current()
    return run.project if run is not None else Settings(repository=path).text("project")


def planes(path: Path) -> bool:
    """Whether arrays of numbers may be kept as byte planes."""
    return Settings(repository=path).truth("store.planes")
