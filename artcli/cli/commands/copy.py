"""`art copy`: from one place to another, without a stop here."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from artcli.catalog import resolve
from artcli.cli import sizes, transferred
from artcli.cli.console import Console
from artcli.cli.transferred import TRANSFER as TRANSFER
from artcli.cli.transferred import DryRun, Most
from artcli.errors import UsageError
from artcli.flows import remotes
from artcli.flows.transfer import Request, copy

EXAMPLES = """
art copy nas attic                 # all that nas has and attic has not
art copy model:latest nas attic    # one version, the run that logged it and what is known of both
art copy nas attic -n              # what would travel
"""


def command(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="[REF]... FROM TO", help="versions, else all; two remotes")],
    dry_run: DryRun = False,
    max_bytes: Most = None,
) -> None:
    """Bring versions, runs and what is known of them from one remote to another: only chunks that it lacks travel.

    They pass through this machine's memory, and nothing of them is kept here. What was cut off is ended by the same
    command.
    """
    console: Console = ctx.obj
    if len(words) < 2:
        raise UsageError("bad-usage", "from which remote, and to which?", hint="art copy --help")
    repository = console.repository()
    *refs, first, second = words
    source, target = (remotes.chosen(repository, name) for name in (first, second))
    if source.place == target.place:
        raise UsageError("bad-usage", f"'{first}' and '{second}' are the same place", hint="art remote ls")
    with closing(remotes.reach(repository, source)) as there, closing(remotes.reach(repository, target)) as place:
        there.fetch()
        found = [resolve.version(there.catalog, ref, console.project).version.id for ref in refs]
        limit = None if max_bytes is None else sizes.parse(max_bytes)
        request = Request(frozenset(found) if refs else None, dry_run, limit)
        with console.progress() as progress:
            done = copy(there, place, repository.place, request, progress)
    transferred.tell(console, target, done, f"copied from {source.name} to")
