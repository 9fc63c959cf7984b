"""`art query`: SQL over all that the repository knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from artcli.catalog import resolve
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows.query import tables
from artcli.flows.query.ask import SECONDS, Answer, ask

EXAMPLES = """
art query "select name, count(*) as versions, sum(stored) from versions group by name"
art query "select name, state, json_extract(config, '$.lr') as lr from runs order by lr"
art query "select ref, path, size from files where path like '%.jpg' order by size desc limit 10" --ref dataset:latest
art query "select actor, count(*) from audit group by actor" --csv
art query --schema                        # tables and their columns
"""

COLUMNS_VARY = True  # with what is asked
TABLES = Schema(
    "query-tables",
    fields=[Field("table"), Field("columns", "words"), Field("about")],
    columns=["table", "columns", "about"],
    key="table",
)


def command(
    ctx: typer.Context,
    statement: Annotated[str | None, typer.Argument(metavar="SQL", help="one statement that reads")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line")] = False,
    ref: Annotated[
        list[str] | None, typer.Option("--ref", metavar="REF", help="files of this version only; repeatable")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="give up after so long")
    ] = SECONDS,
    schema: Annotated[bool, typer.Option("--schema", help="list the tables and their columns")] = False,
) -> None:
    """Ask the repository in SQL: artifacts, versions, files, runs, metrics, edges, audit.

    A statement only reads, whatever it says. The dialect is SQLite's; JSON is asked with json_extract.
    """
    console: Console = ctx.obj
    if schema:
        rows = (
            {"table": name, "columns": names, "about": about} for name, (names, about) in tables.described().items()
        )
        console.rows(TABLES, rows)
        return
    if statement is None:
        raise UsageError("bad-query", "there is nothing to ask", hint='art query "SELECT * FROM versions"')
    if timeout != timeout:
        raise UsageError("bad-value", "--timeout is a number of seconds, not nan", hint="art query --help")
    repository = console.repository()
    refs = [resolve.whole(repository.catalog, text, console.project).version.id for text in ref] if ref else None
    answer = ask(repository, statement, console.project, refs=refs, seconds=timeout)
    if as_csv:
        _print_csv(console, answer)
        return
    fields = [Field(name, "object") for name in answer.columns]
    found = Schema("query", fields=fields, columns=answer.columns, key=answer.columns[0])
    console.rows(found, (dict(zip(answer.columns, map(_shown, row), strict=True)) for row in answer.rows))


def _print_csv(console: Console, answer: Answer) -> None:
    console.raw(_csv(answer.columns))
    for row in answer.rows:
        console.raw(_csv([_shown(value) for value in row]))


def _csv(row: Sequence[Any]) -> str:
    """A line as RFC 4180 has it, but for the newline."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


def _shown(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
