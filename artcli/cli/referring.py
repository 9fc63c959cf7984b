"""The options of references: what is kept by its address alone."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from artcli.flows import arrange
from artcli.flows.references.add import Referred

Referring = Annotated[
    list[str] | None,
    typer.Option("--ref", metavar="URI[:DEST]", help="keep the address of what lies elsewhere, not its bytes"),
]
MaxObjects = Annotated[
    int | None, typer.Option("--max-objects", metavar="N", min=1, help="files that one --ref may stand for")
]
NoChecksum = Annotated[bool, typer.Option("--no-checksum", help="of --ref keep the address alone, and ask nobody")]


def referred(word: str, checksum: bool, most: int | None) -> Referred:
    """What `URI[:DEST]` refers to. A colon before the first slash of the path belongs to the address, and so does one
    in the name of a file that is there.
    """
    scheme, _, rest = word.partition("://")
    address, slash, path = rest.partition("/")
    there = scheme.lower() == "file" and os.path.lexists(rest)
    before, colon, dest = path.rpartition(":")
    if not (slash and colon) or there:
        return Referred(word, None, checksum, most)
    return Referred(f"{scheme}://{address}/{before}", arrange.place(dest) or None, checksum, most)
