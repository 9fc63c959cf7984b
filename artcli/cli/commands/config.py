"""Read and change settings: of this repository, or with --global of all repositories of this user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from artcli import settings
from artcli.cli.console import Console
from artcli.cli.editor import edit_file
from artcli.cli.formatting import Field, Schema
from artcli.errors import NoRepositoryError, NotFoundError

EXAMPLES = """
art config list                         # every setting, what holds, and where it comes from
art config get project
art config set project jetracer
art config set --global color never     # for all repositories of this user
art config set types.dataset "frames recordings"
art config unset project
art config edit
"""

SETTING = Schema(
    "settings",
    fields=[
        Field("name", help="the setting"),
        Field("value", "object", "what holds"),
        Field("origin", help="where it comes from"),
        Field("variable", help="the environment variable that sets it"),
        Field("help", help="what it does"),
    ],
    columns=["name", "value", "origin"],
    key="name",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="a setting: art config list names them")]
ForUser = Annotated[bool, typer.Option("--global", help="the user's file, for all repositories")]


def get(ctx: typer.Context, name: Name) -> None:
    """Print the value that holds."""
    console: Console = ctx.obj
    item = _item(console.settings.find(name))
    console.record(SETTING, item, text=lambda: _shown(item["value"]))


def set_(
    ctx: typer.Context,
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="its value; words are separated by spaces")],
    for_user: ForUser = False,
) -> None:
    """Write a value; comments in the file stay."""
    console: Console = ctx.obj
    from artcli.flows import configure

    path = _file(console, for_user)
    written = configure.write_setting(path, name, value)
    item = _item(settings.Found(name, written, str(path)))
    console.record(SETTING, item, text=lambda: _shown(item["value"]), receipt=f"{name} is set in {path}")


def unset(ctx: typer.Context, name: Name, for_user: ForUser = False) -> None:
    """Remove a value, so that the next layer holds."""
    console: Console = ctx.obj
    from artcli.flows import configure

    path = _file(console, for_user)
    if not configure.remove_setting(path, name):
        raise NotFoundError("not-set", f"{name} is not set in {path}", hint="art config list")
    item = _item(settings.Settings(repository=console.settings.repository).find(name))
    console.record(SETTING, item, text=lambda: _shown(item["value"]), receipt=f"{name} is removed from {path}")


def list_(ctx: typer.Context) -> None:
    """List every setting with the value that holds and where it comes from."""
    console: Console = ctx.obj
    console.rows(SETTING, map(_item, console.settings.everything()))


def edit(ctx: typer.Context, for_user: ForUser = False) -> None:
    """Open the file in an editor."""
    console: Console = ctx.obj
    path = _file(console, for_user)
    path.parent.mkdir(parents=True, exist_ok=True)
    edit_file(console, path, "art config set NAME VALUE")
    console.line(str(path))


SUBCOMMANDS = {"get": get, "set": set_, "unset": unset, "list": list_, "edit": edit}


def _file(console: Console, for_user: bool) -> Path:
    if for_user:
        return settings.user_file()
    if console.settings.repository is None:
        raise NoRepositoryError(
            "no-repository", f"not inside an art repository: {os.getcwd()}",
            facts=["settings for all repositories are written with --global"], hint="art init",
        )  # fmt: skip
    return settings.local_file(console.settings.repository)


def _item(found: settings.Found) -> dict[str, object]:
    known = settings.setting(found.name)
    return {**found._asdict(), "variable": known.variable, "help": known.help}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, list) else str(value)
