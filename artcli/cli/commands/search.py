"""`art search`: words in notes, metadata and logs."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows.query.search import PLACES, search

EXAMPLES = """
art search dataset
art search trained --in logs                # what runs wrote on their consoles
art search lr --in metadata -q              # only where: name:vN, or run:ID
"""

HITS = Schema(
    "hits",
    fields=[
        Field("place", help="notes, metadata or logs"),
        Field("ref", help="name:vN, a name, or run:ID"),
        Field("about", help="description, note, metadata, config, …; of a log the run's name"),
        Field("text", help="the words and some around them"),
    ],
    columns=["place", "ref", "about", "text"],
    key="ref",
)


def command(
    ctx: typer.Context,
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help="words, or how they begin; all of them")],
    places: Annotated[
        str | None, typer.Option("--in", metavar="PLACES", help="notes, metadata, logs; with commas")
    ] = None,
    limit: Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="the first N only")] = None,
) -> None:
    """Find words in names, descriptions, notes, tags, aliases, metadata, config and console logs, the best hit first.

    The exit code is 1 if nothing is found.
    """
    console: Console = ctx.obj
    wanted = [place.strip() for place in places.split(",")] if places else PLACES
    found = search(console.repository(), " ".join(text), wanted, limit)
    console.rows(HITS, (hit._asdict() for hit in found))
    if not found:
        raise typer.Exit(1)
