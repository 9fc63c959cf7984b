"""`art du`: what versions and runs take in the store."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows import du

EXAMPLES = """
art du                     # what each artifact of the project takes
art du dataset             # its versions, and what nothing but each of them needs
art du dataset:v0 --explain
art du --by run
art du --json | jq .items
"""

DU = Schema(
    "du",
    fields=[
        Field("what", help="an artifact, a version, a type, or a run's id"),
        Field("project"),
        Field("logical", "size", "bytes of the files of its live versions"),
        Field("distinct", "size", "bytes of their chunks, each once, before compression"),
        Field("stored", "size", "bytes of these in packs; what several share counts for each"),
        Field("pages", "size", "of these, pages of manifests and long texts"),
        Field("unique", "size", "of these, what nothing else needs"),
        Field("freeable", "size", "of these, what only its versions and runs in the trash need"),
        Field("elsewhere", "count", "versions, and parts of runs, whose bytes are not here"),
    ],
    columns=["what", "logical", "stored", "unique", "freeable"],
    key="what",
)


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME | REF]...", help="artifacts or versions; else all")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="WAY", help="artifact, version, type or run")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="say what the numbers come from")] = False,
) -> None:
    """Show how many bytes versions and runs take, what they share, and what would be free without them.

    STORED is what is in the packs of the store, compressed, each chunk once. UNIQUE is what nothing else needs;
    FREEABLE is what only the trash needs, which `art gc` frees when its time has come.
    """
    console: Console = ctx.obj
    if by is not None and by not in du.WAYS:
        raise UsageError("bad-usage", f"--by {by}: one of {', '.join(du.WAYS)}", hint="art du --by version")
    with console.progress() as progress:
        usage = du.usage(console.repository(), words or (), console.project, by, progress)
    columns = None if not explain else ["what", "logical", "distinct", "stored", "pages", "unique", "freeable"]
    console.rows(DU, (_item(use) for use in usage.groups), columns=columns)
    if explain:
        for use in usage.groups:
            console.say(_explained(use))
    console.say(_receipt(usage))


def _item(use: du.Use) -> dict[str, Any]:
    return use._asdict()


def _explained(use: du.Use) -> str:
    size = formatting.size
    parts = [
        f"{use.what}: {size(use.logical)} of files are {size(use.distinct)} of different chunks",
        f"{size(use.stored)} as stored, {size(use.pages)} of that to tell what is where",
        f"{size(use.stored - use.unique)} are needed elsewhere too",
    ]
    if use.elsewhere:
        parts.append(f"the bytes of {use.elsewhere:,} are not here")
    return "; ".join(parts)


def _receipt(usage: du.Usage) -> str:
    size = formatting.size
    parts = [f"the store holds {size(usage.stored)}"]
    if usage.trash:
        parts.append(f"{size(usage.trash)} of it for the trash alone")
    if usage.dead:
        parts.append(f"{size(usage.dead)} for nothing: art gc")
    return ", ".join(parts)
