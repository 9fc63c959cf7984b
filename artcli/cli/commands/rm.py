"""`art rm`: versions go to the trash."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog import moments
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import first_line, ref_of
from artcli.flows import rm
from artcli.flows.rm import Selection
from artcli.flows.texts import Reader

EXAMPLES = """
art rm model:v0 --yes                            # back with: art restore model:v0
art rm model --unaliased --keep-last 5 -n        # which older versions without an alias would go
art rm dataset --older-than 30d --yes
"""

REMOVED = Schema(
    "removed",
    fields=[
        Field("ref", help="name:vN"),
        Field("size", "size", "bytes of its files"),
        Field("time", "time", "when it was logged"),
        Field("about", help="first line of its description or note"),
        Field("project"),
        Field("dry_run", "truth", "nothing was done"),
    ],
    columns=["ref", "size", "time", "about"],
    key="ref",
)


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF... | NAME...", help="versions, or names to select from")],
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
    """Send versions to the trash, where they stay restorable for 30 days, until gc takes their bytes.

    A selection takes versions that meet all its rules, and never one with an alias.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    before = moments.parse(older_than) if older_than is not None else None
    plan = rm.plan_rm(repository.catalog, refs, Selection(keep_last, before, unaliased), project)
    for note in plan.notes:
        console.say(note)
    versions = plan.versions
    if versions and not dry_run:
        console.confirm(f"send {_count(len(versions))} to the trash: {', '.join(v.ref for v in versions[:5])}"
                        f"{', …' if len(versions) > 5 else ''}?")  # fmt: skip
        versions = rm.remove(repository, plan, message)
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
    console.rows(REMOVED, items)
    if dry_run:
        console.say(f"{_count(len(versions))} would go to the trash")
    else:
        back = f"  back with: art restore {items[0]['ref']}" if len(items) == 1 else ""
        console.say(f"{_count(len(versions))} in the trash{back}" if items else "nothing to delete")


def _count(number: int) -> str:
    return f"{number} version{'' if number == 1 else 's'}"
