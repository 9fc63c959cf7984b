"""What `gc` says when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artcli.catalog.catalog import Version
from artcli.catalog.runs.register import Run
from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows.collect import Collected

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
        Field("kept_size", "size", "of what was freed: pages of other places that nothing needs any more"),
    ],
    columns=["freed", "stored", "trash_size"],
    key="freed",
)


def tell(console: Console, done: Collected) -> None:
    """Name what went, and say what came of it."""
    for kind, versions in (("deleted", done.deleted), ("purged", done.purged)):
        for version in versions:
            console.event("status", {kind: version.ref, "project": version.project})
            console.detail(f"{kind} {version.ref}")
    for run in done.purged_runs:
        console.event("status", {"purged": f"run:{run.id}", "project": run.project})
        console.detail(f"purged run {run.name}  {run.id}")
    console.record(GC, _item(done), text=lambda: _freed(console, done), receipt=_receipt(done), summary=True)


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
        parts.append(f"{formatting.counted(len(done.deleted), 'version')} to the trash")
    if purged := counts(done.purged, done.purged_runs):
        parts.append(f"{purged} out of the trash")
    if done.dust_files:
        parts.append(f"{formatting.size(done.dust_size)} that nothing needs")
    if done.packs_deleted or done.packs_rewritten:
        parts.append(f"{formatting.counted(done.packs_deleted, 'pack')} deleted, {done.packs_rewritten:,} rewritten")
    if done.kept_size:
        parts.append(f"{formatting.size(done.kept_size)} of pages of other places")
    if done.condemned:
        verb = "would be condemned" if done.dry_run else "condemned"
        parts.append(
            f"{formatting.counted(done.condemned, 'pack')} {verb}, "
            f"{formatting.size(done.condemned_size)} to be deleted later"
        )
    if trash := counts(done.trash, done.trash_runs):
        parts.append(f"the trash still holds {trash} and {formatting.size(done.trash_size)}")
    if done.wanted:
        parts.append(f"with {formatting.size(done.wanted)} more room on the disk it could free more")
    verb = "would free" if done.dry_run else "freed"
    return "; ".join([f"{verb} {formatting.size(done.freed)}", *parts])


def counts(versions: Sequence[Version], runs: Sequence[Run]) -> str:
    """`2 versions, 1 run`; empty if there are none."""
    counts = ((versions, "version"), (runs, "run"))
    return ", ".join(formatting.counted(len(items), what) for items, what in counts if items)
