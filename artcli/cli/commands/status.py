"""`art status`: what became of the directories that hold versions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows.diff import LETTERS, Change, shown_path
from artcli.flows.part import Part
from artcli.flows.status import Status, status
from artcli.wording import printable

EXAMPLES = """
art status                             # each directory that was logged or used, and what changed in it since
art status --files
art status ./artifacts/dataset:v0      # the changed files of one
art status --exit-code                 # exit with 1 if anything changed
"""

COPIES = Schema(
    "copies",
    fields=[
        Field("path", help="the directory"),
        Field("ref", help="the version that it was made to hold"),
        Field("state", help="clean, or what happened to its files"),
        *(Field(name, "count") for name in LETTERS),
        Field("unreadable", "count"),
        Field("clean", "truth"),
        Field("whole", "truth", "false: only parts of the version were brought, and what lies outside is not missing"),
        Field("parts", "words", "these parts, if it is not whole"),
        Field("behind", "count", "newer versions of the artifact"),
        Field("entries", "count"),
        Field("size", "size", "bytes of its files"),
    ],
    columns=["path", "ref", "state", "behind", "size"],
    key="path",
)
CHANGED = Schema(
    "changed-files",
    fields=[
        Field("status", help="A added, D deleted, M modified, R renamed, T of another kind"),
        Field("path"),
        Field("ref", help="the version that its directory holds"),
        Field("old_path", help="what a renamed file was called"),
        Field("size", "size"),
    ],
    columns=["status", "path", "ref", "old_path"],
    key="path",
)


def command(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="directories, or what is in one: shows its files")
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="the files that changed")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="exit with 1 if anything changed")] = False,
) -> None:
    """Show the working copies: which version each holds, what changed in it, and how far it is behind the latest."""
    console: Console = ctx.obj
    repository = console.repository()
    files = files or bool(paths)
    with console.progress() as progress:
        found = list(status(repository, paths or [], Path.cwd(), files=files, workers=console.jobs, progress=progress))
    for copy, _ in found:
        for problem in copy.problems:
            path = printable(str(copy.path / os.fsdecode(problem.path)))
            console.warn(f"not compared: {path}: {problem.reason}")
    if files:
        console.rows(CHANGED, (item for copy, changes in found for item in _files(copy, changes)))
        for copy, _ in found:
            console.say(f"{_shown(copy.path)}  {copy.ref}  {copy.told(',')}")
    else:
        numbers = "," if console.for_person and not console.flags.json else ""
        console.rows(COPIES, (_item(copy, numbers) for copy, _ in found))
    if not found:
        console.say("no directory holds a version; art log-artifact and art use make one")
    if exit_code and not all(copy.is_clean for copy, _ in found):
        raise typer.Exit(1)


def _shown(path: Path) -> str:
    """Relative, if it lies below this directory."""
    return os.path.relpath(path) if Path.cwd() in (path, *path.parents) else str(path)


def _item(copy: Status, numbers: str) -> dict[str, Any]:
    return {
        "path": _shown(copy.path),
        "ref": copy.ref,
        "state": copy.told(numbers),
        **copy.counts,
        "unreadable": copy.unreadable,
        "clean": copy.is_clean,
        "whole": copy.whole,
        "parts": [] if copy.whole else [text for part in copy.parts for text in _words(part)],
        "behind": copy.behind,
        "entries": copy.entries,
        "size": copy.size,
    }


def _words(part: Part) -> list[str]:
    """The globs of a part, below its path."""
    path = os.fsdecode(part.path) if part.path is not None else ""
    return [os.path.join(path, glob) for glob in part.only] or [path]


def _files(copy: Status, changes: list[Change]) -> Iterator[dict[str, Any]]:
    shown = _shown(copy.path)
    top = b"" if shown == "." else os.fsencode(shown)
    for change in changes:
        entry, before = change.after or change.before, change.before
        if entry is not None:
            renamed = change.after is not None and before is not None and before.path != entry.path
            yield {
                "status": LETTERS[change.what],
                "path": os.path.join(top, shown_path(entry)),
                "ref": copy.ref,
                "old_path": os.path.join(top, before.path) if renamed and before is not None else None,
                "size": change.size,
            }
