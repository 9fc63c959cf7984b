"""`art show`: what something is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.catalog import manifest
from artcli.cli import cards, run_words
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import EVENTS, VERSION_FIELDS, event_item, version_item
from artcli.cli.run_items import CARD as CARD
from artcli.errors import NotFoundError, UsageError
from artcli.flows import history, ls
from artcli.flows.lineage.made import Made, made
from artcli.flows.show import Shown, show
from artcli.flows.texts import Reader

EXAMPLES = """
art show model:v0
art show model:latest --field metadata.lr        # one raw value
art show model:latest --field producer.name      # of the run that made it; producer.config.lr is a setting of that
art show dataset:v0/classes.txt                  # a file in a version
art show ./classes.txt                           # which version has a file of these bytes?
art show dataset:v0 --files
art show run:-1                                  # the last run, as art run show has it
"""

VERSION = Schema(
    "version",
    fields=[
        *VERSION_FIELDS,
        Field("producer", "object", "actor, machine, time, reason; run, name, job_type, config of its run"),
        Field("used_by", "words", "names of the runs that used it, oldest first"),
        Field("artifact", "object", "what is said of all its versions: description, note, keep_last"),
        Field("files", "words", "all paths in it; with --files only"),
    ],
    columns=["ref", "type", "size", "time", "actor"],
    key="ref",
)
ENTRY = Schema(
    "entry",
    fields=[
        Field("path", help="in the version; a folder's ends with a slash"),
        Field("ref", help="name:vN of the newest version that has it"),
        Field("kind", help="file, executable, symlink, directory or reference"),
        Field("size", "size", "bytes; of a folder, of all in it"),
        Field("entries", "count", "in a folder"),
        Field("digest", help="BLAKE3: what b3sum prints"),
        Field("target", help="of a symbolic link; of a reference, where the bytes are"),
        Field("version", "object", "the version: digest, aliases, time, actor"),
    ],
    columns=["path", "ref", "kind", "size"],
    key="path",
)


def command(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="REF | DIGEST | PATH | EVENT | RUN", help="what to look up")],
    files: Annotated[bool, typer.Option("--files", help="with all its paths")] = False,
) -> None:
    """Show what is known of a version, of a file or folder in one, of a change, or of a run.

    It is found by reference, by its digest or a part of 12 digits or more, by a path on this disk, or by the id that
    art log prints.
    """
    console: Console = ctx.obj
    repository = console.repository()
    try:
        found = show(repository, what, console.project, Path.cwd())
    except (NotFoundError, UsageError):
        if run := run_words.meant(console, what):
            from artcli.cli.run_show import show_run  # which draws

            show_run(ctx, run.id)
            return
        raise
    reader = Reader(repository, console.warn)
    if found.note:
        console.say(found.note)
    with console.pager():
        if found.event:
            item = event_item(history.tell(repository.catalog, found.event, console.project, reader.value))
            console.record(EVENTS, item, text=lambda: cards.event(console, item))
        elif found.item:
            item = _file_item(found, console.project, reader)
            console.record(ENTRY, item, text=lambda: cards.entry(console, item))
        elif found.version:
            item = _version_item(found, console.project, reader)
            item["provisional"] = found.version.id in repository.provisional()
            _add_runs(item, made(repository, found.version))
            if files:
                entries = manifest.entries(repository.store, found.version.root)
                item["files"] = [os.fsdecode(entry.path) for entry in entries]
            console.record(VERSION, item, text=lambda: cards.version(console, item))


def _version_item(found: Shown, project: str, reader: Reader) -> dict[str, Any]:
    assert found.version
    assert found.artifact
    item = version_item(reader.row(found.version), found.aliases, found.tags, project)
    artifact = reader.row(found.artifact)
    return item | {
        "producer": {name: item[name] for name in ("actor", "machine", "time", "reason")},
        "artifact": {name: getattr(artifact, name) for name in ("description", "note", "keep_last", "created")},
    }


def _add_runs(item: dict[str, Any], known: Made) -> None:
    """The run that made the version, and those that used it."""
    run = known.run
    item["producer"] |= {
        "run": run.id if run else None, "name": run.name if run else None, "job_type": run.job_type if run else None,
        "config": known.config,
    }  # fmt: skip
    item["used_by"] = [run.name for run in known.used_by]


def _file_item(found: Shown, project: str, reader: Reader) -> dict[str, Any]:
    assert found.item
    path, entry = found.item
    version = _version_item(found, project, reader)
    is_link = entry is not None and entry.kind == manifest.SYMLINK
    address = ls.address(entry) if entry is not None else None
    return {
        "path": os.fsdecode(path),
        "ref": version["ref"],
        "kind": ls.kind_of(found.item),
        "size": found.size,
        "entries": None if entry else found.entries,
        "digest": entry.digest.hex() if entry else None,
        "target": os.fsdecode(entry.data or b"") if entry and is_link else address,
        "version": {name: version[name] for name in ("digest", "aliases", "time", "actor")},
    }
