"""`art get`: a copy of a version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from artcli.cli import brought, recording
from artcli.cli.console import Console
from artcli.cli.items import files
from artcli.cli.recording import NoRecord, Role, RunOption
from artcli.errors import UsageError
from artcli.flows import get
from artcli.flows.get import Request
from artcli.flows.runs import edges, pins

EXAMPLES = """
art get dataset:v0                           # a copy in ./dataset-v0
art get dataset:v0 ./data                    # in a new or empty directory
art get dataset:v0/classes.txt ./names.txt   # one file
art get dataset:v0 ./images --only '*.jpg' --flat
art get dataset:v0 ./data --sync -y          # make a directory equal, and remove what does not belong
art -C https://nas:8123 get dataset:v0       # from another place, without a repository of one's own
"""

GOT = brought.schema("got")


def command(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF[/PATH]", help="a version, or a folder or file of one")],
    dest: Annotated[
        str | None, typer.Argument(metavar="[DEST]", help="a new or empty directory; of a file, its name")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="GLOB", help="only these paths")] = None,
    sync: Annotated[bool, typer.Option("--sync", help="make DEST equal, remove what does not belong; asks")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="into a directory that holds something")] = False,
    flat: Annotated[bool, typer.Option("--flat", help="all files into one folder")] = False,
    run: RunOption = None,
    role: Role = None,
    no_record: NoRecord = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be done")] = False,
) -> None:
    """Copy a version, verified, and print where; the copy is yours: `art status` does not know of it.

    With --overwrite and --sync, files of yours whose bytes no version holds are moved aside, never destroyed. That
    takes a repository of your own: through -C URL there is only get into a new or empty directory.
    """
    console: Console = ctx.obj
    if console.url is not None and (sync or overwrite):
        raise _nowhere_aside()
    repository = console.repository()
    active = None if dry_run else recording.recorded_in(console, repository, run, no_record)
    request = Request(
        ref=pins.meant(repository.catalog, ref, console.project, active),
        project=console.project,
        start=Path.cwd(),
        dest=dest,
        only=only or (),
        sync=sync,
        overwrite=overwrite,
        flat=flat,
        dry_run=dry_run,
        workers=console.jobs,
    )
    if sync and not (dry_run or console.flags.yes):
        _ask(console, get.get(repository, replace(request, dry_run=True)))
    with console.progress() as progress:
        got = get.get(repository, request, progress)
    if active:
        edges.use(repository, active, [got.version], role)
    brought.tell(console, got, dry_run)
    brought.print_paths(console, GOT, [got], dry_run)


def _nowhere_aside() -> UsageError:
    return UsageError(
        "only-a-view", "through -C URL a version is copied into a new or empty directory",
        facts=["files in its way would be moved aside into a repository of your own, and here is none"],
        hint="art help only-a-view",
    )  # fmt: skip


def _ask(console: Console, planned: get.Got) -> None:
    """Make sure that the user wants files to go."""
    plan = planned.plan
    if plan.remove or plan.rescue:
        there = f"remove {files(len(plan.remove))} and move {len(plan.rescue):,} of your own aside"
        console.confirm(f"make {planned.path} equal to {planned.version.ref}: {there}?")
