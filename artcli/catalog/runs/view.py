"""A run as its readers want it: what the log knows of it, and what it said, added up.

`view` shows one run, `views` many of them quickly: what the log knows is there at once, of what they said only that is
read which somebody asks for. `rows` is the history, row by row.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from artcli.catalog import texts
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal, records
from artcli.catalog.runs.cache import cache_of
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import LIVE, Register, Run
from artcli.catalog.runs.said import NUMBER, Said
from artcli.errors import UNREADABLE, ArtError, NotFoundError

_COLUMNS = "run, config, summary, rows, first, last, spent, rest"


class Metric(NamedTuple):
    """What is known of a metric without its points."""

    key: str
    kind: str
    """`number`, `text`, or the type of a medium."""
    values: int
    """How many were logged."""
    step: int
    """Of the last one."""
    least: float | None
    greatest: float | None
    mean: float | None
    last: float | None
    definition: Mapping[str, Any]
    """What `define_metric` says of it: step_metric, summary, goal, …"""


class RunView:
    """A run. What it said is taken apart only when it is asked for."""

    def __init__(
        self, repository: Repository, run: Run, tags: list[str], row: tuple[Any, ...] | None,
        fault: ArtError | None,
    ) -> None:  # fmt: skip
        self.run = run
        self.tags = tags
        self.fault = fault
        """What of what it said is missing or damaged."""
        self._repository = repository
        self._row = row or (run.id, "{}", "{}", 0, None, None, 0.0, "{}")

    @cached_property
    def notes(self) -> str | None:
        """What it is about; None, and the reason in `fault`, if a long text cannot be read."""
        try:
            return notes(self._repository, self.run)
        except UNREADABLE as error:
            self.fault = self.fault or error
            return None

    @cached_property
    def config(self) -> dict[str, Any]:
        return dict(records.from_json(self._row[1]))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The last value of each metric, or as `define_metric` says, and what the program set."""
        return dict(records.from_json(self._row[2]))

    @property
    def rows(self) -> int:
        """Rows of its history."""
        return int(self._row[3])

    @property
    def heard(self) -> float | None:
        """When it was heard last, in seconds since 1970."""
        return self._row[5]  # type: ignore[no-any-return]

    @property
    def began(self) -> float | None:
        """When it was heard first, in seconds since 1970."""
        return self._row[4]  # type: ignore[no-any-return]

    @property
    def duration(self) -> float:
        """Seconds that it ran, as far as was heard, without the time between an end and a resumption, and after it.

        What is said of a run that is over, such as a metric that came out later, makes it no longer.
        """
        spent = float(self._row[6])
        if self.run.finished is None or self.heard is None:
            return spent
        try:
            ended = datetime.fromisoformat(self.run.finished.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError):
            return spent  # a fact of another program
        return max(0.0, spent - max(0.0, self.heard - ended))

    @property
    def start(self) -> dict[str, Any]:
        """What was recorded by itself when a process took it up last: argv, host, git, …"""
        return self._rest.start

    @property
    def next_step(self) -> int:
        """The step of the next row that names none."""
        return self._rest.next

    @property
    def defines(self) -> dict[str, dict[str, Any]]:
        """What `define_metric` says, by metric or pattern."""
        return self._rest.defines

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """What it logged, by key; keys within dictionaries are joined by dots."""
        return {key: _metric(key, item, self._rest.definition(key)) for key, item in sorted(self._rest.metrics.items())}

    @cached_property
    def system(self) -> dict[str, Metric]:
        """What was sampled of its machine, by key."""
        return {key: _metric(key, item, {}) for key, item in sorted(self._rest.system.items())}

    @property
    def said(self) -> Said:
        """What it said until now, added up, for who goes on with it."""
        said = Said.of(self._rest.document)
        said.config = {key: [value] for key, value in self.config.items()}
        logged = {key.partition(".")[0] for key in said.metrics} | set(said.metrics)
        said.summary = {key: [value, key in logged] for key, value in self.summary.items()}
        said.rows, said.spent = self.rows, float(self._row[6])
        return said

    @cached_property
    def _rest(self) -> Said:
        return Said.of(records.from_json(self._row[7]))


def view(repository: Repository, run: str) -> RunView:
    """The run of this id, also one in the trash. Raises `NotFoundError` (`no-such-run`)."""
    found = views(repository, [run])
    if not found:
        raise NotFoundError("no-such-run", f"no run '{run}'", hint="art runs")
    return found[0]


def views(
    repository: Repository, runs: Collection[str] | None = None, project: str | None = None,
    states: Collection[str] = (LIVE,),
) -> list[RunView]:  # fmt: skip
    """These runs, in whatever state; or those of a project, or all, in these states; oldest first."""
    cache = cache_of(repository)

    def rows(database: sqlite3.Connection) -> dict[str, tuple[Any, ...]]:
        where = f" WHERE run IN ({', '.join('?' * len(runs))})" if runs is not None else ""
        return {row[0]: row for row in database.execute(f"SELECT {_COLUMNS} FROM said{where}", tuple(runs or ()))}

    said = cache.asked(rows, runs)
    register = Register(repository.follower.database)
    if runs is None:
        found = register.runs(project, tuple(states))
    else:
        found = [run for run in map(register.run, dict.fromkeys(runs)) if run is not None]
    tags = register.tags() if runs is None else {}
    return [
        RunView(
            repository,
            run,
            tags.get(run.id, []) if runs is None else register.tags(run.id).get(run.id, []),
            said.get(run.id),
            cache.faults.get(run.id),
        )
        for run in found
    ]


def notes(repository: Repository, run: Run) -> str | None:
    """What the run is about; raises `IntegrityError` where a long text is missing or damaged."""
    return texts.read(repository.store, run.notes) if isinstance(run.notes, bytes) else run.notes


def files(repository: Repository, run: str) -> dict[str, int | None]:
    """Files of the run that its records name, with their sizes in bytes where they tell; media among them."""

    def ask(database: sqlite3.Connection) -> dict[str, int | None]:
        rows = database.execute(
            "SELECT f.path, f.size FROM files f JOIN parts p ON p.id = f.part WHERE f.run = ?"
            " ORDER BY p.place, f.rowid",
            (run,),
        )
        return dict(sorted(rows))

    return cache_of(repository).asked(ask, [run])


def rows(repository: Repository, run: str, keys: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
    """The history of a run by step: values by key, `_step`, `_timestamp` and `_runtime` (seconds since its beginning).

    Rows of one step are one row. `keys`: only these (within dictionaries, joined by dots), of rows that have them all.
    Raises `IntegrityError` where a part is missing or damaged.
    """
    writers = []
    parts = journal.parts(repository, run)
    for _, some in groupby(parts, key=lambda part: part.writer):
        writers.append(_history(repository, list(some)))
    began = view(repository, run).began or 0.0
    # one writer's steps never fall; those of several are merged
    merged = heapq.merge(*writers, key=lambda record: record.step or 0)
    for step, same in groupby(merged, key=lambda record: record.step):
        row: dict[str, Any] = {"_step": step}
        for record in same:
            row.update(record.data)
            row["_timestamp"] = record.time
            row["_runtime"] = record.time - began
        if keys is None:
            yield row
        elif len(found := _chosen(row, keys)) == len(set(keys)):
            yield found


def _history(repository: Repository, parts: list[journal.Part]) -> Iterator[Record]:
    store = repository.store
    for part in parts:
        for record in journal.read(store, part):
            if record.kind == "history" and record.step is not None:
                yield record


def _chosen(row: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    found = {}
    for key in keys:
        value = looked_up(row, key)
        if value is not None:
            found[key] = value
    return found


def looked_up(values: Mapping[str, Any], key: str) -> Any:
    """The value at a key, or at a dotted path into dictionaries; None if there is none."""
    if key in values:
        return values[key]
    first, dot, rest = key.partition(".")
    while dot:
        inner = values.get(first)
        if isinstance(inner, Mapping) and (found := looked_up(inner, rest)) is not None:
            return found
        more, dot, rest = rest.partition(".")
        first = f"{first}.{more}"
    return None


def _metric(key: str, item: list[Any], definition: Mapping[str, Any]) -> Metric:
    kind, count, step, numbers, total, least, greatest, last, _ = item
    mean = total / numbers if kind == NUMBER and numbers else None
    return Metric(key, kind, count, step, least, greatest, mean, last, definition)
