"""`art rm`: versions and runs go to the trash."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog import moments
from artcli.cli import run_words
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import first_line, ref_of
from artcli.flows import rm
from artcli.flows.rm import Selection
from artcli.flows.runs import changes
from artcli.flows.texts import Reader

EXAMPLES = """
art rm model:v0 --yes                            # back with: art restore model:v0
art rm model --unaliased --keep-last 5 -n        # which older versions without an alias would go
art rm dataset --older-than 30d --yes
art rm run:sunny-smoke-1 --yes                   # a run, with all that it said and its images
"""

REMOVED = Schema(
    "removed",
    fields=[
        Field("ref", help="name:vN, or run:ID"),
        Field("size", "size", "bytes of its files"),
        Field("time", "time", "when it was logged"),
        Field("about", help="first line of its description or note; the name of a run"),
        Field("project"),
        Field("dry_run", "truth", "nothing was done"),
    ],
    columns=["ref", "size", "time", "about"],
    key="ref",
)


def command(
    ctx: typer.Context,
    refs: Annotated[
        list[str], typer.Argument(metavar="REF... | NAME... | RUN...", help="versions, names to select from, runs")
    ],
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", metavar="N", min=0, help="select all but the newest N versions")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="select versions logged before: 30d, 2026-11-01")
    ] = None,
    unaliased: Annotated[
        bool, typer.Option("--unaliased", help="select versions without an alias, but not the newest")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only list them")] = False,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Send versions and runs to the trash, where they stay restorable for 30 days, until gc takes their bytes.

    A selection takes versions that meet all its rules, and never one with an alias.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    before = moments.parse(older_than) if older_than is not None else None
    runs, refs = run_words.split(console, refs)
    changes.check_over(repository, runs)
    plan = rm.plan_rm(repository.catalog, refs, Selection(keep_last, before, unaliased), project)
    for note in plan.notes:
        console.say(note)
    versions = plan.versions
    if (versions or runs) and not dry_run:
        names = [version.ref for version in versions] + [f"run {run.name}" for run in runs]
        few = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        console.confirm(f"send {run_words.count(len(versions), len(runs))} to the trash: {few}?")
        versions = rm.remove(repository, plan, message) if versions else []
        runs = changes.remove(repository, runs, message) if runs else []
    items = [
        {
            "ref": ref_of(version, project),
            "size": version.size,
            "time": version.time,
            "about": first_line(version.description, version.note),
            "project": version.project,
            "dry_run": dry_run,
        }
        for version in map(Reader(repository, console.warn).row, versions)
    ]
    for run in runs:
        own = {"ref": run_words.ref_of(run), "time": run.time, "about": run.name, "project": run.project}
        items.append({**own, "size": None, "dry_run": dry_run})
    console.rows(REMOVED, items)
    told = run_words.count(len(versions), len(runs))
    if dry_run:
        console.say(f"{told} would go to the trash")
    else:
        back = f"  back with: art restore {items[0]['ref']}" if len(items) == 1 else ""
        console.say(f"{told} in the trash{back}" if items else "nothing to delete")
