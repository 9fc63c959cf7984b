"""`art diff`: what differs between versions, or between a version and a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shlex import join
from typing import Annotated, Any

import typer

from artcli.cli import differences, run_words
from artcli.cli.console import Console
from artcli.cli.differences import DIFFERENCES, METADATA, STAT, SUMMARY
from artcli.errors import NotFoundError, UsageError
from artcli.flows import compared, textdiff
from artcli.flows.diff import Change, Comparison, Statistics, metadata
from artcli.flows.texts import Reader
from artcli.store.store import Store
from artcli.wording import printable

EXAMPLES = """
art diff dataset:v0 dataset:v1             # A added, D deleted, M modified, R renamed, T of another kind
art diff                                   # the working copy that was changed
art diff dataset:v1                        # with its working copy if that was changed, or else with the version before
art diff dataset:v0 dataset:v1 --stat      # by folder and by suffix
art diff dataset:v0 ./data --content -- classes.txt
art diff dataset:v0 dataset:v1 --metadata
"""


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[A] [B] [-- PATH...]", help="versions or directories; paths in them")
    ] = None,
    stat: Annotated[bool, typer.Option("--stat", help="counts by folder and by suffix")] = False,
    name_status: Annotated[bool, typer.Option("--name-status", help="only letters and names")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="only counts")] = False,
    meta: Annotated[bool, typer.Option("--metadata", help="what is said of the versions, not what is in them")] = False,
    content: Annotated[bool, typer.Option("--content", help="lines of text files of up to 256 KiB")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="exit with 1 if anything differs")] = False,
) -> None:
    """Show which files differ; renamed ones are found by their content.

    A directory is taken as log-artifact would take it. --format md writes a page for a review.
    """
    console: Console = ctx.obj
    view = _view(console, stat=stat, name_status=name_status, summary=summary, metadata=meta, content=content)
    repository = console.repository()
    names, paths = _split(console, words or [])
    try:
        with console.progress() as progress:
            a, b, notes = compared.sides(
                repository, names, console.project, Path.cwd(), workers=console.jobs, progress=progress
            )
    except NotFoundError as error:
        if names and all(run_words.meant(console, name) for name in names):
            error.hint = join(["art", "compare", *names])
        raise
    for note in notes:
        console.say(note)
    for problem in (*a.problems, *b.problems):
        console.warn(f"not compared: {printable(os.fsdecode(problem.path))}: {problem.reason}")
    if view == "metadata":
        said = metadata(repository.catalog, a, b, Reader(repository, console.warn).value)
        console.rows(METADATA, (row._asdict() for row in said))
        differ = bool(said)
    else:
        comparison, statistics = Comparison(a, b, paths), Statistics()
        with console.pager():
            _show(console, repository.store, comparison, statistics, view)
        if view != "summary":
            console.say(differences.headline(comparison, statistics.all, console.size))
        if not comparison.renames_found:
            console.say("so much differs that renames were not looked for")
        differ = statistics.all.total > 0
    if differ and exit_code:
        raise typer.Exit(1)


def _view(console: Console, **wanted: bool) -> str:
    chosen = [name for name, is_wanted in wanted.items() if is_wanted]
    if console.flags.format == "md":
        chosen.append("md")
    if len(chosen) > 1:
        raise UsageError("one-view", f"only one view can be shown: {', '.join(chosen)}", hint="art diff --help")
    return chosen[0] if chosen else "rows"


def _split(console: Console, words: list[str]) -> tuple[list[str], list[bytes]]:
    """What is compared, and the paths that stand behind `--`."""
    own = console.words()
    count = len(console.arguments) - len(own) - 1 if len(own) < len(console.arguments) else 0
    names, paths = words[: len(words) - count], words[len(words) - count :]
    if len(names) > 2:
        raise UsageError(
            "bad-usage", "two things are compared; paths in them stand behind --",
            hint=f"art diff {names[0]} {names[1]} -- {names[2]}",
        )  # fmt: skip
    return names, [os.fsencode(path.strip("/")) for path in paths]


def _show(console: Console, store: Store, comparison: Comparison, statistics: Statistics, view: str) -> None:
    changes = statistics.counted(comparison.changes())
    if view == "content" and not console.flags.want_items:
        for change in changes:
            for line in textdiff.unified(store, comparison, change):
                console.line(_colored(console, line))
    elif view == "md":
        console.text("\n".join(differences.markdown(comparison, changes)))
    elif view in ("stat", "summary"):
        for _ in changes:
            pass
        if view == "stat":
            console.rows(STAT, differences.groups(statistics))
        else:
            item = differences.summary(comparison, statistics.all)
            console.record(SUMMARY, item, text=lambda: differences.headline(comparison, statistics.all, console.size))
    else:
        columns = ["status", "path", "old_path"] if view == "name_status" else None
        console.rows(DIFFERENCES, _items(store, comparison, changes, view), columns=columns)


def _items(store: Store, comparison: Comparison, changes: Iterator[Change], view: str) -> Iterator[dict[str, Any]]:
    for change in changes:
        item = differences.item(change)
        if view == "content":
            item["diff"] = "\n".join(textdiff.unified(store, comparison, change))
        yield item


_COLORS = {"---": "bold", "+++": "bold", "@@ ": "cyan"}


def _colored(console: Console, line: str) -> str:
    name = _COLORS.get(line[:3]) or {"+": "green", "-": "red"}.get(line[:1])
    return console.style(line, name) if name else line
