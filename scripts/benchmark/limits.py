"""What must be reached, as data, and the verdict on a run's rows.

A limit is a ratio to something measured in the same run, or a number of bytes, files or calls. Limits on time are
judged at full size only: a small run is mostly start-up and tells that everything works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from benchmark import data
from benchmark.plan import Row, median

MIB = 1 << 20


class Verdict(NamedTuple):
    """One line of the first table. `ratio` is art's value over that of `against`, and then `limit` bounds the ratio.

    `verdict` is pass, MISS or why neither; `relative` tells whether the limit bounds the ratio or the value.
    """

    work: str
    what: str
    value: float
    against: str
    other: float | None
    ratio: float | None
    limit: float
    verdict: str
    relative: bool = True


class Rows:
    """The rows of one run, asked by work and tool."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.all = list(rows)

    def of(self, work: str, tool: str) -> list[Row]:
        return [row for row in self.all if row["work"] == work and row["tool"] == tool]

    def median(self, work: str, tool: str, column: str) -> float | None:
        return median(self.of(work, tool), column)

    def fastest(self, work: str, tools: Sequence[str], column: str) -> tuple[str, float] | None:
        known = [(value, tool) for tool in tools if (value := self.median(work, tool, column)) is not None]
        return (min(known)[1], min(known)[0]) if known else None


RIVALS = ("borg", "hf-xet", "restic", "dvc")
RECORDING = ("import", "short", "log", "whole", "artifact", "download", "again")
TIMES = (  # work, column, compared with the fastest of, at most this many times
    ("W1", "wall", ("borg",), 0.8),
    ("W5-model", "wall", ("restic",), 0.65),
    ("W4", "wall", ("hf-xet",), 1.0),
    ("W2", "wall", ("borg", "hf-xet"), 0.4),
    ("W5-images", "wall", ("restic",), 0.8),
    ("W3", "wall", RIVALS, 0.4),
    ("W3-same", "wall", ("scan",), 3.0),
    ("W6", "wall", ("dvc",), 0.4),
    ("W6-same", "wall", ("scan",), 3.0),
    ("push", "wall", ("restic",), 0.3),
    ("push-delta", "wall", ("restic",), 0.4),
    ("clone", "wall", ("restic",), 0.5),
    ("http-push", "wall", ("restic",), 0.6),
    ("http-get", "wall", ("restic",), 0.6),
    ("http-clone", "wall", ("restic",), 0.6),
    *((f"run-{step}", "wall", (rival,), 1.0) for step in RECORDING for rival in ("wandb", "trackio")),
)
STORED = (  # work, column, what it is compared with, at most this part of it; from the limits of the full size
    ("W1", "stored", "model", 1.86e9 / (2 << 30)),
    ("tuned", "added", "tuned", 90e6 / (6 << 24)),
    ("CSV", "stored", "table", 0.32),
    ("W2", "stored", "images", 1.608 / 1.600),
)
WIRE = 1.02
"""Bytes on the wire, as a part of those that a place holds then: compressed chunks, and what is said of them."""
SERVED = 250e6
"""Bytes that the server gives one client in a second."""
ANONYMOUS = 256 * MIB
STARTS = (("art --version", 0.100), ("art use, in place", 0.130))
FSYNCS = (("art log-artifact, first", 8), ("art log-artifact", 8), ("art alias", 2))


def judge(rows: Rows, size: str, raw: dict[str, int]) -> list[Verdict]:
    """A verdict for every limit whose work was measured; `raw` has the bytes of the sources by name."""
    timed = size == "full"
    return [
        *_times(rows, timed),
        *_bytes(rows, raw),
        *_line(rows, timed),
        *_memory(rows),
        *_million(rows, timed),
        *_starts(rows),
        *_fsyncs(rows),
    ]


def _passes(holds: bool, judged: bool = True) -> str:
    return ("pass" if holds else "MISS") if judged else "not judged"


def _times(rows: Rows, timed: bool) -> Iterator[Verdict]:
    for work, column, tools, limit in TIMES:
        value = rows.median(work, "art", column)
        if value is None:
            continue
        best = rows.fastest(work, tools, column)
        if best is None:
            why = "it failed" if any(rows.of(work, tool) for tool in tools) else "no rival"
            yield Verdict(work, column, value, " ".join(tools), None, None, limit, why)
            continue
        ratio = value / best[1]
        yield Verdict(work, column, value, best[0], best[1], ratio, limit, _passes(ratio <= limit, timed))


def _bytes(rows: Rows, raw: dict[str, int]) -> Iterator[Verdict]:
    value, best = rows.median("W4", "art", "added"), rows.fastest("W4", ("hf-xet",), "added")
    if value is not None and best is not None:
        yield Verdict("W4", "added", value, best[0], best[1], value / best[1], 1.0, _passes(value <= best[1]))
    for work, column, source, part in STORED:
        value = rows.median(work, "art", column)
        if value is not None:
            ratio = value / raw[source]
            yield Verdict(work, column, value, "its source", raw[source], ratio, part, _passes(ratio <= part))


def _line(rows: Rows, timed: bool) -> Iterator[Verdict]:
    for tool in ("art push", "art clone"):
        value, stored = rows.median("wire", tool, "wire"), rows.median("wire", tool, "stored")
        if value is not None and stored is not None:
            ratio = value / stored
            yield Verdict("wire", f"{tool}: bytes", value, "the place", stored, ratio, WIRE, _passes(ratio <= WIRE))
    wall, fetched = rows.median("server", "art serve", "wall"), rows.median("server", "art serve", "fetched")
    if wall is not None and fetched is not None:
        seconds = wall / fetched * SERVED
        what = f"seconds for {SERVED / 1e6:.0f} MB"
        yield Verdict("server", what, seconds, "", None, None, 1.0, _passes(seconds <= 1.0, timed), False)


def _memory(rows: Rows) -> Iterator[Verdict]:
    own = [row for row in rows.all if row["tool"].split()[0] == "art" and "anon" in row]
    if own:
        most = max(own, key=lambda row: row["anon"])
        holds = most["anon"] <= ANONYMOUS
        what = f"most anonymous memory ({most['work']})"
        yield Verdict("all", what, most["anon"], "", None, None, ANONYMOUS, _passes(holds), False)


def _million(rows: Rows, timed: bool) -> Iterator[Verdict]:
    for step in ("add", "same", "back"):
        found = [row for row in rows.of("million", f"art {step}") if "wall" in row]
        if len({row["files"] for row in found}) == 2:
            tenth, whole = sorted(found, key=lambda row: row["files"])
            costs = [row["wall"] / row["files"] for row in (tenth, whole)]
            ratio = costs[1] / costs[0]
            verdict = _passes(ratio <= 1.0, timed)
            yield Verdict("million", f"{step}: a file", costs[1], "a tenth of it", costs[0], ratio, 1.0, verdict)


def _starts(rows: Rows) -> Iterator[Verdict]:
    floor = rows.median("start", "python -c pass", "wall")
    for case, limit in STARTS:
        value = rows.median("start", case, "wall")
        if value is not None and floor is not None:
            over = value - floor
            what = f"{case}: seconds over python -c pass"
            yield Verdict("start", what, over, "python -c pass", floor, None, limit, _passes(over <= limit), False)


def _fsyncs(rows: Rows) -> Iterator[Verdict]:
    for case, limit in FSYNCS:
        value = rows.median("fsync", case, "calls")
        if value is not None:
            yield Verdict("fsync", f"{case}: calls", value, "", None, None, limit, _passes(value <= limit), False)


def wrong(rows: Rows) -> list[str]:
    """What art did wrong, whatever the limits say: commands that failed, restored trees that differ."""
    told = []
    for row in rows.all:
        if row["tool"].split()[0] in ("art", "art-flat"):
            if "failed" in row:
                told.append(f"{row['work']} {row['tool']}: {row['failed']}")
            if row.get("differs"):
                told.append(f"{row['work']} {row['tool']}: restored tree differs: {row['differs']}")
    return told


def raw_sizes(size: str, measure: Callable[[str], int]) -> dict[str, int]:
    """Bytes of the sources that limits on stored bytes are parts of; `measure` tells those of a folder of the data."""
    return {**{name: measure(name) for name in ("model", "images", "table")}, "tuned": data.tuned_bytes(size)}
