"""`art logout`: forget a token."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows import logins

EXAMPLES = """
art logout https://nas:8080/jetracer
art logout --all
"""

LOGOUT = Schema("logouts", fields=[Field("url", help="whose token was forgotten")], columns=["url"], key="url")


def command(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="a server: art whoami names them")] = None,
    everything: Annotated[bool, typer.Option("--all", help="forget the tokens of all servers")] = False,
) -> None:
    """Forget the token that is kept for a server. The server goes on taking it until it is revoked there."""
    console: Console = ctx.obj
    if url is None and not everything:
        from artcli.errors import UsageError

        raise UsageError("bad-usage", "which server? or --all", hint="art logout --help")
    console.rows(LOGOUT, [{"url": forgotten} for forgotten in logins.logout(url)])
