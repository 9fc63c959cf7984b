"""What `define_metric` says of metrics, and the axes that it gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from artcli.errors import UsageError

SUMMARIES = ("min", "max", "mean", "last", "first", "best", "copy", "none")
GOALS = ("maximize", "minimize")


class Metric(NamedTuple):
    """A metric, or all whose names begin with what stands before the `*`."""

    name: str
    step_metric: str | None = None
    step_sync: bool | None = None
    hidden: bool | None = None
    summary: str | None = None
    goal: str | None = None
    overwrite: bool | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The data of a record `define`."""
        said = {key: value for key, value in self._asdict().items() if value is not None and key != "name"}
        return {"metric": self.name, **said}


class Axes:
    """The metrics that others are charted over, and where they stand.

    A row that has a metric but not its axis gets the last value of that, so that `log({"epoch": 3})` and
    `log({"val/iou": 0.5})` are a point. W&B does the same, and takes 0 where the axis was never logged; here such a row
    stays as it is.
    """

    def __init__(self) -> None:
        self._of: dict[str, str | None] = {}
        """The axis of a metric, or of all that begin so (`val/*`); None where it is not to be filled in."""
        self._found: dict[str, str | None] = {}
        """The axis of each metric that was logged."""
        self._stands: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def define(self, metric: Metric, stands: Callable[[str], Any]) -> None:
        """Take a definition; `stands` gives the value of a metric up to now."""
        axis = metric.step_metric
        if axis is not None:
            known = stands(axis)
            # new ones, since another thread may log meanwhile
            self._of = {**self._of, metric.name: None if metric.step_sync is False else axis}
            self._stands = {axis: known if isinstance(known, int | float) else None, **self._stands}
        elif metric.overwrite:
            self._of = {name: axis for name, axis in self._of.items() if name != metric.name}
        self._found = {}

    def fill(self, row: dict[str, Any]) -> None:
        """Put the axes into a row that has none of its own."""
        for axis in self._stands:
            if axis in row:
                self._stands[axis] = row[axis]
        for needed in {self._axis(key) for key in row}:
            if needed is not None and needed not in row and (stands := self._stands.get(needed)) is not None:
                row[needed] = stands

    def _axis(self, key: str) -> str | None:
        found = self._found
        if key not in found:
            fitting = [name for name in self._of if name.endswith("*") and key.startswith(name[:-1])]
            found[key] = self._of.get(key if key in self._of else max(fitting, key=len, default=""))
        return found[key]


def definition(
    name: Any, step_metric: Any, step_sync: Any, hidden: Any, summary: Any, goal: Any, overwrite: Any
) -> Metric:
    """The metric, if W&B would take it so; raises `UsageError` (`bad-metric`)."""
    if isinstance(step_metric, Metric):
        step_metric = step_metric.name
    given = Metric(name, step_metric, step_sync, hidden, summary, goal, overwrite)
    for key, value in given._asdict().items():
        kind = bool if key in ("step_sync", "hidden", "overwrite") else str
        if value is not None and not isinstance(value, kind):
            raise _bad(f"{key} of a metric is a {kind.__name__}, not {value!r}")
    if not name:
        raise _bad("a metric has a name")
    if "*" in name[:-1]:
        raise _bad(f"a metric's name has '*' at its end alone: {name}")
    words = [word.strip().lower() for word in summary.split(",")] if summary else []
    for word in words:
        if word not in SUMMARIES:
            raise _bad(f"a metric's summary is {', '.join(SUMMARIES)}, not {word!r}")
    if goal is not None and goal not in GOALS:
        raise _bad(f"a metric's goal is {' or '.join(GOALS)}, not {goal!r}")
    return given._replace(summary=",".join(words) or None)


def _bad(message: str) -> UsageError:
    return UsageError("bad-metric", message, hint="art help bad-metric")
