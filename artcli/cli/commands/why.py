"""`art why`: how a version came to be, and how it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from artcli.catalog import resolve
from artcli.cli import why_card
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import ref_of
from artcli.flows.lineage.why import Later, Why, why

EXAMPLES = """
art why model:v0
art why model:latest --json
art why model:latest --field later_in_all       # how many runs used it
"""

WHY = Schema(
    "why",
    fields=[
        Field("ref"),
        Field("aliases", "words"),
        Field("time", "time"),
        Field("actor", "person"),
        Field("machine"),
        Field("run", "object", "id, name, job_type, state of the run that made it"),
        Field("data", "object", "what the run used: ref, role, state"),
        Field("code", "object", "program, argv, commit, branch, remote, dirty"),
        Field("config", "object", "of the run; without one, the version's metadata"),
        Field("metrics", "object", "of the run's summary"),
        Field("before", help="the version before it"),
        Field("changes", "object", "what is different from that: section, key, old, new"),
        Field(
            "later", "object", "runs that used it, or what came of it: id, name, job_type, state, time, via, summary"
        ),
        Field("later_in_all", "count"),
    ],
    columns=["ref", "time", "actor"],
    key="ref",
)


def command(
    ctx: typer.Context, ref: Annotated[str, typer.Argument(metavar="REF", help="the version to explain")]
) -> None:
    """Say in ten lines how a version came to be and how it did.

    Its data, code, config and metrics, what is different from the version before, and the runs that used it later, or
    used what was made of it, with their summaries.
    """
    console: Console = ctx.obj
    repository = console.repository()
    found = resolve.whole(repository.catalog, ref, console.project)
    if found.note:
        console.say(found.note)
    known = why(repository, found.version)
    item = _item(known, console.project)
    console.record(WHY, item, text=lambda: why_card.card_of(console, known, item))


def _item(known: Why, project: str) -> dict[str, Any]:
    version, row = known.version, known.made_by
    start = row.view.start if row else {}
    git = start.get("git") if isinstance(start.get("git"), Mapping) else {}
    return {
        "ref": ref_of(version, project), "aliases": known.aliases, "time": version.time, "actor": version.actor,
        "machine": version.machine,
        "run": {key: row.value(key) for key in ("id", "name", "job_type", "state")} if row else None,
        "data": [item._asdict() for item in known.inputs],
        "code": {
            **{key: start.get(key) for key in ("program", "argv")},
            **{key: (git or {}).get(key) for key in ("commit", "branch", "remote", "dirty")},
        },
        "config": known.config, "metrics": known.metrics,
        "before": ref_of(known.before, project) if known.before else None,
        "changes": [change._asdict() for change in known.changes],
        "later": [_later_item(later) for later in known.later], "later_in_all": known.later_in_all,
    }  # fmt: skip


def _later_item(later: Later) -> dict[str, Any]:
    about = {key: later.row.value(key) for key in ("id", "name", "job_type", "state", "time")}
    return {**about, "via": later.via, "summary": later.summary}
