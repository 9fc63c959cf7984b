"""`art push`: bring what is here to another place."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli import transferred
from artcli.cli.console import Console
from artcli.flows.transfer import push

EXAMPLES = """
art push              # to the remote whose version numbers hold
art push nas
art push --json | tail -1
"""

Remote = Annotated[str | None, typer.Argument(metavar="[REMOTE]", help="a remote; the authority by default")]


def command(ctx: typer.Context, remote: Remote = None, accept_rollback: transferred.AcceptRollback = False) -> None:
    """Bring versions, runs and what is known of them to a remote: only chunks that it lacks travel.

    A version that somebody else's push has come before gets the next number, and that is said. A push that was cut
    off is ended by the same command.
    """
    console: Console = ctx.obj
    transferred.carry(console, remote, push, "pushed to", accept_rollback=accept_rollback)
