"""`art use`: a version becomes a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows import use
from artcli.flows.use import Request, Used

EXAMPLES = """
cd "$(art use dataset:latest)"                # ./artifacts/dataset:v3
art use dataset:v0 --root ./data              # a directory that holds another version is switched in place
art use dataset:v0 --only 'train/*' --only classes.txt
art use dataset:v0 --root ./data --exact      # and remove what does not belong
"""

USED = Schema(
    "used",
    fields=[
        Field("path", help="the directory, or the file or folder that the reference names"),
        Field("ref", help="name:vN"),
        Field("digest"),
        Field("written", "count", "entries written"),
        Field("size", "size", "bytes written"),
        Field("kept", "count", "entries that were right already"),
        Field("removed", "count"),
        Field("rescued", "words", "your files that had to make room"),
        Field("rescued_to", help="where they are now"),
        Field("references", "words", "entries whose bytes are kept elsewhere"),
        Field("dry_run", "truth"),
        Field("seconds", "object"),
    ],
    columns=["path"],
    key="path",
)


def command(
    ctx: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF[/PATH]...", help="versions to bring")],
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help="into this directory")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="GLOB", help="only these paths")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="remove what does not belong")] = False,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="fail if it is of another type")] = None,
    zero: Annotated[bool, typer.Option("--zero", "-0", help="end each path with NUL")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be done")] = False,
) -> None:
    """Bring versions into directories, verified, and print where.

    What is right already is left alone, what changed is repaired; files of yours that would be overwritten, and that
    no version holds, are moved aside first.
    """
    console: Console = ctx.obj
    if root is not None and len(refs) > 1:
        raise UsageError("one-root", "--root takes one version", hint=f"art use {refs[0]} --root {root}")
    repository = console.repository()
    results = []
    for ref in refs:
        request = Request(
            ref=ref,
            project=console.project,
            directory=Path.cwd(),
            root=root,
            only=only or (),
            exact=exact,
            type=type,
            dry_run=dry_run,
            workers=console.jobs,
        )
        with console.progress() as progress:
            used = use.use(repository, request, progress)
        if used.note:
            console.say(used.note)
        if used.rescued.paths:
            console.say(f"{len(used.rescued.paths)} of your files made room; they are in {used.rescued.folder}")
        console.say(_receipt(console, used, dry_run))
        results.append(_item(used, dry_run))
    console.lines(USED, results, end="\0" if zero else "\n")


def _item(used: Used, dry_run: bool) -> dict[str, Any]:
    plan = used.plan
    return {
        "path": str(used.path),
        "ref": used.version.ref,
        "digest": used.version.digest,
        "written": plan.write,
        "size": plan.size,
        "kept": plan.keep,
        "removed": len(plan.remove),
        "rescued": [os.fsdecode(path) for path in used.rescued.paths],
        "rescued_to": str(used.rescued.folder) if used.rescued.paths else None,
        "references": used.references,
        "dry_run": dry_run,
        "seconds": round(used.seconds, 3),
    }


def _receipt(console: Console, used: Used, dry_run: bool) -> str:
    plan = used.plan
    verb = "would write" if dry_run else "wrote"
    done = (
        f"{verb} {plan.write} of {plan.write + plan.keep} files, {console.size(plan.size)}"
        if plan.write
        else "in place"
    )
    removed = f"  {'would remove' if dry_run else 'removed'} {len(plan.remove)}" if plan.remove else ""
    return f"{used.version.ref}  {done}{removed}  {used.seconds:.1f} s"
