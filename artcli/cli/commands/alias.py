"""`art alias`: names that move."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import ref_of
from artcli.errors import UsageError
from artcli.flows import alias
from artcli.flows.alias import Named

EXAMPLES = """
art alias model:v0 best deployed            # both names now mean v0
art alias --list model
art alias --protect model:best -m "on the car since today"
art alias --unprotect model:best
art alias --delete model:best model:deployed
"""

ALIASED = Schema(
    "aliased",
    fields=[
        Field("ref", help="name:vN"),
        Field("project"),
        Field("aliases", "words", "all that it has now"),
    ],
    columns=["ref", "aliases"],
    key="ref",
)

ALIASES = Schema(
    "aliases",
    fields=[
        Field("alias", help="name:alias"),
        Field("ref", help="name:vN, where it leads"),
        Field("protected", "truth", "neither moves nor vanishes"),
        Field("changed", "time", "when it came there"),
        Field("project"),
    ],
    columns=["alias", "ref", "protected", "changed"],
    key="alias",
)


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF ALIAS...] | [NAME:ALIAS...]", help="a version and names for it, or names"),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", "-d", help="forget the names NAME:ALIAS")] = False,
    show: Annotated[bool, typer.Option("--list", "-l", help="list the names, of one artifact or all")] = False,
    protect: Annotated[bool, typer.Option("--protect", help="let NAME:ALIAS neither move nor vanish")] = False,
    unprotect: Annotated[bool, typer.Option("--unprotect", help="let NAME:ALIAS move again")] = False,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Let names such as best lead to a version.

    A name leads to one version of an artifact at a time; giving it to another one moves it. The name latest moves by
    itself.
    """
    console: Console = ctx.obj
    words = words or []
    repository, project = console.repository(), console.project
    if delete + show + protect + unprotect > 1 or not (words or show) or (show and len(words) > 1):
        raise UsageError("bad-usage", "one thing at a time, and it needs a name", hint="art alias --help")
    if show:
        found = alias.list_aliases(repository.catalog, words[0] if words else None, project)
        _notes(console, found)
        console.rows(ALIASES, [_item(item, project) for item in found])
    elif delete:
        console.prints(ALIASES)
        found = alias.remove_aliases(repository, words, project, message)
        _notes(console, found)
        console.lines(ALIASES, [_item(item, project) for item in found])
        console.say("  ".join(f"{item.artifact.name}:{item.alias.alias} is gone" for item in found))
    elif protect or unprotect:
        console.prints(ALIASES)
        found = alias.protect(repository, words, project, protect, message)
        _notes(console, found)
        console.lines(ALIASES, [_item(item, project) for item in found])
        verb = "stays at" if protect else "may leave"
        console.say("  ".join(f"{item.alias.alias} {verb} {item.version.ref}" for item in found))
    else:
        _set(console, words, message)


def _set(console: Console, words: list[str], message: str | None) -> None:
    ref, *names = words
    if not names:
        raise UsageError("bad-usage", f"no alias for {ref!r} is given", hint=f"art alias {ref} best")
    console.prints(ALIASED)
    repository = console.repository()
    moved = alias.set_aliases(repository, ref, names, console.project, message)
    if moved.note:
        console.say(moved.note)
    aliases = repository.catalog.aliases_of(moved.version)
    item = {"ref": ref_of(moved.version, console.project), "project": moved.version.project, "aliases": aliases}
    console.record(ALIASED, item, receipt=f"{item['ref']}  {', '.join(aliases)}")


def _item(found: Named, project: str) -> dict[str, Any]:
    prefix = "" if found.artifact.project == project else f"{found.artifact.project}/"
    return {
        "alias": f"{prefix}{found.artifact.name}:{found.alias.alias}",
        "ref": ref_of(found.version, project),
        "protected": found.alias.protected,
        "changed": found.alias.time,
        "project": found.artifact.project,
    }


def _notes(console: Console, found: list[Named]) -> None:
    for note in dict.fromkeys(item.note for item in found if item.note):
        console.say(note)
