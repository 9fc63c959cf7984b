"""Run a command and record it; or begin and end a run from a shell script."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from artcli.cli import recording, running
from artcli.cli.commands.runs import command as list_runs
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.run_logs import show_logs
from artcli.cli.run_show import show_run

EXAMPLES = """
art run -- python -c 'print("hello")'
art run --job-type train -c lr=0.1 -- sh -c 'echo "$ART_CONFIG_OVERRIDES" > settings.json'
art run --use dataset:v0=DATA --log lines=lines.txt -- sh -c 'wc -l {DATA}/classes.txt > lines.txt'
art run --resume -1 -- python -c 'print("and on")'
art run start --job-type collect              # prints an id, for ART_RUN_ID: export ART_RUN_ID=$(art run start)
art run config lr=1e-3 batch=6                # of the run that ART_RUN_ID names
art run summary best=0.93
art run finish --exit-code 0
art run ls --job-type collect
art run show -1                                  # the last one; or by id, by a beginning of it, by name
art run show @ --field config.lr                 # one raw value; @ is the run of ART_RUN_ID
art run logs -1 --tail 20
"""

RUN = Schema(
    "run",
    fields=[
        Field("run", help="its id"),
        Field("name"),
        Field("project"),
        Field("outcome", help="finished, failed, killed, crashed; null while it lives"),
        Field("exit", "object", "the exit code"),
    ],
    columns=["run", "name"],
    key="run",
)
VALUES = Schema(
    "run-values",
    fields=[Field("key"), Field("value", "object")],
    columns=["key", "value"],
    key="key",
)

Printed = Annotated[str, typer.Option("--print", metavar="WHAT", help="id, or env: lines for the shell to eval")]
Pairs = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE|@FILE]...", help="what to set")]


def command(
    ctx: typer.Context,
    cmd: Annotated[list[str] | None, typer.Argument(metavar="-- CMD...", help="the command and its words")] = None,
    job_type: recording.JobType = None,
    name: recording.Name = None,
    group: recording.Group = None,
    tag: recording.Tags = None,
    message: recording.Notes = None,
    config: recording.Config = None,
    use: recording.Uses = None,
    use_ref: recording.UseRefs = None,
    log: recording.Logs = None,
    resume: recording.Resume = None,
    system_metrics: recording.SystemMetrics = "10s",
    no_capture: recording.NoCapture = False,
    git: recording.Git = True,
    env_allow: recording.EnvAllow = None,
    as_wandb: recording.AsWandb = False,
    strict: recording.Strict = False,
) -> None:
    """Run a command and record it; or begin and end a run from a shell script.

    Everything passes through untouched: output, signals, the exit code. 125: art could not start it, 126: it cannot be
    executed, 127: there is no such command. What cannot be recorded is said, and changes nothing, unless --strict.
    What takes over the terminal, such as a shell or an editor, wants --no-capture.
    """
    console: Console = ctx.obj
    wanted = partial(running.wish, console, job_type, name, group, tag, message, config, resume, git, env_allow)
    running.run(
        console, wanted, cmd or (), use or (), use_ref or (), log or (), system_metrics, no_capture, strict, as_wandb
    )  # fmt: skip


def start(
    ctx: typer.Context,
    job_type: recording.JobType = None,
    name: recording.Name = None,
    group: recording.Group = None,
    tag: recording.Tags = None,
    message: recording.Notes = None,
    config: recording.Config = None,
    resume: recording.Resume = None,
    git: recording.Git = True,
    env_allow: recording.EnvAllow = None,
    pid: Annotated[
        int | None, typer.Option("--pid", metavar="PID", help="the run has crashed when this process is gone: $$")
    ] = None,
    show: Printed = "id",
) -> None:
    """Begin a run, and print its id for ART_RUN_ID.

    Until `art run finish`, what `art use`, `art log-artifact` and `art log-metrics` do belongs to it.
    """
    console: Console = ctx.obj
    wish = running.wish(console, job_type, name, group, tag, message, config, resume, git, env_allow)
    begun = running.start(console, wish, pid)
    if begun:
        running.told(console, RUN, *begun, show, running.beginning_of(wish))


def finish(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="the run, instead of ART_RUN_ID")] = None,
    exit_code: Annotated[
        int | None, typer.Option("--exit-code", metavar="N", help="how it ended: $?; 0 is finished")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="it failed")] = False,
    aborted: Annotated[bool, typer.Option("--aborted", help="somebody stopped it")] = False,
    summary: Annotated[list[str] | None, typer.Option("--summary", metavar="KEY=VALUE", help="what came out")] = None,
) -> None:
    """End a run, and print its id."""
    console: Console = ctx.obj
    item = running.finish(console, run, exit_code, failed, aborted, summary or ())
    if item:
        console.record(RUN, item, receipt=f"{item['name']}  {item['outcome']}")


def config(ctx: typer.Context, pairs: Pairs = None, run: recording.RunOption = None) -> None:
    """Set or print a run's config."""
    running.values_of(ctx.obj, "config", pairs or (), run, VALUES)


def summary(ctx: typer.Context, pairs: Pairs = None, run: recording.RunOption = None) -> None:
    """Set or print a run's summary."""
    running.values_of(ctx.obj, "summary", pairs or (), run, VALUES)


SUBCOMMANDS = {
    "start": start,
    "finish": finish,
    "config": config,
    "summary": summary,
    "ls": list_runs,
    "show": show_run,
    "logs": show_logs,
}
