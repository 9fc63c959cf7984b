"""`art log`: what happened, newest first."""

from __future__ import annotations

from itertools import islice
from shlex import join
from typing import Annotated, Any

import typer

from artcli.catalog import moments
from artcli.cli.cards import card
from artcli.cli.console import Console
from artcli.cli.items import EVENTS, event_item
from artcli.errors import UsageError
from artcli.flows import history
from artcli.flows.history import Filter
from artcli.flows.runs.active import active_run
from artcli.flows.texts import Reader

EXAMPLES = """
art log                                 # of all artifacts
art log dataset --oneline -n 10
art log model:v0                        # one version: who made it, what was said of it since
art log run:-1                          # the last run: what it used, logged, and how it ended
art log --since 7d --author anna
art log model --graph -n 20             # its versions, and the runs and data that they came from
"""


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME | REF | RUN]", help="one artifact, version or run only")
    ] = None,
    oneline: Annotated[bool, typer.Option("--oneline", help="one line each, also on a terminal")] = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="the newest N only")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="7d, '2h ago', 2026-11-01")] = None,
    author: Annotated[str | None, typer.Option("--author", metavar="NAME", help="a part of the name of who")] = None,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="artifacts of this type only")] = None,
    graph: Annotated[bool, typer.Option("--graph", help="draw what came of what; with -n and one word only")] = False,
) -> None:
    """Show versions and runs, and what was said about them since: who, when, why; newest first."""
    console: Console = ctx.obj
    words = words or []
    if any("=" in word for word in words):
        raise UsageError("log-is-history", "'art log' shows history", hint=join(["art", "log-metrics", *words]))
    if len(words) > 1:
        raise UsageError("bad-usage", "one name or reference at most", hint="art log --help")
    if graph:
        if since or author or type or oneline or console.flags.want_items:
            message = "--graph goes with NAME, REF or RUN and -n only"
            raise UsageError(
                "bad-usage", message, hint="art graph --explode --json" if console.flags.want_items else None
            )
        _draw(console, words[0] if words else None, limit)
        return
    repository = console.repository()
    catalog = repository.catalog
    about, note = history.scope(catalog, words[0] if words else None, console.project, active_run())
    if note:
        console.say(note)
    wanted = Filter(moments.parse(since) if since else None, author, type, limit)
    read = Reader(repository, console.warn).value
    items = map(event_item, history.history(catalog, about, console.project, wanted, read=read))
    with console.pager():
        if oneline or not console.for_person or console.flags.want_items or console.quiet:
            console.rows(EVENTS, items)
            return
        for item in items:
            console.text(_card(console, item))
            console.line()


def _draw(console: Console, word: str | None, limit: int | None) -> None:
    from artcli.cli.graph_lines import lines
    from artcli.flows.lineage.graph import history as drawn

    picture = drawn(console.repository(), console.project, word, active_run())
    with console.pager():
        for line in islice(lines(console, picture, newest_first=True, times=True), limit):
            console.text(line)


def _card(console: Console, item: dict[str, Any]) -> str:
    title = f"{console.style(item['ref'], 'yellow')}  {item['text']}"
    who = f"{item['actor']} on {item['machine']}, {console.when(item['time'])}"
    return card(title, [("by", who), ("reason", item["reason"] or ""), ("event", item["event"])])
