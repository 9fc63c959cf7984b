"""`art run logs`: what a run said on its console."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated

import typer

from artcli.catalog.runs.records import Record
from artcli.cli.console import Console
from artcli.cli.run_items import named
from artcli.errors import UsageError
from artcli.flows.runs import logs

INTERRUPTED = 130
_STREAMS = {"out": "stdout", "err": "stderr", "stdout": "stdout", "stderr": "stderr"}


def show_logs(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="id, a beginning of it, name, or -1 for the last one")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on until the run is over; lines come within 5 s")
    ] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="the last N lines only")] = None,
    stream: Annotated[str | None, typer.Option("--stream", metavar="out|err", help="one of the two only")] = None,
) -> None:
    """Print what a run wrote to its stdout and stderr, in the order in which it came."""
    console: Console = ctx.obj
    if stream is not None and stream not in _STREAMS:
        raise UsageError("no-such-stream", f"no stream '{stream}'", hint="art run logs -1 --stream err")
    repository = console.repository()
    known = named(console, run)
    wanted = _STREAMS[stream] if stream else None
    if follow:
        with suppress(KeyboardInterrupt):  # the way to end it
            _print(console, logs.follow(repository, known.id, wanted, last=tail))
            return
        raise typer.Exit(INTERRUPTED)
    if tail is None:
        _print(console, logs.pieces(repository, known.id, wanted))
    else:
        _print(console, logs.last(repository, known.id, tail, wanted))


def _print(console: Console, found: Iterable[Record]) -> None:
    for record in found:
        if console.flags.json:
            document = {
                "schema": "art.console/1",
                "stream": record.data.get("stream"),
                "time": record.time,
                "text": logs.text(record),
            }
            console.event("status", document)
        else:
            console.raw(logs.text(record))
