"""Runs as the commands that show them print them."""

from __future__ import annotations

import time
from typing import Any

from artcli.catalog.runs import resolve
from artcli.catalog.runs.register import Run
from artcli.cli.console import Console
from artcli.cli.formatting import Field
from artcli.flows.runs.active import active_run
from artcli.flows.runs.listing import Row

RUN_FIELDS = [
    Field("id"),
    Field("name"),
    Field("project"),
    Field("state", help="running, finished, failed, killed or crashed"),
    Field("job_type"),
    Field("group"),
    Field("tags", "words"),
    Field("notes"),
    Field("exit", help="exit code of its process"),
    Field("time", "time", "when it began"),
    Field("finished", "time", "when its end was told"),
    Field("heard", "time", "when it was heard last"),
    Field("duration", "duration", "seconds that it ran"),
    Field("rows", "count", "rows of its history"),
    Field("actor", "person", help="who began it"),
    Field("machine", help="where"),
    Field("config", "object"),
    Field("summary", "object", "last value of each metric, or as define_metric says"),
    Field("used", "words", "name:vN of its inputs"),
    Field("logged", "words", "name:vN of its outputs"),
]
_READ = ("config", "summary")


def named(console: Console, word: str) -> Run:
    """The run that a word means; raises as `resolve.run`."""
    return resolve.run(console.repository().catalog, word, console.project, active_run())


def run_item(row: Row) -> dict[str, Any]:
    """A run as `RUN_FIELDS` has it."""
    found = {field.name: row.value(field.name) for field in RUN_FIELDS if field.name not in _READ}
    return found | {name: getattr(row.view, name) for name in _READ} | {"duration": duration(row)}


def duration(row: Row) -> float:
    """Seconds that the run ran; up to now, if it runs on."""
    view = row.view
    more = time.time() - view.heard if view.heard is not None and row.state == "running" else 0.0
    return round(view.duration + max(0.0, more), 3)
