"""`art login`: keep a token for a server. For anything else none is needed, which other tools' scripts are told."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError

EXAMPLES = """
art login                                                    # not needed for a directory
art login https://nas:8080/jetracer --token-stdin < token    # for a server that wants one
art login art+lan://car --token-stdin < token                # which may be found by its name
"""

LOGIN = Schema(
    "login",
    fields=[
        Field("url", help="the token holds for it and for what lies below"),
        Field("scope", help="read, write or admin, as the server says"),
        Field("art", help="the server's version"),
    ],
    columns=["url", "scope"],
    key="url",
)


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL]", help="a server; any other word is not looked at, and not kept"),
    ] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="read the token from standard input")] = False,
) -> None:
    """Keep a token for a server, readable by this user alone, once the server has taken it. ART_TOKEN comes before it.

    Without a URL nothing is done: a repository is a directory, and needs no account. For scripts that log in first.
    """
    console: Console = ctx.obj
    url = next((word for word in words or () if "://" in word), None)
    if url is None:
        _say_that_none_is_needed(console)
        return
    from artcli.flows import logins

    found = logins.login(url, _token(console, token_stdin))
    if found.scope is None:
        receipt = (
            f"kept for what is below {found.url}; nothing is at this address itself, so nobody has tried the token"
        )
    else:
        receipt = f"logged in to {found.url}: {found.scope}"
    console.record(LOGIN, found._asdict(), receipt=receipt)


def _say_that_none_is_needed(console: Console) -> None:
    console.say("no login is needed: runs and versions are in the repository of this directory")
    if console.settings.repository is None:
        return
    from artcli.catalog.remotes import Remotes

    for remote in Remotes(console.settings.repository).all:
        if remote.url.startswith(("http://", "https://", "art+lan://")):
            console.say(f"remote '{remote.name}', if it wants a token: art login {remote.url} --token-stdin")
        else:
            console.say(f"remote '{remote.name}' is at {remote.url}")


def _token(console: Console, from_stdin: bool) -> str:
    import sys

    if not from_stdin and console.can_ask:
        from getpass import getpass

        return getpass("token: ", stream=console.err).strip()
    if not from_stdin or sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "token-expected", "the token comes from standard input, for what is typed as an argument others can see",
            hint="art login URL --token-stdin",
        )  # fmt: skip
    return sys.stdin.buffer.read(4096).decode("utf-8", "replace").strip()
