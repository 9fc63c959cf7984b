"""`art demo`: a repository to play with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import join, quote
from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows.demo import TRY, playground
from artcli.flows.meant import given

EXAMPLES = """
art demo playground     # a small repository of real pictures and models, made by the commands that it shows
"""

PLAYGROUND = Schema(
    "playground",
    fields=[Field("path", help="the directory"), Field("commands", "words", help="what was run in it")],
    columns=["path"],
    key="path",
)


def command(
    ctx: typer.Context,
    directory: Annotated[str, typer.Argument(metavar="DIR", help="where; it must be new or empty")],
) -> None:
    """Make a repository to play with: pictures of a small car, versions of them, and models that learned from them.

    The commands that make it are shown as they are run. Nothing outside DIR is touched; delete it when you are done.
    """
    console: Console = ctx.obj
    place = Path(given(directory)).absolute()
    ran = []
    for step in playground(place):
        console.say(console.style(step.title, "bold", console.err))
        step.change()
        for words in step.commands:
            console.say(f"  art {join(words)}")
            _run(place, words)
            ran.append("art " + join(words))
    console.say("\nIt is made. Some commands to try in it:")
    width = max(len(line) for line, _ in TRY)
    for line, meaning in (("cd " + quote(directory), ""), *TRY):
        console.say(f"  {line:{width}}  {'# ' if meaning else ''}{meaning}".rstrip())
    console.record(PLAYGROUND, {"path": os.fsencode(place), "commands": ran})


def _run(place: Path, words: tuple[str, ...]) -> None:
    """Run `art words…` in the playground, in this process; only its errors are shown."""
    from artcli.cli.main import run

    with _apart():
        code = run(["-C", str(place), "-qq", *words])
    if code:
        raise typer.Exit(code)


@contextmanager
def _apart() -> Iterator[None]:
    """`-C` ends with the block, and a repository that the environment names is out of reach."""
    here, chosen = Path.cwd(), os.environ.pop("ART_DIR", None)
    try:
        yield
    finally:
        os.chdir(here)
        if chosen is not None:
            os.environ["ART_DIR"] = chosen
