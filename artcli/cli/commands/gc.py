"""`art gc`: give back disk space that no version and no run needs."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from artcli.buckets.urls import SERVERS, scheme
from artcli.catalog import moments
from artcli.catalog.fold import TRASH
from artcli.catalog.runs.register import Register
from artcli.catalog.view import View
from artcli.cli import collected
from artcli.cli.collected import GC as GC
from artcli.cli.console import Console
from artcli.errors import UsageError
from artcli.flows.collect import Request, collect
from artcli.flows.collect.shared import collect_place

EXAMPLES = """
art gc -n                      # what it would free
art gc                         # what was in the trash for 30 days leaves it
art gc --grace 7d
art gc --empty-trash --yes     # the trash leaves now, and cannot be restored
art -C ../nas gc               # a place that others share: what goes is condemned first, and deleted later
"""


def command(
    ctx: typer.Context,
    grace: Annotated[
        str, typer.Option("--grace", metavar="AGE", help="how long a deleted version stays in the trash")
    ] = "30d",
    empty_trash: Annotated[bool, typer.Option("--empty-trash", help="all of the trash goes now")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="say what would be done, do nothing")] = False,
    readers: Annotated[
        str | None,
        typer.Option("--readers", metavar="AGE", help="of a shared place: how long condemned packs stay for readers"),
    ] = None,
) -> None:
    """Free the disk space of versions and runs that were deleted, and of what killed commands have left.

    What was deleted stays in the trash for 30 days, from where `art restore` brings it back. Versions beyond an
    artifact's --keep-last go to the trash. A version with an alias is never touched. Prints the bytes that were freed.

    In a place that others share, `art -C URL gc`, nothing goes at once: packs that no longer hold anything that is
    needed are condemned, and deleted by the gc that comes when their time is over, 30 days, or a day where `art serve`
    is in charge.
    """
    console: Console = ctx.obj
    repository = console.repository()
    if readers is not None and console.url is None:
        raise UsageError("bad-usage", "--readers is for a place that others share", hint="art -C URL gc --readers 7d")
    request = Request(
        _age(grace), empty_trash=empty_trash, dry_run=dry_run, readers=_age(readers or _readers(console.url or "")),
    )  # fmt: skip
    catalog = repository.catalog
    trash = collected.counts(catalog.trash(), Register(catalog.database).runs(states=(TRASH,)))
    if trash and empty_trash and not dry_run:
        console.confirm(f"delete {trash} in the trash for good?")
    with console.progress() as progress:
        if isinstance(repository, View):
            done = collect_place(repository.seen, request, progress)
        else:
            done = collect(repository, request, progress)
    collected.tell(console, done)


def _readers(url: str) -> str:
    """How long readers may take, where nobody says."""
    return "1d" if scheme(url) in SERVERS else "30d"


def _age(text: str) -> float:
    """An age in seconds; a date means the time since."""
    now = time.time()
    age = now - moments.parse(text, now)
    if age < 0:
        raise UsageError("bad-date", f"that is in the future: {text!r}", hint="art gc --grace 30d")
    return age
