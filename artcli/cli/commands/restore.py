"""`art restore`: versions come back from the trash."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import ref_of
from artcli.flows import rm

EXAMPLES = """
art restore model:v0        # art ls model --deleted lists what is in the trash
art restore model:v0 -m "still needed"
"""

RESTORED = Schema(
    "restored",
    fields=[
        Field("ref", help="name:vN"),
        Field("size", "size", "bytes of its files"),
        Field("project"),
    ],
    columns=["ref", "size"],
    key="ref",
)


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="NAME:vN...", help="versions in the trash")],
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Bring versions back from the trash.

    Aliases that a version had are given again with art alias; art undo after art rm brings both back.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    trash = {version.id for version in repository.catalog.trash()}
    versions = rm.restore(repository, refs, project, message)
    items = [{"ref": ref_of(one, project), "size": one.size, "project": one.project} for one in versions]
    console.rows(RESTORED, items, columns=["ref"])
    told = ["is back" if version.id in trash else "was not in the trash" for version in versions]
    console.say("  ".join(f"{item['ref']} {what}" for item, what in zip(items, told, strict=True)))
