"""Runs as a list: those that are asked for, in order, perhaps in groups with the best values of each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple

from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from artcli.catalog.runs import filters
from artcli.catalog.runs.liveness import outcomes
from artcli.catalog.runs.register import Run
from artcli.catalog.runs.view import RunView, looked_up, views
from artcli.errors import UsageError

STATES = ("running", "finished", "failed", "killed", "crashed")
SUMS = ("best", "max", "min", "mean", "last", "first")
"""What `define_metric` makes of a metric in the summary, in the order in which one of them stands for it."""
_LESS_IS_BETTER = ("loss", "err", "mae", "mse", "rmse", "perplexity", "latency", "time")


class Query(NamedTuple):
    """Which runs to list, in which order; what is empty lets all through."""

    project: str | None = None
    """None: of all projects."""
    conditions: Sequence[filters.Filter] = ()
    states: Sequence[str] = ()
    tag: str | None = None
    job_type: str | None = None
    sort: str | None = None
    """A key, with `-` before it backwards; None: newest first."""
    limit: int | None = None
    deleted: bool = False


class Row:
    """A run in a list."""

    def __init__(self, view: RunView, beside: Beside) -> None:
        self.view = view
        self.beside = beside

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, `killed` or `crashed`."""
        return self.beside.states[self.view.run.id]

    @property
    def duration(self) -> float:
        """Seconds that the run ran; up to now, if it runs on."""
        heard = self.view.heard
        more = time.time() - heard if heard is not None and self.state == "running" else 0.0
        return round(self.view.duration + max(0.0, more), 3)

    def value(self, key: str) -> Any:
        """What the run has at a key: a field, `config.KEY`, `summary.KEY`, `start.KEY`, or a key of either of these."""
        if key in FIELDS:
            return FIELDS[key](self)
        first, dot, rest = key.partition(".")
        if dot and first in ("config", "summary", "start"):
            return plain(looked_up(getattr(self.view, first), rest))
        found = looked_up(self.view.summary, key)
        return plain(looked_up(self.view.config, key) if found is None else found)

    def values(self, key: str) -> Sequence[Any]:
        """The same as a list: what a condition is about."""
        found = self.value(key)
        return found if isinstance(found, list) else [] if found is None else [found]


class Beside:
    """What is known of runs beside what they said; looked up when somebody asks for it."""

    def __init__(self, repository: Repository, runs: Sequence[Run]) -> None:
        self._repository = repository
        self._runs = runs

    @cached_property
    def states(self) -> dict[str, str]:
        return outcomes(self._repository, self._runs)

    @cached_property
    def used(self) -> dict[str, list[str]]:
        """References of what runs used, by run: `name:vN`, or an address elsewhere."""
        return _references(self._repository, "inputs")

    @cached_property
    def logged(self) -> dict[str, list[str]]:
        """References of what runs logged, by run."""
        return _references(self._repository, "outputs")


FIELDS: Mapping[str, Callable[[Row], Any]] = {
    "id": lambda row: row.view.run.id,
    "name": lambda row: row.view.run.name,
    "project": lambda row: row.view.run.project,
    "state": lambda row: row.state,
    "job_type": lambda row: row.view.run.job_type,
    "group": lambda row: row.view.run.group,
    "tag": lambda row: row.view.tags,
    "tags": lambda row: row.view.tags,
    "notes": lambda row: row.view.notes,
    "exit": lambda row: row.view.run.exit,
    "time": lambda row: row.view.run.time,
    "finished": lambda row: row.view.run.finished,
    "heard": lambda row: row.view.heard,
    "duration": lambda row: row.view.duration,
    "rows": lambda row: row.view.rows,
    "actor": lambda row: row.view.run.actor,
    "machine": lambda row: row.view.run.machine,
    "used": lambda row: row.beside.used.get(row.view.run.id, []),
    "logged": lambda row: row.beside.logged.get(row.view.run.id, []),
}
"""Fields that may be listed, sorted and filtered by."""


class Best(NamedTuple):
    value: float
    row: Row


class Group(NamedTuple):
    """Runs that agree on some keys."""

    keys: Mapping[str, Any]
    rows: Sequence[Row]
    states: Mapping[str, int]
    best: Mapping[str, Best]
    """By metric."""


def runs(repository: Repository, query: Query) -> list[Row]:
    """The runs that the query asks for. Raises `UsageError` (`unknown-state`)."""
    for state in query.states:
        if state not in STATES:
            raise UsageError("unknown-state", f"no state '{state}'", facts=[f"states: {', '.join(STATES)}"],
                             hint="art runs --state running")  # fmt: skip
    found = [
        row
        for row in rows(repository, views(repository, None, query.project, (TRASH,) if query.deleted else (LIVE,)))
        if _fits(row, query)
    ]
    found.reverse()
    if query.sort:
        found = ordered(found, query.sort)
    return found[: query.limit]


def rows(repository: Repository, found: Sequence[RunView]) -> list[Row]:
    """Runs with what is known of them beside what they said."""
    beside = Beside(repository, [view.run for view in found])
    return [Row(view, beside) for view in found]


def ordered(found: Iterable[Row], sort: str) -> list[Row]:
    """Runs by a key, those that lack it last; `-KEY`: backwards."""
    key = sort.removeprefix("-")
    there = [(row, row.value(key)) for row in found]
    known = [(row, _comparable(value)) for row, value in there if value is not None]
    known.sort(key=lambda pair: pair[1], reverse=sort.startswith("-"))
    return [row for row, _ in known] + [row for row, value in there if value is None]


def groups(found: Sequence[Row], keys: Sequence[str], metrics: Sequence[str], sort: str | None = None) -> list[Group]:
    """Runs in groups by what they have at `keys`, each with the best of the metrics (none named: of all numbers).

    Best is greatest or least as `define_metric` says, as `sort` has it, or as the name sounds: a loss is to be small.
    By `sort`, a metric, the group with the best value comes first; else in the order in which groups are met.
    """
    members: dict[tuple[Any, ...], list[Row]] = {}
    shown: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in found:
        values = {key: row.value(key) for key in keys}
        mark = tuple(map(_comparable, values.values()))
        members.setdefault(mark, []).append(row)
        shown.setdefault(mark, values)
    made = [
        Group(shown[mark], some, Counter(row.state for row in some), _best(some, metrics, sort))
        for mark, some in members.items()
    ]
    metric = (sort or "").removeprefix("-")
    if metric in keys:
        made.sort(key=lambda group: _comparable(group.keys[metric]), reverse=(sort or "").startswith("-"))
    elif metric:
        sign = -1 if (sort or "").startswith("-") else 1
        made.sort(key=lambda g: (metric not in g.best, sign * g.best[metric].value if metric in g.best else 0))
    return made


def unknown(found: Sequence[Row], keys: Sequence[str]) -> list[tuple[str, str | None]]:
    """The keys at which no run has anything, each with a key that was perhaps meant; none if there are no runs."""
    missing = [key for key in dict.fromkeys(keys) if found and key not in FIELDS and not _has(found, key)]
    if not missing:
        return []
    names = {*FIELDS}.union(*(row.view.config for row in found), *(row.view.summary for row in found))
    known = sorted(name for name in names if not name.startswith("_"))
    return [(key, next(iter(get_close_matches(key.rpartition(".")[2], known, 1)), None)) for key in missing]


def _has(found: Iterable[Row], key: str) -> bool:
    return any(row.value(key) is not None for row in found)


def plain(value: Any) -> Any:
    """A value of a summary; of what `define_metric` made of a metric, the one that stands for it."""
    if isinstance(value, dict) and value and set(value) <= set(SUMS):
        return next(value[word] for word in SUMS if word in value)
    return value


def is_number(value: Any) -> bool:
    """Whether something is a number that can be compared."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _fits(row: Row, query: Query) -> bool:
    run = row.view.run
    if query.job_type is not None and run.job_type != query.job_type:
        return False
    if query.tag is not None and query.tag not in row.view.tags:
        return False
    if query.states and row.state not in query.states:
        return False
    return all(condition(row.values) for condition in query.conditions)


def _best(found: Sequence[Row], metrics: Sequence[str], sort: str | None) -> dict[str, Best]:
    best: dict[str, Best] = {}
    for row in found:
        for metric in metrics or [key for key in row.view.summary if not key.startswith("_")]:
            value = row.value(metric)
            if not is_number(value):
                continue
            before = best.get(metric)
            more = _more_is_better(row, metric, sort)
            if before is None or (value > before.value if more else value < before.value):
                best[metric] = Best(value, row)
    return best


def _more_is_better(row: Row, metric: str, sort: str | None) -> bool:
    if sort and sort.removeprefix("-") == metric:
        return sort.startswith("-")
    name = metric.removeprefix("summary.")
    known = row.view.metrics.get(name)
    definition = known.definition if known else {}
    if "goal" in definition:
        return definition["goal"] in ("maximize", "max")
    words = str(definition.get("summary", ""))
    if ("max" in words) != ("min" in words):
        return "max" in words
    return not any(word in name.lower() for word in _LESS_IS_BETTER)


def _comparable(value: Any) -> tuple[int, Any]:
    """What sorts among values of all kinds: nothing, numbers, texts."""
    if value is None:
        return (0, 0)
    if isinstance(value, int | float):
        return (1, value if value == value else float("-inf"))
    return (2, value if isinstance(value, str) else repr(value))


def _references(repository: Repository, table: str) -> dict[str, list[str]]:
    uri = "t.uri" if table == "inputs" else "NULL"
    found: dict[str, list[str]] = {}
    for run, name, number, elsewhere in repository.follower.database.execute(
        f"SELECT t.run, a.name, v.number, {uri} FROM {table} t LEFT JOIN versions v ON v.id = t.version"
        " LEFT JOIN artifacts a ON a.id = v.artifact ORDER BY t.rowid"
    ):
        if name or elsewhere:
            found.setdefault(run, []).append(f"{name}:v{number}" if name else elsewhere)
    return found
