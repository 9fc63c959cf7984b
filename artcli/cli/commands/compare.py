"""`art compare`: runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from artcli.catalog.runs.series import Series, series
from artcli.cli import charts
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.run_items import named
from artcli.errors import NotFoundError, UsageError
from artcli.flows.runs.compare import Line, compare
from artcli.flows.runs.listing import Row

EXAMPLES = """
art compare -1 -2 --diff-only                    # the last two runs
art compare sunny-smoke-1 lucky-bird-2 --metrics 'val/*'
art compare -1 -2 --plot loss
"""

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
_WIDTH, _HEIGHT = 60, 6


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
    if plot and not console.flags.json:
        for metric in plot:
            _plot(console, found, metric, [series(repository, id, metric, 2 * _WIDTH) for id in ids])
        return
    titles = _titles(found)
    schema = LINES._replace(fields=[*LINES.fields, *(Field(title, "object", is_verbatim=True) for title in titles)])
    items = (_item(line, ids, titles) for line in lines if line.differs or not diff_only)
    with console.pager():
        console.rows(schema, items, columns=[*LINES.columns, *titles])


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


def _plot(console: Console, found: Sequence[Row], metric: str, all_points: Sequence[Series]) -> None:
    """A chart of each run, one below the other, all to the same scale."""
    points = [list(zip(one.steps.tolist(), one.last.tolist(), strict=True)) for one in all_points]
    known = [(x, y) for some in points for x, y in some if y == y and abs(y) != float("inf")]
    if not known:
        named = sorted({key for row in found for key, item in row.view.metrics.items() if item.kind == "number"})
        raise NotFoundError(
            "no-such-metric", f"none of these runs logged '{metric}'", facts=[f"metrics: {', '.join(named) or 'none'}"],
            hint=f"art run show {found[0].view.run.id}",
        )  # fmt: skip
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*known, strict=True))
    labels = [f"{value:.6g}" for value in (high, low)]
    wide = max(map(len, labels))
    for row, some in zip(found, points, strict=True):
        lines = charts.plot(some, (left, right), (low, high), _WIDTH, _HEIGHT)
        last = f"  last {some[-1][1]:.6g}" if some else "  never logged"
        console.line(f"{console.style(metric, 'bold')}  {row.view.run.name}{last}")
        margins = [labels[0], *[""] * (_HEIGHT - 2), labels[1]]
        for margin, line in zip(margins, lines, strict=True):
            console.line(f"{margin:>{wide}} ┤{line}".rstrip())
        steps = f"{left:g}{f'step {right:g}':>{_WIDTH - len(f'{left:g}')}}"
        console.line(f"{'':>{wide}} └{'─' * _WIDTH}")
        console.line(f"{'':>{wide}}  {steps}")
