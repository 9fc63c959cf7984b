"""`art undo`: take back what was done."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.items import EVENTS, event_item
from artcli.errors import UsageError
from artcli.flows import history, undo
from artcli.flows.texts import Reader

EXAMPLES = """
art undo -n           # what the last command changed
art undo              # take it back: an alias, an edit, a deletion, a version
art undo --list       # what can be taken back, newest first
"""

COLUMNS = ["event", "time", "actor", "ref", "text"]
LISTED = 20


def command(
    ctx: typer.Context,
    event: Annotated[
        str | None, typer.Argument(metavar="[EVENT]", help="one change, by the start of its id; else the last command")
    ] = None,
    show: Annotated[bool, typer.Option("--list", "-l", help=f"list the last {LISTED} changes")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be taken back")] = False,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Take back the last command that changed something, or one change.

    Nothing leaves the log: the opposite change is added to it. What has been changed again since is not touched.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    if show and event is not None:
        raise UsageError("bad-usage", "--list takes no event", hint="art undo --help")
    if show:
        events = list(islice(undo.undoable(repository.catalog), LISTED))
    elif dry_run:
        events = [step.event for step in undo.plan_undo(repository.catalog, event)]
    else:
        events = undo.undo(repository, event, message)
    read = Reader(repository, console.warn).value
    told = [history.tell(repository.catalog, one, project, read) for one in events]
    console.rows(EVENTS, map(event_item, told), columns=COLUMNS)
    if not show:
        verb = "would be taken back" if dry_run else "taken back"
        console.say("\n".join(f"{verb}: {one.ref} {one.text}" for one in told))
