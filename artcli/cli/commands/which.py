"""`art which`: from bytes to the version that they are."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.catalog.fold import TRASH
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import files, ref_of
from artcli.cli.sources import stdin
from artcli.errors import UsageError
from artcli.flows.lineage import which
from artcli.flows.lineage.which import MOST, Known

EXAMPLES = """
art which ./artifacts/dataset:v0
art which ./classes.txt                     # the newest version that has a file of these bytes
cat ./classes.txt | art which -
art which ./classes.txt --field run_name    # which run made it?
"""

WHICH = Schema(
    "which",
    fields=[
        Field("path"),
        Field("ref", help="name:vN, or name:vN/path; of what is modified, of the version that is most alike"),
        Field("state", help="unmodified, modified or unknown"),
        Field("run", help="id of the run that made the version"),
        Field("run_name"),
        Field("version_state", help="of the version: live, or trash"),
        Field("differs", help="what is different, in words; that the version is in the trash"),
        Field("added", "count", "files that the version lacks"),
        Field("modified", "count"),
        Field("deleted", "count", "files that only the version has"),
        Field("shared", "object", "share of the bytes of a large file that the version has too, 0 to 1"),
        Field("id", help="of the fact that made the version"),
        Field("digest", help="of the version"),
    ],
    columns=["path", "ref", "state"],
    key="ref",
)


def command(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH... | -", help="files and directories; -: bytes on stdin")],
    most: Annotated[
        int, typer.Option("--max", metavar="N", min=1, help="compare a directory with so many versions at most")
    ] = MOST,
) -> None:
    """Tell which version a file or directory is, by its bytes, and which run made that.

    Exit code 1: there is a path that is in no version and like none.
    """
    console: Console = ctx.obj
    if paths.count("-") > 1:
        raise UsageError("bad-usage", "there is one stdin", hint="art which --help")
    repository = console.repository()
    items = []
    for path in paths:
        if path == "-":
            known = which.which_bytes(repository, iter(partial(stdin().read, 1 << 20), b""))
        else:
            with console.progress() as progress:
                known = which.which(repository, Path(path), most=most, workers=console.jobs, progress=progress)
        items.append(_item(path, known, console.project))
    more = ["run_name", "differs"] if console.for_person else []
    console.rows(WHICH, items, columns=[*WHICH.columns, *more])
    if any(item["state"] == which.UNKNOWN for item in items):
        raise typer.Exit(1)


def _item(path: str, known: Known, project: str) -> dict[str, Any]:
    version = known.version
    inside = f"/{os.fsdecode(known.path)}" if known.path else ""
    item = {name: value for name, value in known._asdict().items() if name in WHICH.names}
    return item | {
        "path": path,
        "ref": ref_of(version, project) + inside if version else None,
        "version_state": version.state if version else None,
        "differs": _differs(known),
        "id": version.id if version else None,
        "digest": version.digest if version else None,
    }


def _differs(known: Known) -> str:
    counts = ((known.added, "added"), (known.modified, "modified"), (known.deleted, "deleted"))
    words = [f"{files(count)} {what}" for count, what in counts if count]
    if known.shared is not None:
        words.append(f"{known.shared:.0%} of its bytes are the same")
    if known.version is not None and known.version.state == TRASH:
        words.append(f"in the trash: art restore {known.version.ref}")
    return ", ".join(words)
