"""Versions in one file, to be carried to where no network reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema, counted
from artcli.flows import bundle, remotes
from artcli.flows.meant import given
from artcli.flows.runs import edges

EXAMPLES = """
art bundle create car.artb model:latest            # the version, its run, and what is known of both
art bundle create trip.artb dataset:v1 --since dataset:v0
art bundle create rest.artb --since-remote nas     # all that nas had not when it was last heard of
art bundle verify car.artb
"""

BUNDLE = Schema(
    "bundle",
    fields=[
        Field("path", help="the file"),
        Field("size", "size", "its bytes"),
        Field("versions", "words", "what is in it"),
        Field("since", "words", "versions that it builds upon: the other side must have them"),
        Field("chunks", "count"),
    ],
    columns=["path"],
    key="path",
)

File = Annotated[str, typer.Argument(metavar="FILE", help="the bundle")]


def create(
    ctx: typer.Context,
    file: File,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF]...", help="versions that go into it")] = None,
    since: Annotated[
        list[str] | None, typer.Option("--since", metavar="REF", help="a version that the other side has")
    ] = None,
    since_remote: Annotated[
        str | None, typer.Option("--since-remote", metavar="NAME", help="the other side has what this remote has")
    ] = None,
) -> None:
    """Write versions into one file, with the runs that logged them and the history that gives their numbers.

    What the other side has already is left out if it is named. Without a REF all goes in that the remote has not.
    """
    console: Console = ctx.obj
    repository = console.repository()
    chosen, base = (edges.named(repository.catalog, names or [], console.project) for names in (refs, since))
    place = remotes.as_seen(repository, since_remote) if since_remote is not None else None
    path = Path(given(file))
    try:
        with console.progress() as progress:
            made = bundle.create(repository, path, chosen, since=base, place=place, progress=progress)
    finally:
        if place is not None:
            place.close()
    receipt = f"{_versions(made.versions)}, {counted(made.chunks, 'chunk')}, {console.size(made.size)}"
    console.record(BUNDLE, _item(path, made.size, made.versions, made.since, made.chunks), receipt=receipt)


def verify(ctx: typer.Context, file: File) -> None:
    """Compare every byte of a bundle, and say what is in it."""
    console: Console = ctx.obj
    path = Path(given(file))
    with console.progress() as progress:
        checked = bundle.verify(path, progress)
    header = checked.header
    receipt = f"whole: {_versions(header.versions)}, {console.size(checked.size)}"
    console.record(BUNDLE, _item(path, checked.size, header.versions, header.since, checked.chunks), receipt=receipt)


SUBCOMMANDS = {"create": create, "verify": verify}


def _versions(named: list[bundle.Named]) -> str:
    return counted(len(named), "version")


def _item(
    path: Path, size: int, versions: list[bundle.Named], since: list[bundle.Named], chunks: int
) -> dict[str, Any]:
    return {
        "path": str(path), "size": size, "versions": [one.ref for one in versions],
        "since": [one.ref for one in since], "chunks": chunks,
    }  # fmt: skip
