"""The page of a run: what `art run show` says of it, metrics as charts, newest pictures, the end of its console.

However much a run has said, its page stays about a megabyte: of everything so much is shown, and then how much more
there is and what shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple
from urllib.parse import quote

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import LIVE, Register, Run
from artcli.catalog.runs.series import HISTORY, SYSTEM, Series, series
from artcli.catalog.runs.view import Metric, RunView, view
from artcli.errors import UNREADABLE
from artcli.flows.runs import logs, origin, pictures
from artcli.flows.runs.listing import Row, rows
from artcli.web.pages.boxes import overlay
from artcli.web.pages.chart import BUCKETS, chart
from artcli.web.pages.layout import lines, section, table, text
from artcli.wording import duration

METRICS, SAMPLES = 40, 20
"""Charts of what the run logged, and of its machine."""
ROWS = 200
"""Entries of a table, and versions."""
PICTURES = 24
TINY = 100
"""Pixels of its longer side below which a picture is too small to be seen as it is."""
LINES, CHARACTERS = 200, 60_000
"""Of the console's end."""
NOTES, WORDS = 20_000, 1000
"""Characters of notes, and of a line of the head."""
FORMATS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "bmp": "image/bmp",
    "webp": "image/webp", "avif": "image/avif",
}  # fmt: skip
"""Pictures that browsers show and that hold no program, by the end of their names."""
FIRST = ("cpu", "memory_percent", "gpu.", "proc.cpu", "proc.memory.rssMB")
"""Samples of the machine that come before the others, by how their names begin."""


class Picture(NamedTuple):
    """A picture that a run logged."""

    key: str
    step: int
    path: str
    """Among the files of the run."""
    caption: str
    width: int
    height: int
    """Pixels, as the run says; 0 if it does not."""
    boxes: Any
    """What the run says of boxes in it."""


def title(run: Run) -> str:
    """What a browser calls the page."""
    return f"{run.name} · {run.project}"


def body(repository: Repository, run: Run, *, browsable: bool) -> str:
    """The page of a run, as HTML. `browsable`: whether a browser may follow a link to files of versions.

    What cannot be read of it, for it is missing or damaged, is said.
    """
    seen = view(repository, run.id)
    (row,) = rows(repository, [seen])
    show = f"art run show {text(run.id)}"
    metrics = [metric for metric in seen.metrics.values() if metric.kind == "number"]
    system = sorted(seen.system.values(), key=lambda metric: (_rank(metric.key), metric.key))
    parts = [
        f"<h1>{text(run.name)}</h1>\n",
        _facts(row),
        f'<p class="notes">{lines(seen.notes[:NOTES])}</p>\n' if seen.notes else "",
        section("Config", _values(seen.config, f"{show} --field config")),
        section("Summary", _values(seen.summary, f"{show} --field summary")),
        section("Metrics", _charts(repository, run.id, metrics, METRICS, HISTORY, f"{show} --json")),
        section("Images", _pictures(run.id, list(newest(seen)), show)),
        section("Machine", _charts(repository, run.id, system, SAMPLES, SYSTEM, f"{show} --json")),
        section("Versions", _versions(repository, run.id, show, browsable=browsable)),
        section("Console", _console(repository, run.id)),
    ]
    if seen.fault:
        parts.insert(1, f'<p class="bad">Not all of it can be read: {text(seen.fault.message)}</p>\n')
    return "".join(parts)


def _facts(row: Row) -> str:
    run, start = row.view.run, row.view.start
    ended = f", exit {run.exit}" if run.exit is not None else ""
    again = f", taken up again {run.resumes}×" if run.resumes else ""
    known = [
        ("state", f"{row.state}{ended}"),
        ("id", run.id),
        ("project", run.project),
        ("job type", run.job_type),
        ("group", run.group),
        ("tags", ", ".join(row.view.tags)),
        ("began", f"{run.time} by {run.actor.partition(' <')[0]} on {run.machine}"),
        ("ran", f"{duration(row.duration)}{again}"),
        ("command", origin.command(start)),
        ("in", start.get("cwd")),
        ("git", origin.commit(start)),
        ("history", f"{row.view.rows:,} row{'s' * (row.view.rows != 1)}" if row.view.rows else ""),
    ]
    told = "".join(f"<dt>{name}</dt><dd>{text(value, WORDS)}</dd>\n" for name, value in known if value)
    return f"<dl>\n{told}</dl>\n"


def _values(values: Mapping[str, Any], command: str) -> str:
    some = list(values.items())
    if not some:
        return ""
    told = table((text(key), text(_shown(value))) for key, value in some[:ROWS])
    return told + _more(some, ROWS, "of them", command)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    return pictures.told(value) or json.dumps(value, ensure_ascii=False)


def _charts(
    repository: Repository, run: str, metrics: Sequence[Metric], most: int, stream: int, command: str
) -> str:  # fmt: skip
    figures = []
    for metric in metrics[:most]:
        try:
            found = series(repository, run, metric.key, BUCKETS, stream=stream)
        except UNREADABLE as error:
            figures.append(f'<p class="bad">{text(metric.key)}: {text(error.message)}</p>\n')
            continue
        if len(found.steps):
            figures.append(chart(metric.key, found, *_across(found, stream)))
    return _grid(figures, _more(metrics, most, "charts", command))


def _across(found: Series, stream: int) -> tuple[list[float], str]:
    """Where the buckets lie, and what that is."""
    if stream == SYSTEM:
        times = found.times.tolist()
        return times, f"over {duration(times[-1] - times[0])}"
    steps = found.steps.tolist()
    return steps, f"to step {steps[-1]:,}"


def _rank(key: str) -> int:
    return next((rank for rank, word in enumerate(FIRST) if key.startswith(word)), len(FIRST))


def newest(seen: RunView) -> Iterator[Picture]:
    """The pictures that were logged last under each key, those of the newest step first."""
    steps = {key: metric.step for key, metric in seen.metrics.items()}
    for key, value in sorted(seen.summary.items(), key=lambda item: -steps.get(item[0], -1)):
        kind = value.get("_type") if isinstance(value, Mapping) else None
        told: list[tuple[Any, Any, Any]] = []
        if kind == "image-file":
            told = [(value.get("path"), value.get("caption"), value.get("boxes"))]
        elif kind == "images/separated":
            told = list(zip_longest(*(_list(value.get(name)) for name in ("filenames", "captions", "all_boxes"))))
        for path, caption, boxes in told:
            if isinstance(path, str) and format_of(path):
                extent = _pixels(value.get("width")), _pixels(value.get("height"))
                yield Picture(key, steps.get(key, 0), path, str(caption or ""), *extent, boxes)


def _pixels(value: Any) -> int:
    return int(value) if isinstance(value, int) and 0 < value < 100_000 else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def format_of(path: str) -> str | None:
    """The media type of a picture that a browser may show; None of anything else."""
    return FORMATS.get(path.rpartition(".")[2].lower())


def _pictures(run: str, found: Sequence[Picture], command: str) -> str:
    figures = []
    for picture in found[:PICTURES]:
        address = f"./{quote(run, safe='')}/{quote(picture.path, errors='replace')}"
        words = f"<b>{text(picture.key)}</b> step {picture.step:,} {text(picture.caption)}"
        attributes = f'src="{address}" alt="{text(picture.caption or picture.key)}"{_extent(picture)}'
        over = overlay(picture.boxes, picture.width, picture.height)
        image = f'<img loading="lazy" {attributes}>'
        image = f'<div class="seen">{image}{over}</div>' if over else image
        figures.append(f"<figure>{image}\n<figcaption>{words}</figcaption></figure>\n")
    return _grid(figures, _more(found, PICTURES, "images", command))


def _extent(picture: Picture) -> str:
    """Attributes that keep its room free until it has come; what has few pixels is shown larger, each as a square."""
    width, height = picture.width, picture.height
    if not width or not height:
        return ""
    tiny = ' class="tiny"' if max(width, height) < TINY else ""
    return f' width="{width}" height="{height}"{tiny}'


def _grid(figures: Sequence[str], more: str) -> str:
    return f'<div class="grid">\n{"".join(figures)}</div>\n{more}' if figures else ""


def _versions(repository: Repository, run: str, command: str, *, browsable: bool) -> str:
    register = Register(repository.follower.database)
    used = [(item.version, item.uri, item.role) for item in register.inputs(run)]
    logged = [(item.version, None, None) for item in register.outputs(run)]
    told = [
        (word, _version(repository, version, uri, browsable=browsable) + (f" as {text(role)}" if role else ""))
        for word, items in (("used", used), ("logged", logged))
        for version, uri, role in items[:ROWS]
    ]
    more = _more(used, ROWS, "that it used", command) + _more(logged, ROWS, "that it logged", command)
    return table(told) + more if told else ""


def _version(repository: Repository, id: str | None, uri: str | None, *, browsable: bool) -> str:
    version = repository.catalog.version(id) if id else None
    if version is None:
        return text(uri or id)
    if not browsable or version.state != LIVE:
        return text(version.ref)
    address = f"../../../files/{quote(version.project, safe='')}/{quote(version.ref, safe=':')}/"
    return f'<a href="{address}">{text(version.ref)}</a>'


def _console(repository: Repository, run: str) -> str:
    try:
        said = "".join(map(logs.text, logs.last(repository, run, LINES)))
    except UNREADABLE as error:
        return f'<p class="bad">It cannot be read: {text(error.message)}</p>'
    if not said:
        return ""
    told = f'<p class="dim">At most {LINES} lines; all: <code>art run logs {text(run)}</code></p>\n'
    return f"{told}<pre><span>{lines(said[-CHARACTERS:])}</span></pre>"


def _more(found: Sequence[object], shown: int, what: str, command: str) -> str:
    """What is said of those that are not shown; `command` is HTML already."""
    if len(found) <= shown:
        return ""
    return f'<p class="dim">{len(found) - shown:,} more {what}: <code>{command}</code></p>\n'
