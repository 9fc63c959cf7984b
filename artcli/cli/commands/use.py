"""`art use`: a version becomes a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artcli.cli import brought, recording
from artcli.cli.console import Console
from artcli.cli.recording import NoRecord, Role, RunOption
from artcli.errors import UsageError
from artcli.flows import use
from artcli.flows.meant import given
from artcli.flows.runs import edges, pins
from artcli.flows.use import Request

EXAMPLES = """
art use dataset:v0                            # prints ./artifacts/dataset:v0 in full
cd "$(art use dataset:latest)"
art use dataset:v0 --root ./data              # a directory that holds another version is switched in place
art use dataset:v0 --only 'train/*' --only classes.txt
art use dataset:v0 --root ./data --exact      # and remove what does not belong
art use dataset:v0 --root ./look --link       # read-only; shares the files of other read-only copies
"""

USED = brought.schema("used")


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF[/PATH]...", help="versions to bring")],
    root: Annotated[str | None, typer.Option("--root", metavar="DIR", help="into this directory")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="GLOB", help="only these paths")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="remove what does not belong")] = False,
    link: Annotated[
        bool,
        typer.Option("--link", help="write read-only files, as hard links of other read-only copies where possible"),
    ] = False,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="fail if it is of another type")] = None,
    zero: Annotated[bool, typer.Option("--zero", "-0", help="end each path with NUL")] = False,
    run: RunOption = None,
    role: Role = None,
    no_record: NoRecord = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be done")] = False,
) -> None:
    """Bring versions into directories, verified, and print where.

    What is right already is left alone, what changed is repaired; files of yours that would be overwritten, and that
    no version holds, are moved aside first. Where the file system can, files that another working copy has are cloned
    from there: they take no room until one of them is changed.
    """
    console: Console = ctx.obj
    if root is not None and len(refs) > 1:
        raise UsageError("one-root", "--root takes one version", hint=f"art use {refs[0]} --root {root}")
    repository = console.repository()
    active = None if dry_run else recording.recorded_in(console, repository, run, no_record)
    results = []
    for ref in refs:
        request = Request(
            ref=pins.meant(repository.catalog, ref, console.project, active),
            project=console.project,
            directory=Path.cwd(),
            root=root if root is None else Path(given(root)),
            only=only or (),
            exact=exact,
            link=link,
            type=type,
            dry_run=dry_run,
            workers=console.jobs,
        )
        with console.progress() as progress:
            used = use.use(repository, request, progress)
        if active:
            edges.use(repository, active, [used.version], role)
        brought.tell(console, used, dry_run)
        results.append(used)
    brought.print_paths(console, USED, results, dry_run, end="\0" if zero else "\n")
