"""`art sync`: push and fetch, once or for ever."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from artcli.catalog import moments
from artcli.cli import formatting, recording, transferred
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows import pushing
from artcli.flows.log_artifact import Logged
from artcli.flows.meant import given
from artcli.flows.pushing import Synced
from artcli.flows.transfer import Transferred
from artcli.flows.watching import Keeper, Listener, Wanted, Watched
from artcli.wording import duration

EXAMPLES = """
art sync                                         # what is new here goes there, what is new there is known here
art sync nas
art sync --watch 60s --log dataset=./data        # for ever: log ./data when it is quiet, push, try again
"""

SYNCED = Schema(
    "synced",
    fields=[
        Field("remote"),
        Field("url"),
        Field("pushed", "count", "changes that went there"),
        Field("sent", "size", "bytes of chunks that did, as stored"),
        Field("fetched", "count", "changes that came here"),
        Field("received", "size", "bytes of lists of files and of what runs said that did"),
        Field("renumbered", "object", "versions made here that have another number now: from, to"),
        Field("unmoved", "object", "aliases moved here that somebody else had moved before: alias, to, at"),
    ],
    columns=["remote", "pushed", "sent", "fetched"],
    key="remote",
)


def command(
    ctx: typer.Context,
    remote: Annotated[str | None, typer.Argument(metavar="[REMOTE]", help="a remote, else the authority")] = None,
    watch: Annotated[str | None, typer.Option("--watch", metavar="TIME", help="again and again: 60s, 5m")] = None,
    log: Annotated[
        list[str] | None, typer.Option("--log", metavar="NAME=DIR", help="make versions of DIR when it is quiet")
    ] = None,
    quiet_for: Annotated[
        str, typer.Option("--quiet-for", metavar="TIME", help="how long nothing may change in DIR before")
    ] = "5s",
) -> None:
    """Push what is new here, and learn what is new there.

    With --watch it never ends by itself: a remote that does not answer is tried again later, and less and less often;
    nothing is lost meanwhile. SIGTERM ends it at once, and so may a power cut. `--log` implies `--watch 60s`.
    """
    console: Console = ctx.obj
    repository = console.repository()
    if watch is None and not log:
        with console.progress() as progress:
            synced = pushing.sync(repository.path, remote, progress)
        transferred.tell_rebased(console, synced.rebased)
        console.record(SYNCED, _item(synced), receipt=_receipt(synced))
        return
    logs = [Watched(name, Path(given(path))) for name, path in (_pair(word) for word in log or ())]
    wanted = Wanted(remote, _seconds(watch or "60s"), logs, _seconds(quiet_for), console.project)
    _watch(console, repository.path, wanted)


def _watch(console: Console, path: Path, wanted: Wanted) -> None:
    from artcli.cli.main import Terminated

    def synced(done: Synced) -> None:
        transferred.tell_rebased(console, done.rebased)
        if done.pushed.facts or done.fetched.facts:
            console.say(_receipt(done))

    def logged(done: Logged) -> None:
        assert done.version is not None
        console.say(f"{done.version.ref}  +{done.new_entries:,} of {done.root.entries:,} files")

    for name, directory in wanted.logs:
        if not directory.is_dir():
            console.warn(f"{name}: there is no directory {directory.absolute()} yet; it is logged when there is one")
    try:
        console.say(f"in step from now on, every {duration(wanted.every)}; SIGTERM or Ctrl-C ends it")
        Keeper(path, wanted, Listener(synced, logged, console.warn)).run()
    except (Terminated, KeyboardInterrupt):
        console.say("stopped: what is logged is kept, and goes on from here")


def _pair(word: str) -> tuple[str, str]:
    return recording.pair(word, "NAME=DIR", "art sync --help")


def _seconds(text: str) -> float:
    """`60s`, `5m` or a number of seconds; at least a tenth of one."""
    number = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else -moments.parse(text, 0.0)
    return max(0.1, number)


def _item(synced: Synced) -> dict[str, object]:
    return {
        "remote": synced.remote, "url": synced.url, "pushed": synced.pushed.facts, "sent": synced.pushed.stored,
        "fetched": synced.fetched.facts, "received": synced.fetched.stored,
        **transferred.rebased(synced.rebased),
    }  # fmt: skip


def _receipt(synced: Synced) -> str:
    parts = [_part("pushed", synced.pushed), _part("fetched", synced.fetched)]
    return f"{synced.remote}: {', '.join(part for part in parts if part) or 'nothing new'}"


def _part(verb: str, done: Transferred) -> str:
    if not done.facts:
        return ""
    return f"{verb} {formatting.counted(done.facts, 'change')}, {formatting.size(done.stored)}"
