"""`art export`: a version as one archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import files
from artcli.errors import PartialError
from artcli.flows import export
from artcli.flows.export import Export
from artcli.flows.meant import given
from artcli.flows.references.bring import paths
from artcli.flows.references.reference import shown_path

EXAMPLES = """
art export dataset:v0                        # ./dataset-v0.tar
art export dataset:v0 -o dataset.zip
art export dataset:v0 --format tar -o - | tar -t | head -3
"""

EXPORTED = Schema(
    "exported",
    fields=[
        Field("path", help="the archive"),
        Field("ref", help="name:vN"),
        Field("digest"),
        Field("format"),
        Field("entries", "count"),
        Field("size", "size", "bytes of the files"),
        Field("archive_size", "size", "bytes of the archive"),
        Field("left_out", "words", "entries whose bytes are kept elsewhere, and could not be had"),
        Field("seconds", "object"),
    ],
    columns=["path"],
    key="path",
)


def command(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF[/PATH]", help="a version, or a folder or file of one")],
    format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="tar or zip; by default as the file's name says")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE|-", help="write this file; - is standard output")
    ] = None,
) -> None:
    """Write a version as one archive, verified on the way.

    The same version gives the same bytes everywhere: times are fixed, nothing is compressed. Symbolic links, executable
    files, empty folders and any name are kept. An existing file is never overwritten.
    """
    console: Console = ctx.obj
    repository = console.repository()
    format = format or export.format_of(output)
    with console.progress() as progress:
        archive = Export(repository, ref, console.project, format, workers=console.jobs, progress=progress)
        if output == "-":
            out = console.bytes_out()
            for block in archive.blocks():
                out.write(block)
        else:
            path = Path(archive.name if output is None else given(output))
            archive.write(path)
    if archive.note:
        console.say(archive.note)
    item, receipt = _item(archive, output), _receipt(console, archive)
    if output == "-":
        console.say(receipt)
    else:
        console.record(EXPORTED, item, receipt=receipt)
    if left_out := archive.done.left_out:
        message = f"left out, for their bytes could not be had: {files(len(left_out))}"
        facts = [f"{shown_path(item.path)}: {item.error.message}" for item in left_out[:10]]
        raise PartialError("references-left-out", message, facts=facts)


def _item(archive: Export, output: str | None) -> dict[str, Any]:
    done, version = archive.done, archive.version
    return {
        "path": archive.name if output is None else output,
        "ref": version.ref,
        "digest": version.digest,
        "format": archive.format,
        "entries": done.entries,
        "size": done.size,
        "archive_size": done.archive,
        "left_out": paths(done.left_out),
        "seconds": round(done.seconds, 3),
    }


def _receipt(console: Console, archive: Export) -> str:
    done = archive.done
    return f"{archive.version.ref}  {files(done.entries)}  {console.size(done.archive)}  {done.seconds:.1f} s"
