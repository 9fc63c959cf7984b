"""Rows of metrics from a stream of JSON Lines, logged as they come."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from artcli.catalog.runs.records import LIMIT, MOST_STEPS
from artcli.flows.runs.metrics import Voice

BLOCK = 256 * 1024
"""Bytes that are read at once; what is there makes one write to the spool."""
STEP, TIMESTAMP = "_step", "_timestamp"

Row = tuple[dict[str, Any], "int | None", float]


class Streamed(NamedTuple):
    """What came of a stream."""

    rows: int
    """Rows that were logged."""
    dropped: int
    """Rows whose step was over."""
    bad: int
    """Lines that are no rows."""
    first: int | None
    """The number of the first of these, from 1."""


def stream(voice: Voice, descriptor: int) -> Streamed:
    """Log what is read from `descriptor` to its end."""
    logged = dropped = bad = before = 0
    first = None
    for lines in _lines(descriptor):
        rows = []
        for number, line in enumerate(lines, before + 1):
            if (row := _row(line)) is not None:
                rows.append(row)
            elif line.strip():
                bad, first = bad + 1, first or number
        before += len(lines)
        if rows:
            late = voice.rows(rows)
            logged, dropped = logged + len(rows) - late, dropped + late
    return Streamed(logged, dropped, bad, first)


def _lines(descriptor: int) -> Iterator[list[bytes]]:
    """Whole lines, as many as came at once."""
    begun: list[bytes] = []
    while data := os.read(descriptor, BLOCK):
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            begun.append(data)
            continue
        yield b"".join([*begun, head]).split(b"\n")
        begun = [tail]
    yield [b"".join(begun)]


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line) if len(line) < LIMIT - 1024 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    step, at = row.pop(STEP, None), row.pop(TIMESTAMP, None)
    if step is not None and (type(step) is not int or not 0 <= step < MOST_STEPS - 1):
        return None
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at)):
        return None
    return row, step, time.time() if at is None else float(at)
