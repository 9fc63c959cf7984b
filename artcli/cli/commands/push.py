"""`art push`: bring what is here to another place."""

from __future__ import annotations

import typer

from artcli.cli import transferred
from artcli.cli.console import Console
from artcli.cli.transferred import TRANSFER as TRANSFER
from artcli.cli.transferred import AcceptRollback, DryRun, LimitRate, Most, Words
from artcli.flows.transfer import push

EXAMPLES = """
art push                     # all, to the remote whose version numbers hold
art push nas dataset:latest  # one version, the run that logged it and what is known of both
art push -n                  # what would travel, and about how long it would take
art push --max-bytes 500MB   # only if it is no more
art push --limit-rate 5MB/s  # and leave room on the line for others
art push --json | tail -1
"""


def command(
    ctx: typer.Context,
    words: Words = None,
    dry_run: DryRun = False,
    max_bytes: Most = None,
    limit_rate: LimitRate = None,
    accept_rollback: AcceptRollback = False,
) -> None:
    """Bring versions, runs and what is known of them to a remote: only chunks that it lacks travel.

    A version that somebody else's push has come before gets the next number, and that is said. A push that was cut
    off is ended by the same command; what has arrived is not sent again.
    """
    console: Console = ctx.obj
    heal = True if accept_rollback else None
    transferred.carry(console, words, push, "pushed to", dry_run=dry_run, most=max_bytes, rate=limit_rate, heal=heal)
