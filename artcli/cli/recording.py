"""What the commands that record in runs have in common: their options, and which run is meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artcli.cli.console import Console
from artcli.errors import NoRepositoryError, NotFoundError, UsageError
from artcli.flows.runs import active

if TYPE_CHECKING:
    from artcli.catalog.repository import Repository

JobType = Annotated[str | None, typer.Option("--job-type", metavar="TYPE", help="what the run does: train, label, …")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="its name; a readable one is made up")]
Group = Annotated[str | None, typer.Option("--group", metavar="GROUP", help="runs that belong together")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="a label for the run")]
Notes = Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="what it is about")]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", "-c", metavar="KEY=VALUE|@FILE", help="settings; @FILE is JSON, TOML or YAML"),
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN", help="go on with a run that is over")]
Git = Annotated[bool, typer.Option("--git/--no-git", help="record commit, branch and what is not committed")]
EnvAllow = Annotated[
    list[str] | None,
    typer.Option("--env-allow", metavar="GLOB", help="record the values of these variables; no others are"),
]
Uses = Annotated[
    list[str] | None, typer.Option("--use", metavar="REF[=VAR]", help="bring a version; $VAR and {VAR} say where")
]
UseRefs = Annotated[
    list[str] | None, typer.Option("--use-ref", metavar="URI", help="it uses something that is no version")
]
Logs = Annotated[
    list[str] | None,
    typer.Option(
        "--log", metavar="NAME=PATH", help="log what it makes; ,type=T ,alias=A and ,on=always may follow PATH"
    ),
]
SystemMetrics = Annotated[
    str, typer.Option("--system-metrics", metavar="TIME", help="between samples of the machine, or off")
]
NoCapture = Annotated[bool, typer.Option("--no-capture", help="do not record what it writes")]
AsWandb = Annotated[
    bool, typer.Option("--as-wandb", help="what it imports as wandb is artcli, which its Python must have")
]
Strict = Annotated[bool, typer.Option("--strict", help="fail if something cannot be recorded")]
NoRecord = Annotated[bool, typer.Option("--no-record", help="do not record it in the active run")]
Role = Annotated[str | None, typer.Option("--as", metavar="ROLE", help="what the run uses it for: train, test, …")]
RunOption = Annotated[str | None, typer.Option("--run", metavar="RUN", help="the run, instead of ART_RUN_ID")]


def named(run: str | None) -> str:
    """The run that an option names, or the active one; raises `NotFoundError` (`no-run`)."""
    found = run or active.active_run()
    if not found:
        raise NotFoundError(
            "no-run", "in no run: ART_RUN_ID is not set", hint="export ART_RUN_ID=$(art run start)"
        )  # fmt: skip
    return found


def recorded_in(console: Console, repository: Repository, run: str | None, no_record: bool) -> str | None:
    """The id of the run in which something is to be recorded: the one that an option names, else the active one.

    An active run of another repository is none, which is said. Raises `NotFoundError` (`no-such-run`) for an option,
    `UsageError` (`only-a-view`) for one of another place.
    """
    from artcli.catalog.view import only_a_view
    from artcli.flows.runs.choose import choose

    if no_record or active.is_disabled() or not (run or active.active_run()):
        return None
    if console.url is not None:
        if run:
            raise only_a_view()
        console.warn(f"not recorded in run '{active.active_run()}' (ART_RUN_ID): another place is only looked at")
        return None
    try:
        return choose(repository, named(run), console.project).id
    except NotFoundError:
        if run:
            raise
        console.warn(f"not recorded: this repository has no run '{active.active_run()}' (ART_RUN_ID)")
        return None


def folder(console: Console) -> Path:
    """The `.art` folder; raises `NoRepositoryError`."""
    found = console.settings.repository
    if found is None:
        raise NoRepositoryError("no-repository", f"not inside an art repository: {os.getcwd()}", hint="art init")
    return found


def pair(word: str, form: str = "KEY=VALUE", hint: str = "art log-metrics loss=0.3") -> tuple[str, str]:
    """(key, text) of a word of this form; raises `UsageError` (`bad-value`)."""
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise UsageError("bad-value", f"not {form}: {word!r}", hint=hint)
    return key, text
