"""A run begins, or begins again: what is recorded by itself is gathered first, and stands in its first line.

Gathering asks git and a Python, each a process of its own; the Python is asked while the repository is opened.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.register import Run
from artcli.catalog.runs.spool import Owner, is_alive
from artcli.errors import ConflictError
from artcli.flows.runs import capture, mask, program
from artcli.flows.runs.capture import Captured
from artcli.flows.runs.choose import choose
from artcli.flows.runs.metrics import Voice
from artcli.flows.runs.program import Python
from artcli.flows.runs.recorder import Beginning, Recorder


@dataclass(frozen=True)
class Wish:
    """What a run is to be, and what is to be found out about it."""

    beginning: Beginning
    resume: str | None = None
    """The run that is to go on, by id or name."""
    use_git: bool = True
    env_allow: Sequence[str] = ()
    """Globs of variables whose values are recorded."""


class Gathering:
    """Finds out what is recorded by itself; its Python answers meanwhile."""

    def __init__(self, argv: Sequence[str], directory: Path, wish: Wish) -> None:
        self._argv = argv
        self._directory = directory
        self._wish = wish
        executable = program.interpreter(argv, directory)
        self._answer: Future[Python | None] | None = None
        if executable is not None:
            pool = ThreadPoolExecutor(1)
            self._answer = pool.submit(program.ask, executable)
            pool.shutdown(wait=False)

    def done(self) -> Captured:
        """What was found."""
        wish = self._wish
        captured = capture.capture(self._argv, self._directory, use_git=wish.use_git, env_allow=wish.env_allow)
        python = self._answer.result() if self._answer else None
        if python is not None:
            capture.add_python(captured, python)
        return captured


def begin(repository: Repository, wish: Wish, captured: Captured, owner: Owner | None) -> Recorder:
    """Begin the run, or take up the one that `wish.resume` means; `owner`: the process whose end is the run's.

    Raises `NotFoundError` (`no-such-run`), `ConflictError` (`run-lives`), `UsageError` (`bad-tag`, `bad-project`),
    `SpaceError`, and what `Recorder.begin` raises.
    """
    told = wish.beginning
    beginning = replace(told, config=mask.settings(told.config), recorded=captured.start, owner=owner)
    if wish.resume is None:
        recorder = Recorder.begin(repository, beginning)
    else:
        known = choose(repository, wish.resume, told.project)
        _check_over(repository, known)
        recorder = Recorder.resume(repository, known.id, beginning)
    if captured.files:
        Voice(repository.path, recorder.run).keep(captured.files)
    return recorder


def _check_over(repository: Repository, run: Run) -> None:
    """Raise `ConflictError` (`run-lives`) if another process is at work in the run."""
    spool = journal.spool_of(repository, run.id)
    owner = spool.head.owner if spool else None
    if run.outcome is None and owner is not None and is_alive(owner):
        raise ConflictError("run-lives", f"run '{run.name}' is going on in process {owner.pid}", hint="art runs")


def caller() -> list[str]:
    """The words of the process that started this one, where it is a script; empty for a person's shell."""
    try:
        words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")[:-1]
        directory = Path(os.readlink(f"/proc/{os.getppid()}/cwd"))
    except OSError:
        return []
    argv = [os.fsdecode(word) for word in words]
    return argv if program.script(argv, directory) is not None else []
