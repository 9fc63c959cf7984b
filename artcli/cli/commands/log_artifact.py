"""`art log-artifact`: a directory becomes a version."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.cli import values
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import PartialError, UsageError
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.flows import arrange, log_artifact
from artcli.flows.log_artifact import Logged, Request
from artcli.flows.revise import Changes, Taken

EXAMPLES = """
art log-artifact dataset ./data                           # dataset:v0, then v1, v2 …; only new chunks are stored
art log-artifact model ./model.npy -a best -M accuracy=0.93
art log-artifact dataset --base dataset:v0 --add ./more   # v0 and what is in ./more; v0's bytes are not needed
art log-artifact dataset --base dataset:latest --rm '*.tmp'
tar -c ./data | art log-artifact archive --stdin-as data.tar
"""

LOGGED = Schema(
    "logged",
    fields=[
        Field("ref", help="name:vN"),
        Field("name"),
        Field("version", help="vN"),
        Field("project"),
        Field("type"),
        Field("digest", help="of the content"),
        Field("created", "truth", "false: the newest version has this content already"),
        Field("dry_run", "truth"),
        Field("entries", "count", "files, links and empty directories"),
        Field("size", "size"),
        Field("new_entries", "count", "entries whose content was new"),
        Field("new_size", "size", "bytes of content that were new"),
        Field("stored", "size", "bytes added to the store"),
        Field("problems", "object", "what is not in the version, and why"),
        Field("trashed", "words", "older versions beyond keep-last"),
        Field("seconds", "object"),
    ],
    columns=["ref"],
    key="ref",
)


def command(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="the artifact's name")],
    paths: Annotated[list[str] | None, typer.Argument(metavar="[PATH[:DEST]]...", help="directories and files")] = None,
    type: Annotated[str | None, typer.Option("--type", "-t", metavar="TYPE", help="dataset, model, …")] = None,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", "-a", metavar="ALIAS", help="a name that moves to this version")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="a label for this version")] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", metavar="TEXT", help="what this version is")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", "-M", metavar="KEY=VALUE|@FILE", help="facts about it, as JSON")
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="why, for the log")] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="REF", help="begin with what this version holds")
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="PATH|REF[/PATH][:DEST]", help="add files, or what another version holds"),
    ] = None,
    rm: Annotated[list[str] | None, typer.Option("--rm", metavar="GLOB", help="leave out of the base")] = None,
    mv: Annotated[
        list[str] | None, typer.Option("--mv", metavar="OLD=NEW", help="rename a file or folder of the base")
    ] = None,
    include: Annotated[list[str] | None, typer.Option("--include", metavar="GLOB", help="only these")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="GLOB", help="not these")] = None,
    no_ignore: Annotated[bool, typer.Option("--no-ignore", help="do not read .artignore files")] = False,
    files_from: Annotated[
        Path | None, typer.Option("--files-from", metavar="FILE", help="a list of files, one a line; - is stdin")
    ] = None,
    zero: Annotated[bool, typer.Option("--zero", "-0", help="the list is separated by NUL, not by lines")] = False,
    stdin_as: Annotated[
        str | None, typer.Option("--stdin-as", metavar="PATH", help="keep standard input as this file")
    ] = None,
    new_version: Annotated[bool, typer.Option("--new-version", help="even if nothing changed")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="even if there is nothing")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="leave out what cannot be read; exit 3")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be logged")] = False,
) -> None:
    """Make a version of a directory, a file, or several.

    One directory gives its contents; of several paths each goes under its own name; PATH:DEST decides otherwise.
    The same content as the newest version makes no new one. .artignore files have gitignore's rules.
    """
    console: Console = ctx.obj
    repository = console.repository()
    local, taken = _added(add or [])
    request = Request(
        name=name,
        project=console.project,
        sources=_sources([*(paths or []), *local], files_from, zero),
        rules=Rules(tuple(include or ()), tuple(exclude or ()), not no_ignore),
        stream=(os.fsencode(stdin_as), _stdin()) if stdin_as is not None else None,
        base=base,
        changes=Changes(tuple(map(os.fsencode, rm or ())), tuple(map(_move, mv or ())), taken),
        type=type,
        aliases=alias or (),
        tags=tag or (),
        description=description,
        metadata=values.pairs(metadata or ()),
        reason=message,
        new_version=new_version,
        allow_empty=allow_empty,
        keep_going=keep_going,
        dry_run=dry_run,
        workers=console.jobs,
    )
    if not (request.sources or stdin_as or base or taken):
        raise UsageError("nothing-to-log", "say what to log", hint=f"art log-artifact {name} ./data")
    with console.progress() as progress:
        logged = log_artifact.log_artifact(repository, request, progress)
    for problem in logged.problems:
        console.warn(f"left out: {os.fsdecode(problem.path)}: {problem.reason}")
    console.record(LOGGED, _item(logged, request), receipt=_receipt(console, logged, request), summary=True)
    if logged.problems:
        raise PartialError("files-left-out", f"{len(logged.problems)} files are not in the version")


def _added(words: list[str]) -> tuple[list[str], tuple[Taken, ...]]:
    """Paths of the disk, and what comes from other versions: what exists as a path is a path."""
    local, taken = [], []
    for word in words:
        path, _ = arrange.split(word, os.getcwd())
        if os.path.lexists(path) or ":" not in word.replace("art://", ""):
            local.append(word)
            continue
        ref, dest = word, None
        if word.count(":") - word.count("://") > 1:
            ref, _, dest = word.rpartition(":")
        taken.append(Taken(ref, None if dest is None else os.fsencode(dest)))
    return local, tuple(taken)


def _sources(paths: list[str], files_from: Path | None, zero: bool) -> list[Source]:
    found = arrange.sources(paths, os.getcwd())
    if files_from is not None:
        data = sys.stdin.buffer.read() if str(files_from) == "-" else files_from.read_bytes()
        names = [name for name in data.split(b"\0" if zero else b"\n") if name]
        found += arrange.listed(names, os.getcwd())
    return found


def _move(text: str) -> tuple[bytes, bytes]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise UsageError("bad-value", f"a move is given as OLD=NEW: {text!r}")
    return os.fsencode(old), os.fsencode(new)


def _stdin() -> Iterator[bytes]:
    while block := sys.stdin.buffer.read(1 << 20):
        yield block


def _item(logged: Logged, request: Request) -> dict[str, Any]:
    version = logged.version
    return {
        "ref": version.ref if version else request.name,
        "name": version.name if version else request.name,
        "version": f"v{version.number}" if version else None,
        "project": version.project if version else request.project,
        "type": version.type if version else logged.type,
        "digest": logged.root.content.hex(),
        "created": logged.created,
        "dry_run": request.dry_run,
        "entries": logged.root.entries,
        "size": logged.root.size,
        "new_entries": logged.new_entries,
        "new_size": logged.new_size,
        "stored": logged.stored,
        "problems": [{"path": os.fsdecode(item.path), "reason": item.reason} for item in logged.problems],
        "trashed": [item.ref for item in logged.trashed],
        "seconds": round(logged.seconds, 3),
    }


def _receipt(console: Console, logged: Logged, request: Request) -> str:
    ref = logged.version.ref if logged.version else request.name
    if not logged.created:
        return f"{ref}  has this content already  {logged.root.entries} files"
    verb = "would add" if request.dry_run else "+"
    what = f"{verb}{logged.new_entries} of {logged.root.entries} files".replace("add", "add ")
    kind = f"  type {logged.type}: {logged.type_reason}" if logged.type_reason else ""
    return f"{ref}  {what}  {console.size(logged.new_size)} new  {logged.seconds:.1f} s{kind}"
