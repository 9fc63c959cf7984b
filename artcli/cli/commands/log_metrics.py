"""`art log-metrics`: what a shell script says in a run."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artcli.cli import recording, values
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.recording import RunOption
from artcli.errors import NotFoundError, PartialError, UsageError
from artcli.flows.runs import active
from artcli.flows.runs.metrics import Voice

if TYPE_CHECKING:
    from artcli.flows.runs.stream import Streamed

EXAMPLES = """
art log-metrics loss=0.31 val/mAP=.52         # a row of the run that ART_RUN_ID names; rows count by themselves
art log-metrics loss=0.29 --step 100
art log-metrics --file model.npy              # keep a file with the run
printf '{"loss": 0.28}\\n{"loss": 0.27}\\n' | art log-metrics --jsonl -
"""

SAID = Schema(
    "metrics-logged",
    fields=[
        Field("run", help="as it was named: an id, a name"),
        Field("rows", "count", "rows that were logged, or parts of one"),
        Field("dropped", "count", "rows whose step was over"),
        Field("files", "words", "paths of files that were kept with the run"),
    ],
    columns=["run", "rows", "dropped", "files"],
    key="run",
)


def command(
    ctx: typer.Context,
    pairs: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="the values of a row")] = None,
    step: Annotated[int | None, typer.Option("--step", min=0, metavar="N", help="the row's number")] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="TIME", help="when it was, if not now")] = None,
    run: RunOption = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="NAME=FILE", help="an image in the row: PNG, JPEG, …")
    ] = None,
    boxes: Annotated[
        list[str] | None,
        typer.Option("--boxes", metavar="JSON|yolo:FILE", help="boxes of the image, in the order of the images"),
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", metavar="FILE", help="keep a file with the run")] = None,
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", metavar="FILE", help="a row a line, as JSON objects; - is stdin")
    ] = None,
) -> None:
    """Log metrics, images and files in a run: the one in ART_RUN_ID.

    Values without --step make a row of their own; those of one --step come together in one row. Rows of --jsonl may
    have `_step` and `_timestamp` (seconds since 1970).
    """
    console: Console = ctx.obj
    if not (pairs or image or file or jsonl):
        raise UsageError("nothing-to-log", "say what to log", hint="art log-metrics loss=0.3")
    if active.is_disabled():
        return
    folder, word = recording.folder(console), recording.named(run)
    voice = Voice(folder, word, console.settings.text("project"))
    at = clock.time() if time is None else _moment(time)
    row = {key: values.metric(text) for key, text in map(recording.pair, pairs or ())}
    files: dict[str, bytes | Path] = {}
    if image or boxes:
        from artcli.flows.runs.pictures import pictures

        named = [recording.pair(word, "NAME=FILE", "art log-metrics --help") for word in image or ()]
        row.update(pictures(named, boxes or (), files))
    if file:
        from artcli.flows.runs.pictures import kept

        files.update(kept(file))
    is_late = bool(row) and not voice.row(row, at, step, files)
    if is_late:
        console.warn(f"step {step} is over: its row is dropped; rows come in the order of their steps")
    elif files and not row:
        voice.keep(files)
    streamed = _stream(console, voice, jsonl) if jsonl is not None else None
    if console.flags.want_items:  # else nothing: what is called ten thousand times is silent
        rows, dropped = (streamed.rows, streamed.dropped) if streamed else (0, 0)
        item = {"run": word, "rows": rows + (bool(row) and not is_late), "dropped": dropped + is_late}
        console.record(SAID, {**item, "files": sorted(files)})
    if streamed and streamed.bad:
        message = f"lines left out, being no rows (JSON objects): {streamed.bad:,}, line {streamed.first:,} the first"
        raise PartialError("lines-left-out", message)


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        from artcli.catalog import moments

        return moments.parse(text)


def _stream(console: Console, voice: Voice, path: Path) -> Streamed:
    from artcli.flows.runs.stream import stream

    if str(path) == "-":
        from artcli.cli.sources import stdin

        found = stream(voice, stdin().fileno())
    else:
        try:
            with open(path, "rb") as file:
                found = stream(voice, file.fileno())
        except (FileNotFoundError, IsADirectoryError):
            raise NotFoundError("no-such-path", f"no such file: {str(path)!r}", hint="art log-metrics --help") from None
    if found.dropped:
        console.warn(f"rows dropped, their steps being over: {found.dropped:,}")
    return found
