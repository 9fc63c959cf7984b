"""`art runs`: which runs there are, and which is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from artcli.catalog.runs import filters
from artcli.catalog.runs.register import Register
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.run_items import RUN_FIELDS, RunItem
from artcli.errors import NetworkError
from artcli.flows.runs import listing
from artcli.flows.runs.listing import Group, Query

EXAMPLES = """
art runs
art runs --job-type train --sort -val_mAP --columns name,config.lr,val_mAP
art runs --filter 'config.lr<0.01 and (state=finished or tag=keep)'
art runs --where used=dataset:v0 --limit 5
art runs --group-by job_type,config.lr --sort -val_mAP     # the best of each group
art runs --state crashed,failed -q                         # ids only
"""

COLUMNS = ["id", "name", "state", "job_type", "time", "duration", "tags"]
COLUMNS_VARY = True  # with what is asked
RUNS = Schema("runs", fields=RUN_FIELDS, columns=COLUMNS, key="id")
GROUPS = Schema(
    "run-groups",
    fields=[
        Field("group", "object", "what its runs have in common"),
        Field("runs", "count"),
        Field("states", "object", "how many runs are in each state"),
        Field("best", "object", "of each metric: value, id, name"),
        Field("ids", "words", "its runs"),
        *(Field(state, "count") for state in listing.STATES),
    ],
    columns=["runs", "finished", "running", "failed", "killed", "crashed"],
    key="group",
)


def command(
    ctx: typer.Context,
    filter: Annotated[str | None, typer.Option("--filter", metavar="EXPR", help="conditions, and or not ( )")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help="KEY=VALUE or != < > <= >=; repeatable")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", metavar="KEYS", help="counts and best values of each group")
    ] = None,
    columns: Annotated[str | None, typer.Option("--columns", metavar="KEYS", help="what to list of each")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="KEY", help="by config.lr, …; -KEY: backwards")] = None,
    limit: Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="the first N only")] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATES", help="running, finished, failed, killed, crashed")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="with this tag")] = None,
    job_type: Annotated[str | None, typer.Option("--job-type", metavar="TYPE", help="of this job type")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="those in the trash")] = False,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="of every project")] = False,
) -> None:
    """List runs, newest first, or groups of runs with the best values of each.

    A key is a field (art help formatting), config.KEY, summary.KEY, or the name of a metric or setting alone.
    """
    console: Console = ctx.obj
    conditions = [filters.condition(text) for text in where or ()] + ([filters.expression(filter)] if filter else [])
    query = Query(
        None if all_projects else console.project, conditions, _words(state), tag, job_type, sort,
        None if group_by else limit, deleted,
    )  # fmt: skip
    repository = console.repository()
    found = listing.runs(repository, query)
    if not found and limit != 0:
        projects = {run.project for run in Register(repository.follower.database).runs()}
        if projects and query.project not in {*projects, None}:
            others = ", ".join(sorted(projects))
            console.say(f"none in project '{console.project}'; --all-projects lists those of {others}")
        elif not (conditions or state or tag or job_type or deleted):
            console.say("no runs yet; art run -- COMMAND makes one")
    faults = [row.view.fault for row in found if row.view.fault is not None]
    if faults and all(isinstance(fault, NetworkError) for fault in faults):
        console.warn(f"what {len(faults)} of these runs said is not here: {faults[0].message}")
    elif faults:
        console.warn(f"what {len(faults)} of these runs said cannot be read whole: art fsck")
    asked = [(sort or "").removeprefix("-"), *_words(group_by), *_words(columns)]
    for key, close in listing.unknown(found, [key for key in asked if key and key not in RUNS.names]):
        console.warn(f"none of these runs has '{key}'" + (f"; did you mean '{close}'?" if close else ""))
    if group_by:
        keys = _words(group_by)
        metric = [] if sort is None or sort.removeprefix("-") in keys else [sort.removeprefix("-")]
        metrics = _words(columns) or metric
        made = listing.groups(found, keys, metrics, sort)[:limit]
        _print_groups(console, made, keys, metrics)
        return
    names = _words(columns) or COLUMNS
    extra = [name for name in names if name not in RUNS.names]
    schema = RUNS._replace(fields=[*RUNS.fields, *(Field(name, "object", is_verbatim=True) for name in extra)])
    console.rows(schema, (RunItem(row, extra) for row in found), columns=names)


def _print_groups(console: Console, groups: Sequence[Group], keys: Sequence[str], metrics: Sequence[str]) -> None:
    bests = metrics or list(dict.fromkeys(metric for group in groups for metric in group.best))[:4]
    named = {f"best {metric}": metric for metric in bests}
    titles = {key if key not in GROUPS.names else f"by {key}": key for key in keys}
    fields = [
        *(Field(title, "object", is_verbatim=key not in RUNS.names) for title, key in titles.items()),
        *GROUPS.fields,
        *(Field(title, "object", is_verbatim=True) for title in named),
    ]
    names = [*titles, *GROUPS.columns, *named]
    items = (_group(group, titles, named) for group in groups)
    console.rows(GROUPS._replace(fields=fields), items, columns=names)


def _group(group: Group, titles: Mapping[str, str], named: Mapping[str, str]) -> dict[str, Any]:
    best = {
        metric: {"value": found.value, "id": found.row.view.run.id, "name": found.row.view.run.name}
        for metric, found in group.best.items()
    }
    return {
        **{title: group.keys[key] for title, key in titles.items()},
        "group": dict(group.keys),
        "runs": len(group.rows),
        "states": dict(group.states),
        "best": best,
        "ids": [row.view.run.id for row in group.rows],
        **{state: group.states.get(state, 0) for state in listing.STATES},
        **{title: best[metric]["value"] if metric in best else None for title, metric in named.items()},
    }


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
