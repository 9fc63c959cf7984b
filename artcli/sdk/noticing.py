"""What is recorded by itself while a program runs: where it comes from, and how the machine does.

Asking git and listing the packages takes a tenth of a second, so it is done in a thread while the program goes on;
the end of the run waits for it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from artcli.sdk import saving
from artcli.sdk.recording import Live
from artcli.sdk.settings import Settings
from artcli.sdk.voice import warn

EVERY = 10.0
"""Seconds between samples of the machine."""
PATIENCE = 20.0
"""Seconds for which the end of a run waits for what is recorded by itself."""


def words_of_command() -> list[str]:
    """The command that runs this program, as it could be typed."""
    words = list(getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv])
    return words if words[0] else [sys.executable, *words[1:]]


def notice(live: Live, settings: Settings) -> None:
    """Begin."""
    words, directory = words_of_command(), Path.cwd()
    thread = threading.Thread(target=_capture, args=(live, settings, words, directory), name="art-capture", daemon=True)
    thread.start()
    live.ending.append(lambda: thread.join(PATIENCE))
    if not (settings.x_disable_stats or settings._disable_stats):
        live.buffer.rounds.append(Samples(live, settings.x_stats_sampling_interval or EVERY).take)


class Samples:
    """Samples of the machine, taken by the buffer's thread."""

    def __init__(self, live: Live, every: float) -> None:
        self._live, self._every = live, float(every)
        self._due = time.monotonic() + min(2.0, self._every)
        self._machine: Any = None
        self._process = os.getpid()

    def take(self) -> None:
        """Take one, if it is time."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every
        if self._machine is None:
            from artcli.flows.runs.machine import Machine

            self._machine = Machine(self._process)
        if sample := self._machine.sample():
            self._live.say("system", sample, 1000)


def _notebook(directory: Path) -> Path | None:
    """The notebook whose kernel this process is, as Jupyter's server or VS Code tells it; None if there is none."""
    if "ipykernel" not in sys.modules:
        return None
    told = getattr(sys.modules["__main__"], "__vsc_ipynb_file__", None) or os.environ.get("JPY_SESSION_NAME")
    path = Path(os.path.abspath(directory / told)) if isinstance(told, str) and told.endswith(".ipynb") else None
    return path if path is not None and os.path.isfile(path) else None


def _capture(live: Live, settings: Settings, words: list[str], directory: Path) -> None:
    from artcli.flows.runs import program
    from artcli.flows.runs.capture import REQUIREMENTS, add_python, capture

    try:
        captured = capture(words, directory, use_git=not settings.disable_git, notebook=_notebook(directory))
        add_python(captured, program.this_python())
        live.say("start", {"pid": os.getpid(), **captured.start}, 2000)
        for name, content in captured.files.items():
            if not settings.disable_code or name == REQUIREMENTS:
                saving.put(live, name, content)
    except Exception as error:  # whatever a machine may answer: the program must not end of it
        warn(f"what is recorded by itself is not complete: {error}")
