"""`art edit`: what is said about artifacts, versions and runs."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.catalog import texts
from artcli.catalog.repository import Repository
from artcli.cli import run_words, values
from artcli.cli.console import Console
from artcli.cli.editor import edit_file
from artcli.cli.formatting import Field, Schema
from artcli.errors import ArtError, UsageError
from artcli.flows import edit, edit_text
from artcli.flows.edit import Edits
from artcli.flows.texts import readable

EXAMPLES = """
art edit model:v0 --set stage=production --set lr=0.1
art edit model:v0 --unset stage -m "taken off the car"
art edit dataset --description "what the car's camera saw"
art edit dataset --note "Collected on the table."
art edit model --keep-last 5           # older versions without an alias go to the trash
art edit model --rename net            # the old name goes on leading here
art edit run:sunny-smoke-1 --note "Too few nights in it." --rename first-try
"""

EDITED = Schema(
    "edited",
    fields=[
        Field("ref", help="the version, the artifact by its new name, or run:ID"),
        Field("changed", "words", "what has changed"),
    ],
    columns=["ref", "changed"],
    key="ref",
)


def command(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="REF | NAME | RUN", help="a version, an artifact with all its versions, a run")
    ],
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="what it is, in a line; empty: none")
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="what to know of it, in Markdown; empty: none")
    ] = None,
    note_file: Annotated[
        str | None, typer.Option("--note-file", "-F", metavar="FILE", help="the note from a file; -: from stdin")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE|@FILE", help="metadata: JSON or text; repeatable")
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", metavar="KEY", help="metadata to remove")] = None,
    rename: Annotated[
        str | None, typer.Option("--rename", metavar="NEW", help="a new name for the artifact or run")
    ] = None,
    keep_last: Annotated[
        int | None,
        typer.Option("--keep-last", metavar="N", min=0, help="keep N versions besides those with an alias; 0: all"),
    ] = None,
    job_type: Annotated[str | None, typer.Option("--job-type", metavar="TYPE", help="of a run; empty: none")] = None,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="of a run; empty: none")] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Change the description, note or metadata of a version, or description, note and name of an artifact or run.

    Every change is kept with its old value: art audit shows it, art undo takes it back. Without an option all of it
    opens in an editor.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    if note_file is not None:
        if note is not None:
            raise UsageError("bad-usage", "--note and --note-file are two notes", hint="art edit --help")
        note = _read(note_file)
    edits = Edits(description, note, values.pairs(set_ or ()), unset or (), rename, keep_last)
    if run := run_words.meant(console, ref):
        told = run_words.edited(console, run, edits, job_type, group, message)
        name = run_words.name_of(repository, run)
        console.record(EDITED, {"ref": run_words.ref_of(run), "changed": told}, receipt=f"{name}  {_told(told)}")
        return
    if job_type is not None or group is not None:
        raise UsageError("bad-usage", "--job-type and --group are said of runs", hint="art edit --help")
    if edits == Edits():
        row, _ = edit.target(repository.catalog, ref, project)
        edits = _in_editor(console, repository, row)
    done = edit.edit(repository, ref, edits, project, message)
    if done.note:
        console.say(done.note)
    changed = [_name(fact.kind, fact.data) for fact in done.facts]
    console.record(EDITED, {"ref": done.ref, "changed": changed}, receipt=f"{done.ref}  {_told(changed)}")


def _told(changed: Sequence[str]) -> str:
    return f"{', '.join(changed)} changed" if changed else "nothing to change"


def _in_editor(console: Console, repository: Repository, row: Any) -> Edits:
    row = readable(repository, row)
    handle, name = tempfile.mkstemp(prefix="art-", suffix=".md")
    path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(edit_text.document(row))
    try:
        edit_file(console, path, console.again("--note", "TEXT"))
        edits = edit_text.edits_of(path.read_text(encoding="utf-8"), row)
    except ArtError as error:
        if error.slug != "bad-edit-text":
            path.unlink(missing_ok=True)
            raise
        raise UsageError(error.slug, error.message, facts=[f"your text is kept in {path}"], hint=error.hint) from None
    path.unlink(missing_ok=True)
    return edits


def _read(name: str) -> str:
    if name == "-" and sys.stdin.isatty():
        raise UsageError("stdin-is-terminal", "stdin, from where a text is to come, is a terminal", hint="art edit -h")
    with contextlib.nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
        data = file.read(texts.TEXT_SIZE + 1)
    if len(data) > texts.TEXT_SIZE:
        raise texts.too_long()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("unfit-value", f"a note is text in UTF-8: {error}", hint="art help unfit-value") from None


def _name(kind: str, data: Any) -> str:
    return "name" if kind == "rename" else data["key"] if data["field"] == "metadata" else data["field"]
