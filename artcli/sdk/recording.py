"""Where a run's words go: into a repository (`Live`), or nowhere but memory (`Memory`, the run of `mode="disabled"`).

`Live` belongs to one process and the children that it forks. Its own repository is for the thread that calls; the
buffer's thread opens one of its own when there is something to seal.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.said import Said
from artcli.catalog.runs.view import notes
from artcli.errors import ArtError, IntegrityError
from artcli.flows.runs import changes
from artcli.flows.runs.recorder import Recorder, find
from artcli.flows.runs.seal import end, seal
from artcli.sdk import naming
from artcli.sdk.buffer import HISTORY, Buffer
from artcli.sdk.console import Capture
from artcli.sdk.saving import keep_directory
from artcli.sdk.summary import Summed
from artcli.sdk.voice import warn

if TYPE_CHECKING:
    import tempfile


@dataclass
class About:
    """What is known of a run without asking what it said."""

    id: str
    project: str
    name: str
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    start: float = 0.0
    """When this process took it up, in seconds since 1970."""
    step: int = 0
    """Its next step by then."""
    resumed: bool = False


class Recording(Protocol):
    """What a run needs of the place where it is recorded."""

    about: About
    disabled: bool
    ending: list[Callable[[], None]]
    """Called before the last words are written."""
    kept: dict[str, tuple[int, ...]]
    """Files of its directory that it was given: inode, size and time of change by name."""

    @property
    def step(self) -> int: ...
    def row(self, data: Mapping[str, Any], size: int, step: int | None, ends: bool) -> bool: ...
    def say(self, kind: str, data: Mapping[str, Any], size: int = 1000) -> None: ...
    def summary(self) -> dict[str, Any]: ...
    def edit(self, field: str, value: str | None) -> None: ...
    def tag(self, tags: Sequence[str]) -> None: ...
    def directory(self) -> Path: ...
    def incoming(self) -> Path: ...
    def put_file(self, name: str, finished: Path) -> None: ...
    def flush(self) -> None: ...
    def before_fork(self) -> None: ...
    def after_fork(self) -> None: ...
    def fork(self) -> None: ...
    def finish(self, outcome: str, exit: int) -> None: ...


class Live:
    """A run in a repository."""

    disabled = False

    def __init__(self, recorder: Recorder, about: About, said: Said | None, *, owns: bool) -> None:
        """`said`: what it said before this process came; `owns`: whether the end of this process is its end."""
        self.repository = recorder.repository
        self.about = about
        self.ending: list[Callable[[], None]] = []
        self.kept: dict[str, tuple[int, ...]] = {}
        self._owns = owns
        self._console: Capture | None = None
        self._forked = self._over = False
        self._recorder = recorder
        self._summed = Summed(said)
        self._sealing: Repository | None = None
        self.buffer = Buffer(recorder.spool, about.step, self._seal, self._summed.hear)

    @property
    def owned(self) -> bool:
        """Whether the end of the run is this process's to tell."""
        return self._owns and not self._forked

    @property
    def step(self) -> int:
        return self.buffer.step

    def row(self, data: Mapping[str, Any], size: int, step: int | None, ends: bool) -> bool:
        return self.buffer.row(data, size, step, ends)

    def say(self, kind: str, data: Mapping[str, Any], size: int = 1000) -> None:
        self.buffer.say(kind, data, size)

    def summary(self) -> dict[str, Any]:
        return self._summed.now(self.buffer.pending)

    def edit(self, field: str, value: str | None) -> None:
        """Change what the log says of the run; raises `UsageError` (`bad-run-name`, `text-too-long`)."""
        changes.edit(self.repository, find(self.repository, self.about.id), changes.Edits(**{field: value or ""}))
        setattr(self.about, field, value)

    def tag(self, tags: Sequence[str]) -> None:
        """Give the run these tags and no others; raises `UsageError` (`bad-tag`)."""
        wanted = tuple(dict.fromkeys(map(naming.tag, tags)))
        new = [Draft("tag", {"run": self.about.id, "tag": tag}) for tag in wanted if tag not in self.about.tags]
        old = [Draft("untag", {"run": self.about.id, "tag": tag}) for tag in self.about.tags if tag not in wanted]
        self._commit([*new, *old])
        self.about.tags = wanted

    def directory(self) -> Path:
        folder = self._folder / "files"
        if not self._over:
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def _folder(self) -> Path:
        """`.art/local/runs/<id>`: outside the spool, so that a crash costs none of the user's files."""
        return self.repository.path / "local" / "runs" / self.about.id

    def incoming(self) -> Path:
        return self._recorder.spool.incoming()

    def put_file(self, name: str, finished: Path) -> None:
        self.buffer.put_file(name, finished, {"size": finished.stat().st_size})

    def flush(self) -> None:
        self.buffer.flush()

    def before_fork(self) -> None:
        self.buffer.before_fork()

    def after_fork(self) -> None:
        self.buffer.after_fork()

    def listen(self) -> None:
        """Record what the program prints."""
        self._console = Capture(self.say)
        self._hear_console()

    def _hear_console(self) -> None:
        if self._console is not None:
            self.buffer.rounds.append(self._console.drain)
            self.ending.append(self._console.stop)

    def fork(self) -> None:
        self._forked = True
        self.ending = []
        self.buffer.fork()
        self._summed.fork()
        if self._console is not None:
            self._console.fork()
        self._hear_console()

    def finish(self, outcome: str, exit: int) -> None:
        """All is written; the run ends if it is this process's. What cannot be written now is said, and not raised."""
        for last in self.ending:
            last()
        if self._forked:
            self.buffer.close()
            return
        if self._folder.exists():
            keep_directory(self, self._folder / "files")
        written = self.buffer.close()
        if self.buffer.dropped:
            warn(f"{self.buffer.dropped} rows of run {self.about.name} were dropped: the disk took nothing")
        if written:
            try:
                self._end(outcome, exit)
            except (ArtError, OSError) as error:
                warn(f"the end of run {self.about.name} is not in the log: {error}; the next command sees to it")
        self._over = True
        if written:
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            warn(f"what run {self.about.name} said last is lost, and its end is not in the log")
        for repository in (self._sealing, self.repository):
            if repository is not None:
                repository.close()

    def _end(self, outcome: str, exit: int) -> None:
        if self._owns:
            self._recorder.finish(outcome, exit)
            return
        self.repository.refresh()
        known = Register(self.repository.follower.database).run(self.about.id)
        if known is not None and known.outcome is not None:  # whoever began it will not seal this
            end(self.repository, self._recorder.spool, [])

    def _commit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.repository.commit(lambda _, make: [make(draft) for draft in drafts])

    def _seal(self) -> None:
        if self._sealing is None:
            self._sealing = Repository(self.repository.path)
        seal(self._sealing, self._recorder.spool)


class Memory:
    """A run that leaves nothing behind."""

    disabled = True

    def __init__(self, about: About) -> None:
        self.about = about
        self.ending: list[Callable[[], None]] = []
        self.kept: dict[str, tuple[int, ...]] = {}
        self.step = 0
        self._summed = Summed()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def row(self, data: Mapping[str, Any], size: int, step: int | None, ends: bool) -> bool:
        own = self.step if step is None else step
        if own < self.step:
            return False
        self.step = own + 1 if ends else own
        self._summed.hear([Record(HISTORY, time.time(), data, own, self.step)])
        return True

    def say(self, kind: str, data: Mapping[str, Any], size: int = 1000) -> None:
        self._summed.hear([Record(kind, time.time(), data, None, self.step)])

    def summary(self) -> dict[str, Any]:
        return self._summed.now(list)

    def edit(self, field: str, value: str | None) -> None:
        setattr(self.about, field, value)

    def tag(self, tags: Sequence[str]) -> None:
        self.about.tags = tuple(dict.fromkeys(tags))

    def directory(self) -> Path:
        if self._folder is None:
            import tempfile

            self._folder = tempfile.TemporaryDirectory(prefix="art-run-")
        return Path(self._folder.name)

    def incoming(self) -> Path:
        return self.directory() / f".{os.urandom(8).hex()}"

    def put_file(self, name: str, finished: Path) -> None:
        finished.unlink()

    def flush(self) -> None:
        pass  # nothing waits

    def before_fork(self) -> None:
        pass  # no locks

    def after_fork(self) -> None:
        pass  # none were taken

    def fork(self) -> None:
        pass  # the child's memory is its own

    def finish(self, outcome: str, exit: int) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def about_run(repository: Repository, run: str, step: int, *, resumed: bool = False) -> About:
    """What the log says of a run that is there."""
    register = Register(repository.follower.database)
    known = register.run(run)
    assert known is not None
    tags = tuple(register.tags(run).get(run, ()))
    try:
        text = notes(repository, known)
    except IntegrityError:
        text = None  # a run goes on without its notes; fsck tells of them
    return About(run, known.project, known.name, known.job_type, known.group, text, tags, time.time(), step, resumed)
