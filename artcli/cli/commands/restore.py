"""`art restore`: versions and runs come back from the trash."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog.fold import LIVE, TRASH
from artcli.cli import run_words
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import ref_of
from artcli.flows import rm
from artcli.flows.runs import changes

EXAMPLES = """
art restore model:v0        # art ls model --deleted lists what is in the trash
art restore model:v0 -m "still needed"
art restore run:sunny-smoke-1
"""

RESTORED = Schema(
    "restored",
    fields=[
        Field("ref", help="name:vN, or run:ID"),
        Field("size", "size", "bytes of its files"),
        Field("project"),
    ],
    columns=["ref", "size"],
    key="ref",
)


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="NAME:vN... | RUN...", help="versions and runs in the trash")],
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Bring versions and runs back from the trash.

    Aliases that a version had are given again with art alias; art undo after art rm brings both back.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    runs, refs = run_words.split(console, refs, (TRASH, LIVE))
    trash = {version.id for version in repository.catalog.trash()} | {run.id for run in runs if run.state == TRASH}
    versions = rm.restore(repository, refs, project, message) if refs else []
    changes.restore(repository, runs, message)
    items = [{"ref": ref_of(one, project), "size": one.size, "project": one.project} for one in versions]
    items += [{"ref": run_words.ref_of(run), "size": None, "project": run.project} for run in runs]
    ids = [version.id for version in versions] + [run.id for run in runs]
    console.rows(RESTORED, items, columns=["ref"])
    told = ["is back" if id in trash else "was not in the trash" for id in ids]
    console.say("  ".join(f"{item['ref']} {what}" for item, what in zip(items, told, strict=True)))
