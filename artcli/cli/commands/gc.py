"""`art gc`: give back disk space that no version and no run needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from artcli.buckets.urls import SERVERS, scheme
from artcli.catalog import moments
from artcli.catalog.catalog import Version
from artcli.catalog.fold import TRASH
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.view import View
from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows.collect import Collected, Request, collect
from artcli.flows.collect.shared import collect_place

EXAMPLES = """
art gc -n                      # what it would free
art gc                         # what was in the trash for 30 days leaves it
art gc --grace 7d
art gc --empty-trash --yes     # the trash leaves now, and cannot be restored
art -C ../nas gc               # a place that others share: what goes is condemned first, and deleted later
"""

GC = Schema(
    "gc",
    fields=[
        Field("freed", "size", "bytes given back"),
        Field("stored", "size", "bytes of packs and indexes that remain"),
        Field("dry_run", "truth", "nothing was done"),
        Field("dust_files", "count", "files that nothing named: replaced indexes, and what killed commands had left"),
        Field("dust_size", "size"),
        Field("packs_deleted", "count"),
        Field("packs_rewritten", "count"),
        Field("deleted", "words", "versions beyond --keep-last, now in the trash"),
        Field("purged", "words", "versions that have left the trash for good"),
        Field("purged_runs", "words", "runs that have"),
        Field("trash", "words", "versions in the trash"),
        Field("trash_runs", "words", "runs in the trash"),
        Field("trash_size", "size", "bytes that only they hold"),
        Field("wanted", "size", "room on the disk with which more could be freed"),
        Field("condemned", "count", "packs of a shared place that nobody may count on, and that are there still"),
        Field("condemned_size", "size", "their bytes"),
    ],
    columns=["freed", "stored", "trash_size"],
    key="freed",
)


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
    trash = _both(catalog.trash(), Register(catalog.database).runs(states=(TRASH,)))
    if trash and empty_trash and not dry_run:
        console.confirm(f"delete {trash} in the trash for good?")
    with console.progress() as progress:
        if isinstance(repository, View):
            done = collect_place(repository.seen, request, progress)
        else:
            done = collect(repository, request, progress)
    for kind, versions in (("deleted", done.deleted), ("purged", done.purged)):
        for version in versions:
            console.event("status", {kind: version.ref, "project": version.project})
            console.detail(f"{kind} {version.ref}")
    for run in done.purged_runs:
        console.event("status", {"purged": f"run:{run.id}", "project": run.project})
        console.detail(f"purged run {run.name}  {run.id}")
    console.record(GC, _item(done), text=lambda: _freed(console, done), receipt=_receipt(done), summary=True)


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


def _item(done: Collected) -> dict[str, Any]:
    item = done._asdict()
    for name in ("deleted", "purged", "trash"):
        item[name] = [version.ref for version in item[name]]
    for name in ("purged_runs", "trash_runs"):
        item[name] = [run.id for run in item[name]]
    return item


def _freed(console: Console, done: Collected) -> str:
    return formatting.size(done.freed) if console.for_person else str(done.freed)


def _receipt(done: Collected) -> str:
    parts = []
    if done.deleted:
        parts.append(f"{_count(len(done.deleted), 'version')} to the trash")
    if purged := _both(done.purged, done.purged_runs):
        parts.append(f"{purged} out of the trash")
    if done.dust_files:
        parts.append(f"{formatting.size(done.dust_size)} that nothing needs")
    if done.packs_deleted or done.packs_rewritten:
        parts.append(f"{_count(done.packs_deleted, 'pack')} deleted, {done.packs_rewritten:,} rewritten")
    if done.condemned:
        verb = "would be condemned" if done.dry_run else "condemned"
        parts.append(
            f"{_count(done.condemned, 'pack')} {verb}, {formatting.size(done.condemned_size)} to be deleted later"
        )
    if trash := _both(done.trash, done.trash_runs):
        parts.append(f"the trash still holds {trash} and {formatting.size(done.trash_size)}")
    if done.wanted:
        parts.append(f"with {formatting.size(done.wanted)} more room on the disk it could free more")
    verb = "would free" if done.dry_run else "freed"
    return "; ".join([f"{verb} {formatting.size(done.freed)}", *parts])


def _both(versions: Sequence[Version], runs: Sequence[Run]) -> str:
    """`2 versions, 1 run`; empty if there are none."""
    counts = ((versions, "version"), (runs, "run"))
    return ", ".join(_count(len(items), what) for items, what in counts if items)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
