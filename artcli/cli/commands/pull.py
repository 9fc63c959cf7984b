"""`art pull`: bring what is in another place here."""

from __future__ import annotations

import typer

from artcli.cli import transferred
from artcli.cli.commands.push import Remote
from artcli.cli.console import Console
from artcli.flows.transfer import pull

EXAMPLES = """
art pull              # from the remote whose version numbers hold
art pull nas
"""


def command(ctx: typer.Context, remote: Remote = None, accept_rollback: transferred.AcceptRollback = False) -> None:
    """Bring versions, runs and what is known of them here from a remote: only chunks that are not here travel.

    A version made here that somebody else's push has come before gets the next number, and that is said. A pull that
    was cut off is ended by the same command.
    """
    console: Console = ctx.obj
    transferred.carry(console, remote, pull, "pulled from", accept_rollback=accept_rollback)
