"""`art verify`: every byte of a version or a directory, against what the version says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import files
from artcli.errors import IntegrityError
from artcli.flows import verify

EXAMPLES = """
art verify dataset:v0                        # read, decode and hash every byte that is stored of it
art verify ./artifacts/dataset:v0            # read every file, and compare it with the version
art verify ./data --against dataset:v0
"""

DIFFERENCE = Schema(
    "verified",
    fields=[
        Field("state", help="missing, changed, extra, wrong-kind, unreadable; damaged: in the repository itself"),
        Field("path"),
        Field("reason"),
    ],
    columns=["state", "path", "reason"],
    key="path",
)


def command(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="REF[/PATH]|DIR", help="a version, or a directory that holds one")],
    against: Annotated[
        str | None, typer.Option("--against", metavar="REF", help="what DIR should hold, if art does not know")
    ] = None,
) -> None:
    """Read everything and compare; print what differs.

    Exit code 1: the directory differs. Exit code 7: bytes in the repository are damaged or missing.
    """
    console: Console = ctx.obj
    repository = console.repository()
    with console.progress() as progress:
        check = verify.Check(repository, target, console.project, Path.cwd(), against, console.jobs, progress)
        if check.note:
            console.say(check.note)
        console.rows(DIFFERENCE, (difference._asdict() for difference in check.differences()))
    tally = check.tally
    looked = f"{check.name}  {files(tally.entries)}, {console.size(tally.size)}, {check.seconds:.1f} s"
    elsewhere = f"; {files(tally.elsewhere)} kept elsewhere not looked at" if tally.elsewhere else ""
    console.say(f"{looked}  {f'{tally.found:,} differ' if tally.found else 'all right'}{elsewhere}")
    if tally.damaged:
        what = f"{files(tally.damaged)} of {check.version.ref} {'is' if tally.damaged == 1 else 'are'}"
        message = f"{what} damaged or missing in the repository"
        raise IntegrityError("damaged-version", message, hint="art fsck")
    if tally.found:
        raise typer.Exit(1)
