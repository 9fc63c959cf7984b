"""`art pull`: bring what is in another place here."""

from __future__ import annotations

import typer

from artcli.cli import bundled, transferred
from artcli.cli.console import Console
from artcli.cli.transferred import TRANSFER as TRANSFER
from artcli.cli.transferred import AcceptRollback, DryRun, LimitRate, Most, Words
from artcli.flows.transfer import pull

EXAMPLES = """
art pull                     # all, from the remote whose version numbers hold
art pull nas dataset:latest  # one version, the run that logged it and what is known of both
art pull -n                  # what would travel
"""


def command(
    ctx: typer.Context,
    words: Words = None,
    dry_run: DryRun = False,
    max_bytes: Most = None,
    limit_rate: LimitRate = None,
    accept_rollback: AcceptRollback = False,
) -> None:
    """Bring versions, runs and what is known of them here from a remote: only chunks that are not here travel.

    A version made here that somebody else's push has come before gets the next number, and that is said. A pull that
    was cut off is ended by the same command. What is used once need not be pulled: `art use` brings what it needs.
    """
    console: Console = ctx.obj
    if words and bundled.is_bundle(console.repository(), words[0]):
        bundled.pull(console, words, dry_run, max_bytes)
        return
    heal = False if accept_rollback else None
    transferred.carry(console, words, pull, "pulled from", dry_run=dry_run, most=max_bytes, rate=limit_rate, heal=heal)
