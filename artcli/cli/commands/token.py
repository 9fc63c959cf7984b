"""Tokens: who may read and write at `art serve`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artcli.catalog import facts, moments, spec
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows.meant import given

if TYPE_CHECKING:
    from artcli.web.tokens import Token, Tokens

EXAMPLES = """
art token create car --scope write --expires 90d
art token create dashboard --project jetracer
art token ls
art token revoke car --yes
"""

TOKEN = Schema(
    "tokens",
    fields=[
        Field("id", help="what logs show"),
        Field("name"),
        Field("scope", help="read, write or admin"),
        Field("project", help="the only one that it may write, if it is bound to one"),
        Field("created", "time"),
        Field("expires", "time"),
    ],
    columns=["id", "name", "scope", "project", "created", "expires"],
    key="id",
)
MADE = TOKEN._replace(
    name="token",
    fields=[Field("token", help="what the client sends; it is shown this once"), *TOKEN.fields],
    columns=["token"],
    key="token",
)

At = Annotated[
    str | None, typer.Option("--at", metavar="DIR", help="the repository, or directory of a remote, that is served")
]
File = Annotated[str | None, typer.Option("--tokens", metavar="FILE", help="the file, as art serve --tokens has it")]


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="whose it is: a machine, a person")],
    scope: Annotated[str, typer.Option("--scope", metavar="SCOPE", help="read, write or admin")] = "read",
    project: Annotated[
        str | None, typer.Option("--project", metavar="P", help="the only project that it may write")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="AGE", help="how long it holds, such as 90d; else for ever")
    ] = None,
    at: At = None,
    file: File = None,
) -> None:
    """Make a token and print it: this once, for only its hash is kept.

    read: fetch everything. write: add versions, aliases, tags, texts, runs. admin: delete, rename, protect, too.
    """
    from artcli.web.tokens import SCOPES

    console: Console = ctx.obj
    console.prints(MADE)
    if scope not in SCOPES:
        raise UsageError("bad-scope", f"a scope is read, write or admin, not {scope!r}", hint="art token create --help")
    spec.check_name(name)
    if project is not None:
        spec.check_project(project)
    token, text = _tokens(console, at, file).create(name, scope, project, _seconds(expires))
    console.record(MADE, {"token": text, **_item(token)}, receipt=f"token {token.id}  {name}  {scope}")


def ls(ctx: typer.Context, at: At = None, file: File = None) -> None:
    """List the tokens that hold; their secrets are nowhere."""
    console: Console = ctx.obj
    console.rows(TOKEN, [_item(token) for token in _tokens(console, at, file).all()])


def revoke(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="of the token, or its name")],
    at: At = None,
    file: File = None,
) -> None:
    """Take a token away: a server that runs knows it at once."""
    console: Console = ctx.obj
    console.prints(TOKEN)
    console.confirm(f"revoke the token '{id}'?")
    token = _tokens(console, at, file).revoke(id)
    console.record(TOKEN, _item(token), receipt=f"revoked {token.id}  {token.name}")


SUBCOMMANDS = {"create": create, "ls": ls, "revoke": revoke}


def _tokens(console: Console, at: str | None, file: str | None) -> Tokens:
    from artcli.web.served import folder_of
    from artcli.web.tokens import Tokens, file_of

    if file is not None:
        return Tokens(Path(given(file)).absolute())
    return Tokens(file_of(console.repository().path if at is None else folder_of(Path(given(at)).absolute())))


def _seconds(expires: str | None) -> float | None:
    if expires is None:
        return None
    now = time.time()
    ahead = moments.parse(expires, now) - now
    if "-" not in expires:  # an age, such as 90d, is counted from now on
        ahead = -ahead
    if ahead <= 0:
        raise UsageError(
            "bad-date", f"that is not in the future: {expires!r}", hint="art token create car --expires 90d"
        )
    return ahead


def _item(token: Token) -> dict[str, Any]:
    expires = None if token.expires is None else facts.timestamp(token.expires)
    return {
        "id": token.id, "name": token.name, "scope": token.scope, "project": token.project,
        "created": facts.timestamp(token.created), "expires": expires,
    }  # fmt: skip
