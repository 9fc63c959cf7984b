"""`art tag`: labels that any number of versions and runs may carry."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli import run_words
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import ref_of
from artcli.errors import UsageError
from artcli.flows import tag
from artcli.flows.runs import changes

EXAMPLES = """
art tag dataset:v0 night rainy       # shown by ls, found by art ls dataset --tag night
art tag --list dataset
art tag --delete dataset:v0 rainy
art tag run:sunny-smoke-1 baseline
"""

TAGGED = Schema(
    "tagged",
    fields=[
        Field("ref", help="name:vN, or run:ID"),
        Field("project"),
        Field("tags", "words", "all that it has now"),
    ],
    columns=["ref", "tags"],
    key="ref",
)

TAGS = Schema(
    "tags",
    fields=[
        Field("tag"),
        Field("versions", "count", "how many live versions carry it"),
        Field("refs", "words", "which"),
    ],
    columns=["tag", "versions", "refs"],
    key="tag",
)


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF|RUN TAG...] | [NAME]", help="a version or run, and labels for it"),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", "-d", help="take the labels off")] = False,
    show: Annotated[bool, typer.Option("--list", "-l", help="list the labels, of one artifact or all")] = False,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="why, for the log")] = None,
) -> None:
    """Put labels on a version or run.

    Other than an alias, a label may be on many versions and runs at once.
    """
    console: Console = ctx.obj
    words = words or []
    repository, project = console.repository(), console.project
    if show:
        if delete or len(words) > 1:
            raise UsageError("bad-usage", "--list takes one name at most", hint="art tag --help")
        found, note = tag.list_tags(repository.catalog, words[0] if words else None, project)
        if note:
            console.say(note)
        refs = [(one.tag, [version.ref for version in one.versions]) for one in found]
        console.rows(TAGS, [{"tag": tag, "versions": len(words), "refs": words} for tag, words in refs])
        return
    if len(words) < 2:
        raise UsageError("bad-usage", "a version or run, and at least one label are needed", hint="art tag --help")
    console.prints(TAGGED)
    if run := run_words.meant(console, words[0]):
        tags = changes.set_tags(repository, run, words[1:], delete, message)
        item = {"ref": run_words.ref_of(run), "project": run.project, "tags": tags}
        console.record(TAGGED, item, receipt=f"{run.name}  {', '.join(tags) or 'no tags'}")
        return
    done = tag.set_tags(repository, words[0], words[1:], project, delete, message)
    if done.note:
        console.say(done.note)
    tags = repository.catalog.tags_of(done.version)
    item = {"ref": ref_of(done.version, project), "project": done.version.project, "tags": tags}
    console.record(TAGGED, item, receipt=f"{item['ref']}  {', '.join(tags) or 'no tags'}")
