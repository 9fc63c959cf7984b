"""What `define_metric` says of a metric."""

from __future__ import annotations

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
