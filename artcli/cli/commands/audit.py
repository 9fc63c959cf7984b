"""`art audit`: who changed what, from what to what."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog import moments
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import EVENTS, event_item
from artcli.errors import UsageError
from artcli.flows import audit, history
from artcli.flows.history import CREATION, OF_RUNS, Filter
from artcli.flows.runs.active import active_run
from artcli.flows.texts import Reader

EXAMPLES = """
art audit                               # every change of what is said about versions, newest first
art audit model:v0
art audit run:-1                        # what was changed of the last run when it was over
art audit model --since 30d --actor anna
art audit --verify                      # was anything altered, left out or put in?
"""

CHAIN = Schema(
    "chain",
    fields=[
        Field("digest", help="of the newest entry: it vouches for all before it"),
        Field("entries", "count", "entries of the log"),
        Field("facts", "count"),
    ],
    columns=["digest", "entries", "facts"],
    key="digest",
)
COLUMNS = ["time", "actor", "ref", "field", "old", "new", "reason"]


def command(
    ctx: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="[REF | NAME | RUN]", help="one version, artifact or run only")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="30d, '2h ago', 2026-11-01")] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="a part of the name of who")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="check the hash chain of the whole log")] = False,
) -> None:
    """List every change of metadata, descriptions, notes, aliases, tags and names, and every deletion.

    The list is the log itself, to which art only ever adds.
    """
    console: Console = ctx.obj
    repository = console.repository()
    if verify:
        if ref or since or actor:
            raise UsageError("bad-usage", "--verify checks the whole log", hint="art audit --verify")
        with console.progress() as progress:
            chain = audit.verify_chain(repository, progress)
        receipt = f"the log is whole: {chain.entries:,} entries, {chain.facts:,} facts"
        console.record(CHAIN, chain._asdict(), receipt=receipt)
        return
    catalog = repository.catalog
    about, note = history.scope(catalog, ref, console.project, active_run())
    if note:
        console.say(note)
    wanted = Filter(since=moments.parse(since) if since else None, actor=actor)
    read = Reader(repository, console.warn).value
    told = history.history(catalog, about, console.project, wanted, read=read)
    with console.pager():
        changes = (event_item(one) for one in told if one.kind != CREATION and one.kind not in OF_RUNS)
        console.rows(EVENTS, changes, columns=COLUMNS)
