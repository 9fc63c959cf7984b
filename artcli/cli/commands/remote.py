"""Other places that share this repository's history."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from artcli.catalog.remotes import Remote, Remotes
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema, size
from artcli.flows import remotes

EXAMPLES = """
art remote add nas ../nas         # a directory; it is made a place if it is empty
art remote ls
art remote test nas               # how far, how fast, and safe for many writers?
art remote set-url nas ../nas     # the same place is to be found elsewhere now
art remote promote nas            # version numbers are those that it gives
art remote rm nas --yes
"""

REMOTE = Schema(
    "remotes",
    fields=[
        Field("name"),
        Field("url", help="where it is"),
        Field("place", help="its id"),
        Field("authority", "truth", "version numbers are those that it gives"),
    ],
    columns=["name", "url", "authority"],
    key="name",
)

TRIAL = Schema(
    "trial",
    fields=[
        Field("name"),
        Field("url"),
        Field("latency", "duration", "seconds from a small question to its answer"),
        Field("down", "size", "bytes a second; nothing if there was nothing to read"),
        Field("up", "size", "bytes a second; nothing if it cannot be measured"),
        Field("safe", "truth", "of two writers of a name one wins; nothing if nobody can write there"),
        Field("found", "words", "what is not as it must be"),
        Field("scope", help="what a server permits: read, write or admin"),
    ],
    columns=["name", "latency", "down", "up", "safe", "scope"],
    key="name",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="a remote: art remote ls names them")]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="a directory, file://…, s3://BUCKET/PREFIX, gs://…, az://…, http(s)://…, ssh://HOST/PATH"
    ),
]
SingleWriter = Annotated[
    bool, typer.Option("--single-writer", help="nobody else ever writes there: take a place that is not safe for two")
]


def add(ctx: typer.Context, name: Name, url: Url, single_writer: SingleWriter = False) -> None:
    """Give another place a name, and learn what is there.

    An empty directory, or nothing below a bucket's prefix, is made a place, after it was tried whether of two writers
    one wins there. The first remote is the authority: version numbers are those that it gives.
    """
    console: Console = ctx.obj
    console.prints(REMOTE)
    repository = console.repository()
    remote = remotes.add(repository, name, url, single_writer=single_writer)
    console.record(REMOTE, _item(remote, Remotes(repository.path)), receipt=f"art push {name}   brings versions there")


def ls(ctx: typer.Context) -> None:
    """List the remotes."""
    console: Console = ctx.obj
    found = Remotes(console.repository().path)
    console.rows(REMOTE, [_item(remote, found) for remote in found.all])


def set_url(ctx: typer.Context, name: Name, url: Url, single_writer: SingleWriter = False) -> None:
    """Say where a remote is to be found now."""
    console: Console = ctx.obj
    console.prints(REMOTE)
    repository = console.repository()
    remotes.move(repository, name, url, single_writer=single_writer)
    _record(console, name)


def promote(ctx: typer.Context, name: Name) -> None:
    """Make a remote the authority: version numbers are those that it gives."""
    console: Console = ctx.obj
    console.prints(REMOTE)
    remotes.promote(console.repository(), name)
    _record(console, name)


def test(ctx: typer.Context, name: Name) -> None:
    """Try a remote: whether it answers, how far and how fast it is, and whether of two writers one wins.

    Exit code 1 if it is not safe for many writers.
    """
    console: Console = ctx.obj
    from artcli.flows.trial import try_remote

    repository = console.repository()
    remote = Remotes(repository.path).get(name)
    found = try_remote(repository, remote)
    item = {"name": remote.name, "url": remote.url, **found._asdict(), "found": list(found.found)}
    console.record(TRIAL, item, text=lambda: _told(item))
    if found.safe is False:
        raise typer.Exit(1)


def _told(item: dict[str, Any]) -> str:
    safe = {True: "of two writers one wins", False: "NOT safe for two writers", None: "only to be read from"}
    lines = [f"{item['name']} at {item['url']}", f"an answer takes {item['latency'] * 1000:.1f} ms"]
    rates = [f"{size(item[way])}/s {way}" for way in ("down", "up") if item[way]]
    lines += [", ".join(rates)] if rates else []
    lines += [safe[item["safe"]], *item["found"]]
    return "\n".join([*lines, *([f"scope: {item['scope']}"] if item["scope"] else [])])


def rm(ctx: typer.Context, name: Name) -> None:
    """Forget a remote; what it holds stays there, and the versions that came from it here."""
    console: Console = ctx.obj
    console.prints(REMOTE)
    repository = console.repository()
    found = Remotes(repository.path)
    remote = found.get(name)
    console.confirm(f"forget the remote '{name}' at {remote.url}?")
    item = _item(remote, found)
    remotes.remove(repository, name)
    console.record(REMOTE, item)


SUBCOMMANDS = {"add": add, "ls": ls, "test": test, "set-url": set_url, "promote": promote, "rm": rm}


def _record(console: Console, name: str) -> None:
    found = Remotes(console.repository().path)
    console.record(REMOTE, _item(found.get(name), found))


def _item(remote: Remote, found: Remotes) -> dict[str, object]:
    return {**remote._asdict(), "authority": found.authority == remote.place}
