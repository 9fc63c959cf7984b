"""`art compare`: runs side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artcli.catalog.runs.series import series
from artcli.cli import charts
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.run_items import named
from artcli.errors import NotFoundError, UsageError
from artcli.flows.runs.compare import Line, compare
from artcli.flows.runs.listing import Row

if TYPE_CHECKING:
    from artcli.catalog.repository import Repository

EXAMPLES = """
art compare -1 -2 --diff-only                    # the last two runs
art compare sunny-smoke-1 lucky-bird-2 --metrics 'val/*'
art compare -1 -2 --plot loss
"""

COLUMNS_VARY = True  # with what is asked
LINES = Schema(
    "comparison",
    fields=[
        Field("section", help="run, config, summary or inputs"),
        Field("key"),
        Field("differs", "truth", "whether the runs disagree"),
        Field("values", "object", "by run id"),
    ],
    columns=["section", "key"],
    key="key",
)
CHARTS = Schema(
    "charts",
    fields=[
        Field("metric"),
        Field("run", help="its id"),
        Field("name"),
        Field("points", "object", "pairs of step and value; of very many the last of each stretch of steps"),
    ],
    columns=["metric", "run"],
    key="metric",
)
_WIDTH, _LEAST, _HEIGHT = 60, 20, 6
Points = list[tuple[float, float]]


def command(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="ids, names, or -1 for the last one")],
    diff_only: Annotated[bool, typer.Option("--diff-only", "-d", help="only what differs")] = False,
    metrics: Annotated[str | None, typer.Option("--metrics", metavar="GLOB", help="only these metrics")] = None,
    plot: Annotated[
        list[str] | None, typer.Option("--plot", metavar="METRIC", help="draw a chart of it; repeatable")
    ] = None,
) -> None:
    """Compare the config, the summaries and the inputs of runs, a column for each, or draw charts of a metric."""
    console: Console = ctx.obj
    repository = console.repository()
    ids = list(dict.fromkeys(named(console, word).id for word in runs))
    if len(ids) < 2 and not plot:
        raise UsageError("nothing-to-compare", "one run is no comparison; name two or more", hint="art compare -1 -2")
    found, lines = compare(repository, ids, metrics)
    if plot:
        drawn = {metric: _charts(repository, found, metric) for metric in plot}
        if console.flags.want_items:
            console.rows(CHARTS, _chart_items(found, drawn))
            return
        with console.pager():
            for metric, points in drawn.items():
                _plot(console, found, metric, points)
        return
    titles = _titles(found)
    schema = LINES._replace(fields=[*LINES.fields, *(Field(title, "object", is_verbatim=True) for title in titles)])
    items = (_item(line, ids, titles) for line in lines if line.differs or not diff_only)
    with console.pager():
        console.rows(schema, items, columns=[*LINES.columns, *titles])


def _chart_items(found: Sequence[Row], drawn: Mapping[str, Sequence[Points]]) -> Iterator[dict[str, Any]]:
    for metric, points in drawn.items():
        for row, some in zip(found, points, strict=True):
            yield {"metric": metric, "run": row.view.run.id, "name": row.view.run.name, "points": some}


def _titles(found: Sequence[Row]) -> list[str]:
    names = [row.view.run.name for row in found]
    taken = {*LINES.names}
    return [
        name if names.count(name) == 1 and name not in taken else row.view.run.id
        for name, row in zip(names, found, strict=True)
    ]


def _item(line: Line, ids: Sequence[str], titles: Sequence[str]) -> dict[str, Any]:
    return {
        "section": line.section,
        "key": line.key,
        "differs": line.differs,
        "values": dict(zip(ids, line.values, strict=True)),
        **dict(zip(titles, line.values, strict=True)),
    }


def _charts(repository: Repository, found: Sequence[Row], metric: str) -> list[Points]:
    """The points of each run; raises `NotFoundError` (`no-such-metric`) if none has any."""
    all_points = [series(repository, row.view.run.id, metric, 2 * _WIDTH) for row in found]
    points = [list(zip(one.steps.tolist(), one.last.tolist(), strict=True)) for one in all_points]
    if not _finite(points):
        named = sorted({key for row in found for key, item in row.view.metrics.items() if item.kind == "number"})
        raise NotFoundError(
            "no-such-metric", f"none of these runs logged '{metric}'", facts=[f"metrics: {', '.join(named) or 'none'}"],
            hint=f"art run show {found[0].view.run.id}",
        )  # fmt: skip
    return points


def _finite(points: Sequence[Points]) -> Points:
    return [(x, y) for some in points for x, y in some if math.isfinite(y)]


def _plot(console: Console, found: Sequence[Row], metric: str, points: Sequence[Points]) -> None:
    """A chart of each run, one below the other, all to the same scale."""
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*_finite(points), strict=True))
    labels = [f"{value:.6g}" for value in (high, low)]
    margin = max(map(len, labels))
    wide = min(_WIDTH, max(_LEAST, get_terminal_size().columns - margin - 3)) if console.for_person else _WIDTH
    for row, some in zip(found, points, strict=True):
        lines = charts.plot(some, (left, right), (low, high), wide, _HEIGHT)
        last = f"  last {some[-1][1]:.6g}" if some else "  never logged"
        console.line(f"{console.style(metric, 'bold')}  {row.view.run.name}{last}")
        for label, line in zip([labels[0], *[""] * (_HEIGHT - 2), labels[1]], lines, strict=True):
            console.line(f"{label:>{margin}} ┤{line}".rstrip())
        steps = f"{left:g}{f'step {right:g}':>{wide - len(f'{left:g}')}}"
        console.line(f"{'':>{margin}} └{'─' * wide}")
        console.line(f"{'':>{margin}}  {steps}")
