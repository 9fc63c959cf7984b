"""A process's hand on a live run: what is said goes to the spool, from time to time the spool is sealed.

`Recorder` writes at once: that is what a shell command needs. What a program needs that logs in a loop is above, in the
Python API's `buffer`: it takes what is said into memory, in microseconds, and a thread carries it to the spool.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artcli.catalog import spec, texts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.spool import Owner, Spool, new_head
from artcli.errors import ConflictError, LockedError, NotFoundError, SpaceError
from artcli.flows.runs import changes, names
from artcli.flows.runs.rows import FSYNC_EVERY, SEAL_SIZE, history
from artcli.flows.runs.seal import end, seal, settle
from artcli.flows.texts import kept


@dataclass(frozen=True)
class Beginning:
    """How a run is to begin."""

    project: str
    name: str | None = None
    """None: a readable one is made."""
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None
    tags: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """What was recorded by itself: argv, host, git, …"""
    id: str | None = None
    owner: Owner | None = None
    """The process whose end is the end of the run."""
    reason: str | None = None


def new_id() -> str:
    """An id of 70 random bits in 14 letters and digits that are not mistaken for each other."""
    return "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(14))


class Recorder:
    """Writes what a run says into its spool, at once. Safe among processes, for one thread."""

    def __init__(self, repository: Repository, run: str, spool: Spool, clock: Callable[[], float] = time.time) -> None:
        self.repository = repository
        self.run = run
        self.spool = spool
        self._clock = clock
        self._synced = time.monotonic()
        self._seal_at = SEAL_SIZE
        self._kept = 0
        """Bytes of what was not sealed when it was made durable last."""

    @classmethod
    def begin(cls, repository: Repository, beginning: Beginning) -> Recorder:
        """A new run; it is in the log when this returns.

        Raises `UsageError` (`bad-project`, `bad-tag`, `bad-run`, `bad-run-name`, `text-too-long`, `unfit-value`),
        `ConflictError` (`run-exists`), `SpaceError`.
        """
        settle(repository)
        run = spec.check_run(beginning.id or new_id())
        _check(beginning)
        # the spool comes first: whoever sees the run in the log sees its owner too
        head = new_head(run, beginning.project, beginning.owner)
        spool = Spool.create(journal.spool_root(repository), head)
        try:
            _commit(repository, run, beginning)
        except BaseException:
            if spool.head.writer == head.writer:
                spool.remove()
            raise
        recorder = cls(repository, run, spool)
        recorder.say(_beginning_records(beginning), durable=True)
        return recorder

    @classmethod
    def attach(cls, repository: Repository, run: str) -> Recorder:
        """The run that another process began; a run elsewhere or over is taken up by a spool of its own here.

        Raises `NotFoundError` (`no-such-run`).
        """
        known = find(repository, run)
        spool = journal.spool_of(repository, known.id) or _take_up(repository, known.id, None)
        return cls(repository, known.id, spool)

    @classmethod
    def resume(cls, repository: Repository, run: str, beginning: Beginning) -> Recorder:
        """A run that is over begins again, with `beginning`'s owner, config and what was recorded by itself."""
        settle(repository)
        known = find(repository, run)
        repository.commit(lambda catalog, make: [make(Draft("resume", {"run": known.id}, beginning.reason))])
        spool = journal.spool_of(repository, known.id) or _take_up(repository, known.id, beginning.owner)
        spool.own(beginning.owner)
        recorder = cls(repository, known.id, spool)
        recorder.say(_beginning_records(beginning), durable=True)
        return recorder

    def say(
        self,
        make: Iterable[Record] | Callable[[int], Iterable[Record]],
        *,
        durable: bool = False,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        """Append records; those given without being asked for their steps get the next step put in.

        `files` as `Spool.append` has them. Raises `SpaceError`, `ArtError` if it cannot be written.
        """
        ask = make if callable(make) else lambda step: [record._replace(next=step) for record in make]
        durable = durable or time.monotonic() - self._synced > FSYNC_EVERY
        try:
            size = self.spool.append(ask, durable=durable, files=files)
        except FileNotFoundError:
            if self.spool.folder.exists():
                raise
            # another process has ended the run meanwhile: what is said after that belongs to it too
            self.spool = _take_up(self.repository, self.run, None)
            size = self.spool.append(ask, durable=durable)
        if durable:
            self._synced = time.monotonic()
        if size >= self._seal_at:
            self._seal(size)

    def keep(self) -> None:
        """See to it that what was said is on the disk within 30 s, by whatever process; to be called now and then.

        Raises OSError, `SpaceError`.
        """
        now = time.monotonic()
        if now - self._synced <= FSYNC_EVERY:
            return
        try:
            size = self.spool.size()
            if size != self._kept:
                self.spool.keep()
        except FileNotFoundError:
            return  # another process has ended the run: all is sealed
        self._synced, self._kept = now, size

    def _seal(self, size: int) -> None:
        try:
            seal(self.repository, self.spool)
        except (SpaceError, LockedError):
            self._seal_at = size + SEAL_SIZE  # nothing is lost; it is tried again when there is more
        else:
            self._seal_at = SEAL_SIZE

    def log(self, row: Mapping[str, Any], step: int | None = None, at: float | None = None) -> int | None:
        """Append a row of history, or a part of one. Returns its step; None if `step` is over: the row is dropped.

        Without a step the row is whole, and the next one gets the next step. `at`: seconds since 1970.
        """
        said: list[int | None] = []

        def make(next_step: int) -> list[Record]:
            record = history(row, step, next_step, self._clock() if at is None else at)
            said.append(record.step if record else None)
            return [record] if record else []

        self.say(make)
        return said[0]

    def set(self, kind: str, values: Mapping[str, Any]) -> None:
        """Set keys of `config` or `summary`, or whatever else `kind` is."""
        self.say([Record(kind, self._clock(), values)])

    def finish(self, outcome: str = "finished", exit: int | None = None) -> None:
        """The run is over: all it said is sealed, how it ended is in the log."""
        data: dict[str, Any] = {"run": self.run, "outcome": outcome}
        if exit is not None:
            data["exit"] = exit
        end(self.repository, self.spool, [Draft("finish", data)])


def _check(beginning: Beginning) -> None:
    spec.check_project(beginning.project)
    for tag in beginning.tags:
        spec.check_tag(tag)
    changes.check_name(beginning.name)
    changes.check_words(beginning.job_type, beginning.group)
    texts.check(beginning.notes)


def _commit(repository: Repository, run: str, beginning: Beginning) -> None:
    """Put the run into the log."""
    with kept(repository, beginning.notes) as ((notes,), news):

        def plan(catalog: Catalog, make: Make) -> list[Fact]:
            register = Register(catalog.database)
            if register.run(run) is not None:
                raise ConflictError("run-exists", f"there is a run '{run}' already", hint=f"art run show {run}")
            name = beginning.name or names.readable(len(register.runs(beginning.project, ("live", "trash", "purged"))))
            data: dict[str, Any] = {"run": run, "project": beginning.project, "name": name}
            said = {"job_type": beginning.job_type, "group": beginning.group, "notes": texts.value(notes)}
            data |= {key: value for key, value in said.items() if value is not None}
            if beginning.tags:
                data["tags"] = list(dict.fromkeys(beginning.tags))
            return [make(draft) for draft in (*news, Draft("run", data, beginning.reason))]

        repository.commit(plan)


def find(repository: Repository, run: str) -> Run:
    """The live run of this id; raises `NotFoundError` (`no-such-run`)."""
    known = Register(repository.follower.database).run(run)
    if known is None or known.state != "live":
        raise NotFoundError("no-such-run", f"no run '{run}'", hint="art runs")
    return known


def next_step(repository: Repository, run: str) -> int:
    """The step of the next row of a run, by all that is known of it here."""
    from artcli.catalog.runs.view import view

    return view(repository, run).next_step


def _take_up(repository: Repository, run: str, owner: Owner | None) -> Spool:
    """A spool of its own for a run that has none here."""
    known = Register(repository.follower.database).run(run)
    project, resumes = (known.project, known.resumes) if known else ("", 0)
    head = new_head(run, project, owner, next_step(repository, run), resumes)
    return Spool.create(journal.spool_root(repository), head)


def _beginning_records(beginning: Beginning) -> list[Record]:
    now = time.time()
    records = [Record("start", now, {"pid": os.getpid(), **beginning.recorded})]
    if beginning.config:
        records.append(Record("config", now, beginning.config))
    return records
