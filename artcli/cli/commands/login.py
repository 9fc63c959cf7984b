"""`art login`: nothing to do, for scripts that were written for another tool."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console

EXAMPLES = """
art login
"""


def command(
    ctx: typer.Context,
    key: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="is not looked at, and not kept")] = None,
) -> None:
    """Do nothing: a repository is a directory, and needs no login. For scripts that log in first."""
    console: Console = ctx.obj
    console.say("no login is needed: runs and versions are in the repository of this directory")
