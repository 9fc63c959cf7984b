"""`art fetch`: learn what is in another place."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog.place import Place
from artcli.catalog.repository import Repository
from artcli.cli import transferred
from artcli.cli.console import Console
from artcli.cli.transferred import TRANSFER as TRANSFER
from artcli.flows import transfer
from artcli.flows.transfer import Request, Transferred
from artcli.progress import Progress

EXAMPLES = """
art fetch             # then ls, log, graph and why know what is there
art fetch nas
"""

Remote = Annotated[str | None, typer.Argument(metavar="[REMOTE]", help="a remote; the authority by default")]


def command(ctx: typer.Context, remote: Remote = None) -> None:
    """Learn what is in a remote: its history, what its runs said, what its newest and named versions hold.

    No file of a version travels: `art use` and `art cat` bring what they need, `art pull` brings all of a version.
    """
    console: Console = ctx.obj
    transferred.carry(console, [remote] if remote else [], _fetch, "fetched from")


def _fetch(repository: Repository, place: Place, request: Request, progress: Progress) -> Transferred:
    return transfer.fetch(repository, place, progress)
