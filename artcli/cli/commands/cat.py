"""`art cat`: the bytes of files in versions."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows import cat
from artcli.flows.cat import Opened
from artcli.wording import harmless

EXAMPLES = """
art cat dataset:v0/classes.txt
art cat dataset:latest/labels.csv | head -3
art cat model:best/model.npy --range 0-127 > header   # only the chunks that these bytes lie in are read
"""

FILE = Schema(
    "file",
    fields=[Field("path"), Field("ref", help="name:vN"), Field("size", "size"), Field("digest", help="BLAKE3")],
    columns=["path", "size"],
    key="path",
)
TEXT_LIMIT = 1 << 20
"""Bytes of a text that a terminal is shown."""


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF/PATH...", help="files in versions")],
    wanted: Annotated[
        str | None, typer.Option("--range", metavar="A-B", help="bytes A to B, both included; A- or -N: to the end")
    ] = None,
) -> None:
    """Print the bytes of files, one after the other, each verified before it leaves.

    A version of one file needs no path. With --json only what the files are is printed.
    """
    console: Console = ctx.obj
    repository = console.repository()
    opened = cat.find(repository, refs, console.project, cat.span(wanted) if wanted else None)
    for note in dict.fromkeys(item.note for item in opened if item.note):
        console.say(note)
    if console.flags.want_items:
        console.rows(FILE, map(_item, opened))
        return
    for item in opened:
        blocks = cat.read(repository, item, console.jobs)
        text = _text(b"".join(blocks)) if console.for_person and item.size <= TEXT_LIMIT else None
        if text is not None:
            if text:
                console.text(text)
            continue
        out = console.bytes_out()
        for block in blocks:
            out.write(block)


def _text(data: bytes) -> str | None:
    """What a terminal may be shown: text without control characters; None for other bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None  # the docstring's other bytes
    return text if harmless(text, colored=False) == text else None


def _item(item: Opened) -> dict[str, object]:
    entry = item.entry
    return {"path": entry.path, "ref": item.version.ref, "size": entry.size, "digest": entry.digest.hex()}
