"""The points of one metric of a run, as many as a chart can show.

Where there are more points than buckets, each bucket is an equal stretch of steps, and tells the least, the greatest
and the last value in it: no peak is lost, and a million points are as quick to draw as a thousand.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from artcli.catalog.repository import Repository
from artcli.catalog.runs.cache import HISTORY, SYSTEM, bindable, cache_of, unpacked

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

BUCKETS = 1500

__all__ = ["BUCKETS", "HISTORY", "SYSTEM", "Points", "Series", "points", "series"]


class Points(NamedTuple):
    """Points by step; of those of one step the one that was logged last."""

    steps: NDArray[int64]
    values: NDArray[float64]
    times: NDArray[float64]
    """Seconds since 1970."""


class Series(NamedTuple):
    """Buckets by step: where the last of their points lies, and what values they hold."""

    steps: NDArray[int64]
    min: NDArray[float64]
    max: NDArray[float64]
    last: NDArray[float64]
    times: NDArray[float64]


def points(repository: Repository, run: str, key: str, stream: int = HISTORY) -> Points:
    """All points of a metric (its key within dictionaries joined by dots); none if the run never logged it."""
    import numpy

    def ask(database: sqlite3.Connection) -> list[bytes]:
        rows = database.execute(
            "SELECT o.count, o.crc, o.data FROM points o JOIN parts p ON p.id = o.part"
            " WHERE o.run = ? AND o.stream = ? AND o.key = ? ORDER BY p.place, o.rowid",
            (run, stream, bindable(key)),
        )
        return [unpacked(*row) for row in rows]

    pieces = [numpy.frombuffer(data, "<i8").reshape(3, -1) for data in cache_of(repository).asked(ask, [run])]
    whole = numpy.concatenate(pieces, axis=1) if pieces else numpy.empty((3, 0), "<i8")
    steps, values, times = whole[0], whole[1].view("<f8"), whole[2].view("<f8")
    if stream == SYSTEM or (numpy.diff(steps) > 0).all():
        return Points(steps, values, times)
    order = numpy.argsort(steps, kind="stable")
    ordered = steps[order]
    order = order[numpy.append(ordered[1:] != ordered[:-1], True)]
    return Points(steps[order], values[order], times[order])


def series(
    repository: Repository, run: str, key: str, buckets: int = BUCKETS, *, stream: int = HISTORY,
    first: int | None = None, last: int | None = None,
) -> Series:  # fmt: skip
    """The metric in at most `buckets` buckets, from step `first` to step `last`; samples of the machine by time.

    A value that is no number counts only where a bucket has no other.
    """
    import numpy

    found = points(repository, run, key, stream)
    if first is not None or last is not None:
        begin = 0 if first is None else int(numpy.searchsorted(found.steps, first))
        end = len(found.steps) if last is None else int(numpy.searchsorted(found.steps, last, "right"))
        found = Points(found.steps[begin:end], found.values[begin:end], found.times[begin:end])
    count = len(found.steps)
    if count <= buckets:
        return Series(found.steps, found.values, found.values, found.values, found.times)
    across = found.times if stream == SYSTEM else found.steps
    edges = numpy.linspace(float(across[0]), float(across[-1]), buckets + 1)[:-1]
    starts = numpy.unique(numpy.searchsorted(across, edges))
    ends = numpy.append(starts[1:], count) - 1
    low, high = numpy.fmin.reduceat(found.values, starts), numpy.fmax.reduceat(found.values, starts)
    return Series(found.steps[ends], low, high, found.values[ends], found.times[ends])
