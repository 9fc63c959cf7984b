"""`art log-artifact`: a directory becomes a version."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from artcli.cli import logged as logged_as
from artcli.cli import recording, sources, values
from artcli.cli.console import Console
from artcli.cli.logged import LOGGED as LOGGED
from artcli.cli.pushing import Push, push_after
from artcli.cli.recording import NoRecord, RunOption
from artcli.cli.referring import MaxObjects, NoChecksum, Referring, referred
from artcli.errors import UsageError
from artcli.files.ignore import Rules
from artcli.flows import log_artifact
from artcli.flows.log_artifact import Request
from artcli.flows.revise import Changes
from artcli.flows.runs import pins

EXAMPLES = """
art log-artifact dataset ./data                           # dataset:v0, then v1, v2 …; only new chunks are stored
art log-artifact model ./model.npy -a best -M accuracy=0.93
art log-artifact dataset --base dataset:v0 --add ./more   # v0 and what is in ./more; v0's bytes are not needed
art log-artifact dataset --base dataset:latest --rm '*.tmp'
art log-artifact far --ref file://./data                   # addresses, not bytes; also https:// and s3://
tar -c ./data | art log-artifact archive --stdin-as data.tar
"""


Paths = Annotated[list[str] | None, typer.Argument(metavar="[PATH[:DEST]]...", help="directories and files")]
Type = Annotated[str | None, typer.Option("--type", "-t", metavar="TYPE", help="dataset, model, …")]
Aliases = Annotated[
    list[str] | None, typer.Option("--alias", "-a", metavar="ALIAS", help="a name that moves to this version")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="a label for this version")]
Description = Annotated[str | None, typer.Option("--description", "-d", metavar="TEXT", help="what this version is")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", "-M", metavar="KEY=VALUE|@FILE", help="facts about it, as JSON")
]
Message = Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="why, for the log")]
Base = Annotated[str | None, typer.Option("--base", metavar="REF", help="begin with what this version holds")]
Added = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="PATH|REF[/PATH][:DEST]", help="add files, or what another version holds"),
]
Removed = Annotated[list[str] | None, typer.Option("--rm", metavar="GLOB", help="leave out of the base")]
Moved = Annotated[list[str] | None, typer.Option("--mv", metavar="OLD=NEW", help="rename a file or folder of the base")]
Include = Annotated[list[str] | None, typer.Option("--include", metavar="GLOB", help="only these")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", metavar="GLOB", help="not these")]
NoIgnore = Annotated[bool, typer.Option("--no-ignore", help="do not read .artignore files")]
FilesFrom = Annotated[
    Path | None, typer.Option("--files-from", metavar="FILE", help="a list of files, one a line; - is stdin")
]
Zero = Annotated[bool, typer.Option("--zero", "-0", help="the list is separated by NUL, not by lines")]
StdinAs = Annotated[str | None, typer.Option("--stdin-as", metavar="PATH", help="keep standard input as this file")]
NewVersion = Annotated[bool, typer.Option("--new-version", help="even if nothing changed")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="even if there is nothing")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="leave out what cannot be read; exit 3")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="only say what would be logged")]


def command(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="the artifact's name")],
    paths: Paths = None,
    type: Type = None,
    alias: Aliases = None,
    tag: Tags = None,
    description: Description = None,
    metadata: Metadata = None,
    message: Message = None,
    base: Base = None,
    add: Added = None,
    ref: Referring = None,
    max_objects: MaxObjects = None,
    no_checksum: NoChecksum = False,
    rm: Removed = None,
    mv: Moved = None,
    include: Include = None,
    exclude: Exclude = None,
    no_ignore: NoIgnore = False,
    files_from: FilesFrom = None,
    zero: Zero = False,
    stdin_as: StdinAs = None,
    new_version: NewVersion = False,
    allow_empty: AllowEmpty = False,
    keep_going: KeepGoing = False,
    run: RunOption = None,
    no_record: NoRecord = False,
    push: Push = None,
    dry_run: DryRun = False,
) -> None:
    """Make a version of a directory, a file, or several.

    One directory gives its contents; of several paths each goes under its own name; PATH:DEST decides otherwise.
    The same content as the newest version makes no new one. .artignore files have gitignore's rules.
    """
    console: Console = ctx.obj
    repository = console.repository()
    active = recording.recorded_in(console, repository, run, no_record)
    local, versions = sources.added(add or [])
    meant = partial(pins.meant, repository.catalog, project=console.project, run=active)
    taken = tuple(part._replace(ref=meant(part.ref)) for part in versions)
    request = Request(
        name=name,
        project=console.project,
        sources=sources.sources([*(paths or []), *local], files_from, zero),
        rules=Rules(tuple(include or ()), tuple(exclude or ()), not no_ignore),
        stream=(os.fsencode(stdin_as), sources.blocks()) if stdin_as is not None else None,
        references=[referred(word, not no_checksum, max_objects) for word in ref or ()],
        base=base and meant(base),
        changes=Changes(tuple(map(os.fsencode, rm or ())), tuple(map(sources.move, mv or ())), taken),
        type=type,
        aliases=alias or (),
        tags=tag or (),
        description=description,
        metadata=values.pairs(metadata or ()),
        reason=message,
        run=active,
        new_version=new_version,
        allow_empty=allow_empty,
        keep_going=keep_going,
        dry_run=dry_run,
        planes=console.settings.truth("store.planes"),
        workers=console.jobs,
    )
    if not (request.sources or stdin_as or base or taken or ref):
        raise UsageError("nothing-to-log", "say what to log", hint=f"art log-artifact {name} ./data")
    if not console.flags.yes:
        sources.check_meant(request.sources, console.again("--yes"))
    with console.progress() as progress:
        logged = log_artifact.log_artifact(repository, request, progress)
    logged_as.tell(console, logged, request)
    if not dry_run:
        push_after(console, push)
    logged_as.check_whole(logged)
