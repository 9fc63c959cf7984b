"""`art run show`: the card of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from artcli.catalog.runs import view as seen
from artcli.catalog.runs.series import HISTORY, series
from artcli.cli.cards import card
from artcli.cli.charts import sparkline
from artcli.cli.console import Console
from artcli.cli.formatting import for_person, for_program
from artcli.cli.run_items import CARD, RunItem, named
from artcli.flows.runs import address, origin, pictures
from artcli.flows.runs.listing import rows
from artcli.wording import duration

_SHOWN = 20
"""Files and packages that a card lists."""
_WIDTH = 40


def show_run(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="id, a beginning of it, name, or -1 for the last one")],
) -> None:
    """Show what is known of a run: how it went, its config and summary, what it used and logged, its files."""
    console: Console = ctx.obj
    repository = console.repository()
    known = named(console, run)
    view = seen.view(repository, known.id)
    (row,) = rows(repository, [view])
    page = address.page(repository, known)
    item = dict(RunItem(row)) | {
        "start": view.start,
        "metrics": {key: _metric(metric) for key, metric in view.metrics.items()},
        "system": {key: _metric(metric) for key, metric in view.system.items()},
        "files": seen.files(repository, known.id),
        "resumes": known.resumes,
        "fact": known.fact,
        "page": page.url if page else None,
    }
    if view.fault:
        console.warn(f"not all of it can be read: {view.fault.message}")

    def text() -> str:
        charts = {
            key: sparkline(series(repository, known.id, key, _WIDTH, stream=HISTORY).last.tolist(), _WIDTH)
            for key, metric in view.metrics.items()
            if console.for_person and metric.kind == "number" and metric.values > 1
        }
        return _card(console, page, item, charts)

    with console.pager():
        console.record(CARD, item, text=text)


def _card(console: Console, page: address.Page | None, item: Mapping[str, Any], charts: Mapping[str, str]) -> str:
    exit = f", exit {item['exit']}" if item["exit"] is not None else ""
    kind = ", ".join(f"{word} {item[key]}" for key, word in (("job_type", "job"), ("group", "group")) if item[key])
    start = item["start"]
    git = start.get("git")
    remote = f"\n{git['remote']}" if isinstance(git, Mapping) and git.get("remote") else ""
    files = [f"{path}  {'' if size is None else console.size(size)}".rstrip() for path, size in item["files"].items()]
    return card(
        f"{console.style(item['name'], 'yellow')}  {item['id']}",
        [
            ("state", f"{item['state']}{exit}"),
            ("of", f"project {item['project']}" + (f", {kind}" if kind else "")),
            ("began", f"{console.when(item['time'])} by {item['actor']} on {item['machine']}"),
            ("ran", duration(item["duration"]) + (f", taken up again {item['resumes']}×" if item["resumes"] else "")),
            ("tags", ", ".join(item["tags"])),
            ("notes", item["notes"] or ""),
            ("command", origin.command(start)),
            ("in", str(start.get("cwd") or "")),
            ("git", origin.commit(start) + remote),
            ("config", _values(console, item["config"], {})),
            ("summary", _values(console, item["summary"], charts)),
            ("history", f"{item['rows']:,} row{'s' * (item['rows'] != 1)}" if item["rows"] else ""),
            ("used", "\n".join(item["used"])),
            ("logged", "\n".join(item["logged"])),
            ("files", _some(files)),
            ("page", str(page or "")),
        ],
    )


def _values(console: Console, values: Mapping[str, Any], charts: Mapping[str, str]) -> str:
    def shown(value: Any) -> str:
        if not console.for_person:
            return for_program(value, "object")
        return pictures.told(value) or for_person(value, "object", 0.0)

    lines = [(f"{key} = {shown(value)}", charts.get(key, "")) for key, value in values.items()]
    wide = max((len(text) for text, chart in lines if chart), default=0)
    return "\n".join(f"{text:<{wide}}  {chart}".rstrip() for text, chart in lines)


def _some(lines: list[str]) -> str:
    more = [f"… {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    return "\n".join(lines[:_SHOWN] + more)


def _metric(metric: seen.Metric) -> dict[str, Any]:
    found = {key: value for key, value in metric._asdict().items() if key != "key"}
    return found | {"definition": dict(metric.definition)}
