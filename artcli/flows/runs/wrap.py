"""`art run -- CMD`: a command is run, and what it used, said and made is recorded.

    1. the versions it uses become directories; what is recorded by itself is gathered
    2. the run begins, with these versions as its inputs
    3. the command runs; its console, samples of the machine and a sign of life go to the spool
    4. what it made is logged; the run ends with the command's exit code

The command comes first. From the moment it can start, nothing that goes wrong with recording stops it, slows it down
for long or changes its exit code; it is said at the end. What stands in the way of its start ends us with 125.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import this_process
from artcli.errors import ConflictError, NotFoundError, UsageError
from artcli.flows import arrange, log_artifact, use
from artcli.flows.runs import active, edges, mask
from artcli.flows.runs.begin import Gathering, Wish, begin
from artcli.flows.runs.child import Child
from artcli.flows.runs.console import SECONDS, Scroll
from artcli.flows.runs.ending import STOPPED, Ending
from artcli.flows.runs.recorder import Recorder
from artcli.flows.runs.rows import QUIET_EVERY
from artcli.progress import Progress

NOT_STARTED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
ALIVE = 60.0
"""Seconds after which a run that says nothing says that it lives."""
TICK = 1.0
"""Seconds after which Python sees a signal at the latest, whichever thread got it."""
DRAIN = 0.01
"""Seconds between looks at what the command has left behind in its pipes."""
FIRST_SAMPLE = 2.0
"""Seconds after which the machine is looked at first: many runs are short."""


class Used(NamedTuple):
    """A version that the command uses, and the name under which it is told where it is."""

    ref: str
    variable: str


class Made(NamedTuple):
    """What the command makes, and as what it is to be logged."""

    name: str
    path: str
    type: str | None = None
    aliases: Sequence[str] = ()
    always: bool = False
    """Also if the command failed."""


@dataclass(frozen=True)
class Job:
    """What is to be run, and how it is to be recorded."""

    argv: Sequence[str]
    wish: Wish
    directory: Path
    uses: Sequence[Used] = ()
    uris: Sequence[str] = ()
    """What it uses that is no version."""
    logs: Sequence[Made] = ()
    sample_every: float | None = 10.0
    """Seconds between samples of the machine; None: none are taken."""
    capture: bool = True
    """Hear what it says on its console."""
    strict: bool = False
    """Do not start it if the run cannot begin."""
    as_wandb: bool = False
    """`environ` lets `import wandb` mean this package, which is recorded."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    workers: int | None = None


class Ended(NamedTuple):
    """What came of it."""

    ending: Ending
    run: str | None
    """None if it could not be recorded at all."""
    logged: Sequence[log_artifact.Logged]
    problem: BaseException | None
    """The first thing that went wrong with recording."""
    stop: int | None = None
    """A signal that was to end us when the command had already ended well."""


class CannotStart(Exception):
    """The command could not be started; `code` is what a shell would say."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Progresses = Callable[[], AbstractContextManager[Progress]]
"""Makes a progress that is over before the command has the terminal, or after."""


def wrap(repository: Repository, job: Job, progress: Progresses, began: Callable[[str], None]) -> Ended:
    """Run the job; `began` is told the run's id before the command starts.

    Raises `ArtError` where a version that it uses, or a run that is to be resumed, is not there, and `CannotStart`.
    """
    return _Wrapping(repository, job, progress).run(began)


class _Wrapping:
    def __init__(self, repository: Repository, job: Job, progress: Progresses) -> None:
        self.repository = repository
        self.job = job
        self.progress = progress
        self.recorder: Recorder | None = None
        self.problem: BaseException | None = None
        self.wake = threading.Event()
        self.scroll = Scroll(self.wake)

    def run(self, began: Callable[[str], None]) -> Ended:
        job = self.job
        self._check_logs()
        versions, places = self._bring()
        argv = [_filled(word, places) for word in job.argv]
        self._begin(argv, versions)
        environ = {**job.environ, **places}
        if self.recorder is not None:
            began(self.recorder.run)
            environ |= active.environment(self.recorder.run, self.repository.path, job.wish.beginning.config)
        try:
            child = Child(argv, environ, self.scroll.add if self._is_heard else None, self.wake)
        except OSError as error:
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._finish(Ending(code))
            raise CannotStart(code, f"{argv[0]}: {(error.strerror or str(error)).lower()}") from error
        ending = self._watch(child)
        logged = self._log(child, ending, places)
        self._finish(ending)
        child.release()
        if child.failure is not None and ending.code == 0:
            ending = Ending(1)  # it believes that what it wrote has arrived
        stop = min(STOPPED & child.late, default=None) if ending.code == 0 else None
        return Ended(ending, self.recorder.run if self.recorder else None, logged, self.problem, stop)

    @property
    def _project(self) -> str:
        return self.job.wish.beginning.project

    @property
    def _is_heard(self) -> bool:
        return self.job.capture and self.recorder is not None

    # --- before ---

    def _check_logs(self) -> None:
        """A name or a type that no version can have is said now, and not when the command has worked for hours."""
        for made in self.job.logs:
            request = log_artifact.Request(made.name, self._project, (), type=made.type, aliases=made.aliases)
            log_artifact.check(self.repository.catalog, request)

    def _bring(self) -> tuple[list[Version], dict[str, str]]:
        """The versions, and where they are, by variable."""
        versions, places = [], {}
        for ref, variable in self.job.uses:
            request = use.Request(ref, self._project, self.job.directory, workers=self.job.workers)
            with self.progress() as progress:
                used = use.use(self.repository, request, progress)
            versions.append(used.version)
            places[variable] = str(used.path)
        return versions, places

    def _begin(self, argv: Sequence[str], versions: Sequence[Version]) -> None:
        gathering = Gathering(argv, self.job.directory, self.job.wish)
        try:
            captured = gathering.done()
            captured.start["asked"] = self._asked(versions)
            self.recorder = begin(self.repository, self.job.wish, captured, this_process())
        except (NotFoundError, ConflictError, UsageError):
            raise  # a wish that cannot be granted
        except Exception as error:  # a full disk, a damaged log: the command runs all the same
            if self.job.strict:
                raise
            self._say(error)
            return
        run = self.recorder.run
        with self._careful():
            edges.use(self.repository, run, versions)
        for uri in self.job.uris:
            with self._careful():
                edges.use_uri(self.repository, run, uri)

    def _asked(self, versions: Sequence[Version]) -> dict[str, Any]:
        """What was asked for, before places were filled in: so it can be done again at another place."""
        uses = {}
        for (ref, variable), version in zip(self.job.uses, versions, strict=True):
            path = resolve.version(self.repository.catalog, ref, self._project).path
            pinned = f"{version.project}/{version.name}@{version.digest}"
            uses[variable] = f"{pinned}/{os.fsdecode(path)}" if path else pinned
        logs = [made._asdict() for made in self.job.logs]
        asked = {"command": mask.arguments(self.job.argv), "uses": uses, "logs": logs}
        return {**asked, "as_wandb": True} if self.job.as_wandb else asked

    # --- meanwhile ---

    def _watch(self, child: Child) -> Ending:
        """Record until the command has ended."""
        samples = _Samples(child.pid, self.job)
        while child.ending is None:
            self.wake.wait(min(TICK, samples.wait(self.scroll.since)))
            self.wake.clear()
            self._say_console()
            self._record(samples.due())
            self._keep()
        while not child.is_drained:
            self._say_console()
            time.sleep(DRAIN)
        self._say_console(end=True)
        self._record(samples.last())
        return child.ending

    def _say_console(self, *, end: bool = False) -> None:
        due = self.scroll.since is not None and time.monotonic() - self.scroll.since >= SECONDS
        if end or due or self.scroll.is_full:
            self._record(self.scroll.take(end=end))

    def _record(self, records: Sequence[Record]) -> None:
        if records and self.recorder is not None:
            with self._careful():
                self.recorder.say(records)

    def _keep(self) -> None:
        """What the command says in its run, and ends, is on the disk in time."""
        if self.recorder is not None:
            with self._careful():
                self.recorder.keep()

    # --- after ---

    def _log(self, child: Child, ending: Ending, places: Mapping[str, str]) -> list[log_artifact.Logged]:
        """Log what the command made. It may take its time, so Ctrl-C ends it: the run ends all the same."""
        logged: list[log_artifact.Logged] = []
        wanted = [made for made in self.job.logs if made.always or ending.code == 0]
        if not wanted:
            return logged
        try:
            child.release()
            for made in wanted:
                with self._careful():
                    logged.append(self._log_one(made, _filled(made.path, places)))
        except BaseException as stop:  # Ctrl-C, SIGTERM
            self._say(stop)
        finally:
            child.hold()
        return logged

    def _log_one(self, made: Made, path: str) -> log_artifact.Logged:
        request = log_artifact.Request(
            made.name, self._project, arrange.sources([path], str(self.job.directory)), type=made.type,
            aliases=made.aliases, run=self.recorder.run if self.recorder else None, workers=self.job.workers,
        )  # fmt: skip
        with self.progress() as progress:
            return log_artifact.log_artifact(self.repository, request, progress)

    def _finish(self, ending: Ending) -> None:
        if self.recorder is not None:
            with self._careful():
                self.recorder.finish(ending.outcome, ending.code)

    @contextlib.contextmanager
    def _careful(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is: the command goes on
            self._say(error)

    def _say(self, error: BaseException) -> None:
        self.problem = self.problem or error


class _Samples:
    """When the machine is to be looked at, and what is seen."""

    def __init__(self, pid: int, job: Job) -> None:
        self._every = job.sample_every
        self._next = time.monotonic() + min(FIRST_SAMPLE, self._every or ALIVE)
        self._held: list[Record] = []
        self._told = -QUIET_EVERY
        self._machine = None
        if self._every is not None:
            from artcli.flows.runs.machine import Machine

            self._machine = Machine(pid, job.directory)

    def wait(self, since: float | None) -> float:
        """Seconds until there is something to do; `since`: when the oldest of what is not recorded came."""
        moment = self._next if since is None else min(self._next, since + SECONDS)
        return max(0.0, moment - time.monotonic())

    def due(self) -> list[Record]:
        """Samples, or a sign of life, if it is time: many samples at once, so that an idle run writes little."""
        now = time.monotonic()
        if now < self._next:
            return []
        self._next = now + (self._every or ALIVE)
        self._held += self._sample()
        if now < self._told + QUIET_EVERY:
            return []
        self._told = now
        return self._take() or [Record("alive", time.time(), {})]

    def last(self) -> list[Record]:
        """What is to be said at the end."""
        self._held += self._sample()
        return self._take()

    def _take(self) -> list[Record]:
        held, self._held = self._held, []
        return held

    def _sample(self) -> list[Record]:
        found = self._machine.sample() if self._machine else {}
        return [Record("system", time.time(), found)] if found else []


def variable_of(ref: str) -> str:
    """The variable of a version that names none: its artifact's name in capitals."""
    from artcli.catalog import spec

    return re.sub(r"\W", "_", spec.parse(ref).name.upper(), flags=re.ASCII)


def _filled(word: str, places: Mapping[str, str]) -> str:
    """The word with `{VARIABLE}` replaced by the directory; all other braces stay."""
    for variable, place in places.items():
        word = word.replace("{" + variable + "}", place)
    return word
