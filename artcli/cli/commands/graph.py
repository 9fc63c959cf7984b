"""`art graph`: what came of what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from artcli.cli import tables
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.graph_lines import lines
from artcli.errors import UsageError
from artcli.flows.lineage import drawing, graph
from artcli.flows.lineage.graph import INSTANCE, LEVELS, TYPE, Picture
from artcli.flows.runs.active import active_run

EXAMPLES = """
art graph                                    # all, by type of artifact and of job
art graph model:v0 --explode                 # where it came from, and what came of it
art graph model:latest --up 2 -x             # the run that made it, and what that used
art graph --level collection --as mermaid
art graph --explode --as svg > lineage.svg
"""

GRAPH = Schema(
    "graph",
    fields=[
        Field("level", help="type, collection or instance"),
        Field("focus", help="the version or run that it is about"),
        Field("nodes", "object", "id, kind, label, state, job_type, aliases, number, depth, focus, time"),
        Field("edges", "object", "source, target, role, number; sources were there before targets"),
    ],
    columns=["level", "focus"],
    key="level",
)
FORMS = ("tree", "dot", "mermaid", "json", "svg")


def command(
    ctx: typer.Context,
    about: Annotated[
        str | None, typer.Argument(metavar="[REF | RUN]", help="only what it came from and what came of it")
    ] = None,
    up: Annotated[int | None, typer.Option("--up", metavar="N", min=0, help="so many arrows back at most")] = None,
    down: Annotated[int | None, typer.Option("--down", metavar="N", min=0, help="so many arrows on at most")] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="type, collection or instance (each by itself)")
    ] = None,
    explode: Annotated[bool, typer.Option("-x", "--explode", help="the same as --level instance")] = False,
    form: Annotated[str, typer.Option("--as", metavar="FORM", help=", ".join(FORMS))] = "tree",
) -> None:
    """Draw which runs used and made which versions: ● a version, ■ a run, ◇ something that is kept elsewhere.

    Arrows lead down: what stands below came of what stands above, ← names what else it came from, ↻ what it leads back
    to. Versions stand together by the type of their artifact, and runs by their job type, until --explode. Without REF
    or RUN all of the project is drawn.
    """
    console: Console = ctx.obj
    chosen = level or (INSTANCE if explode else TYPE)
    for value, known, option in ((chosen, LEVELS, "--level"), (form, FORMS, "--as")):
        if value not in known:
            message = f"{option} is one of {', '.join(known)}, not '{value}'"
            raise UsageError("bad-value", message, hint="art graph --help")
    if explode and chosen != INSTANCE:
        raise UsageError("bad-usage", f"--explode is --level {INSTANCE}, not {chosen}", hint="art graph --help")
    repository = console.repository()
    focus = graph.focus(repository.catalog, about, console.project, active_run()) if about is not None else None
    if focus and focus.note:
        console.say(focus.note)
    picture = graph.picture(repository, console.project, focus, up=up, down=down, level=chosen)
    if not picture.boxes:
        console.say(f"no versions and no runs in project '{console.project}'")
    item = _item(picture, focus.ref if focus else None)
    if form == "json":
        console.line(tables.dumps({"schema": GRAPH.title, **GRAPH.document(item)}))
    elif form == "tree":
        with console.pager():
            console.record(GRAPH, item, text=lambda: "\n".join(lines(console, picture)))
    elif form == "svg":
        from artcli.flows.lineage.svg import svg

        console.record(GRAPH, item, text=lambda: svg(picture))
    else:
        console.record(GRAPH, item, text=lambda: drawing.dot(picture) if form == "dot" else drawing.mermaid(picture))


def _item(picture: Picture, focus: str | None) -> dict[str, Any]:
    nodes = [{**box._asdict(), "aliases": list(box.aliases)} for box in picture.boxes.values()]
    for node in nodes:
        del node["order"]
    return {
        "level": picture.level, "focus": focus, "nodes": nodes, "edges": [line._asdict() for line in picture.lines],
    }  # fmt: skip
