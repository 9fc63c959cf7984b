"""`art reproduce`: do again what made a version."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.catalog.runs import resolve as runs
from artcli.catalog.runs.lineage import OUTPUT, RUN, Lineage
from artcli.catalog.runs.register import Register
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import NotFoundError, UsageError
from artcli.flows.lineage import graph, reproduce
from artcli.flows.lineage.recipe import obstacles, recipe
from artcli.flows.lineage.reproduce import SAME
from artcli.flows.lineage.script import script
from artcli.flows.runs.active import active_run

EXAMPLES = """
art reproduce -1 > again.sh           # a shell script: code, inputs by digest, config, command
art reproduce model:latest --check    # does it come out the same? nothing is kept
art reproduce run:-1 --run            # do it again, as a new run
"""

COMPARED = Schema(
    "reproduced",
    fields=[
        Field("section", help="outcome, input, output or summary"),
        Field("key"),
        Field("state", help="same, different, missing or new"),
        Field("old", "object", "of inputs and outputs the digest"),
        Field("new", "object"),
    ],
    columns=["section", "key", "state", "old", "new"],
    key="key",
)
SCRIPT = Schema(
    "recipe",
    fields=[
        Field("run", help="id of the run that it does again"),
        Field("script", help="for sh"),
        Field("missing", "object", "what is not here: a commit, an input, a package"),
    ],
    columns=["script"],
    key="script",
)
AGAIN = Schema("run-again", fields=[Field("run", help="id of the new run"), Field("of")], columns=["run"], key="run")


def command(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="REF | RUN", help="a run, or a version that one has logged")],
    print_script: Annotated[bool, typer.Option("--script", help="print a shell script; so it is anyway")] = False,
    run: Annotated[bool, typer.Option("--run", help="do it again, and print the id of the new run")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="do it again in a temporary directory, compare, and keep nothing")
    ] = False,
) -> None:
    """Do again what a run did, or write down how.

    What is missing is named first: a commit, an input, a package. Exit code 1: it came out different.
    """
    console: Console = ctx.obj
    if print_script + run + check > 1:
        raise UsageError("bad-usage", "one of --script, --run and --check", hint="art reproduce --help")
    console.prints(AGAIN if run else COMPARED if check else SCRIPT)
    repository = console.repository()
    id = _run_of(console, what)
    found = recipe(repository, id)
    known = list(obstacles(found))
    if run or check:
        reproduce.refuse(found, known)
    for obstacle in known:
        console.warn(obstacle.text)
    if run:
        again = reproduce.run_again(repository, found)
        console.record(AGAIN, {"run": again, "of": id}, receipt=f"{again}  did {found.view.run.name} again")
    elif check:
        compared = reproduce.check(repository, found)
        console.rows(COMPARED, (item._asdict() for item in compared))
        different = [item for item in compared if item.state != SAME]
        result = f"{len(different)} of {len(compared)} differ" if different else "came out the same"
        console.say(f"{found.view.run.name}  {result}")
        if different:
            raise typer.Exit(1)
    else:
        text = script(found, known, str(repository.path.absolute()))
        if console.flags.want_items:
            console.record(SCRIPT, {"run": id, "script": text, "missing": [obstacle.text for obstacle in known]})
        else:
            console.raw(text)


def _run_of(console: Console, what: str) -> str:
    """The run that is meant, or that logged the version which is meant first."""
    repository = console.repository()
    focus = graph.focus(repository.catalog, what, console.project, active_run())
    if focus.note:
        console.say(focus.note)
    if focus.node.kind == RUN:
        return focus.node.id
    register = Register(repository.follower.database)
    if makers := register.producers(focus.node.id):
        return makers[0].id
    arrows = Lineage(repository.follower.database).before([focus.node])
    for arrow in arrows:
        if arrow.kind == OUTPUT:
            return runs.run(repository.catalog, f"run:{arrow.source.id}", console.project).id  # it says what it is
    raise NotFoundError("no-run-made-it", f"no run has logged {focus.ref}", hint=f"art why {focus.ref}")
