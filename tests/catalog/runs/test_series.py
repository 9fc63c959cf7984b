"""Charts: no peak is lost in a bucket, and a million points are drawn in less than a second."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.facts import Draft
from artcli.catalog.runs import series as module
from artcli.catalog.runs.cache import HISTORY, cache_of
from artcli.catalog.runs.records import Record, encode
from artcli.catalog.runs.series import Points, points, series
from artcli.catalog.runs.view import view
from tests.catalog.runs.gauge import Gauge

POINTS, PARTS = 1_000_000, 100


@pytest.fixture
def gauge(tmp_path: Path) -> Iterator[Gauge]:
    made = Gauge(tmp_path)
    yield made
    made.repository.close()


def segment(run: str, n: int, *records: str) -> Draft:
    data = {"run": run, "writer": "w", "n": n, "resumes": 0, "since": "2026", "records": list(records)}
    return Draft("segment", data)


def some_values() -> numpy.typing.NDArray[numpy.float64]:
    values = numpy.random.default_rng(1).normal(size=POINTS).cumsum()
    values[777_777], values[123_456] = 1e6, -1e6
    return values


def test_a_million_points_are_drawn_in_less_than_a_second(gauge: Gauge) -> None:
    run, values = gauge.begin().run, some_values()
    gauge.repository.commit(lambda _, make: [make(segment(run, n)) for n in range(PARTS)])
    view(gauge.repository, run)
    database = cache_of(gauge.repository).database
    each = POINTS // PARTS
    for part, n in database.execute("SELECT id, n FROM parts WHERE writer = 'w'").fetchall():
        steps = numpy.arange(n * each, (n + 1) * each)
        data = steps.tobytes() + values[steps].tobytes() + (steps + 1e9).tobytes()
        row = (part, run, HISTORY, "loss", each, zlib.crc32(data), data)
        database.execute("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    began = time.perf_counter()
    chart = series(gauge.repository, run, "loss")
    assert time.perf_counter() - began < 1
    _check(chart, Points(numpy.arange(POINTS), values, numpy.arange(POINTS, dtype=numpy.float64) + 1e9), module.BUCKETS)
    assert (chart.max.max(), chart.min.min()) == (1e6, -1e6)


@pytest.mark.soak
def test_a_million_points_that_were_said(gauge: Gauge) -> None:
    """Read once, they stay usable: what is logged after them costs what it costs at the beginning."""
    recorder, values = gauge.begin(), some_values()
    first = _seconds_of_rows(gauge, recorder)
    each = POINTS // PARTS
    with gauge.repository.writing(), gauge.repository.store.writer() as writer:
        drafts = []
        for n in range(PARTS):
            rows = zip(range(n * each, (n + 1) * each), values[n * each : (n + 1) * each].tolist(), strict=True)
            lines = [encode(Record("history", 1e9 + at, {"loss": value}, at, at + 1)) for at, value in rows]
            pieces = [writer.put(b"".join(lines[at : at + 2000])).hex() for at in range(0, each, 2000)]
            drafts.append(segment(recorder.run, n, *pieces))
        flushed = writer.flush()
        drafts.insert(0, Draft("index", {"add": flushed.add, "remove": flushed.remove}))
        gauge.repository.commit(lambda _, make: [make(draft) for draft in drafts])
    began = time.perf_counter()
    assert len(points(gauge.repository, recorder.run, "loss").values) == POINTS
    print(f"a million points are read in {time.perf_counter() - began:.1f} s", end=", ")
    began = time.perf_counter()
    series(gauge.repository, recorder.run, "loss")
    seconds = time.perf_counter() - began
    last = _seconds_of_rows(gauge, recorder)
    print(f"charted in {seconds:.3f} s; a row costs {first * 1e6:.0f} µs before them, {last * 1e6:.0f} µs after")
    assert seconds < 1
    assert last < 3 * first + 1e-4


def _seconds_of_rows(gauge: Gauge, recorder: object) -> float:
    """What a row costs; the median, since the machine has other things to do."""
    taken = []
    for _ in range(500):
        began = time.perf_counter()
        gauge.log(recorder, {"other": 1.0})  # type: ignore[arg-type]
        taken.append(time.perf_counter() - began)
    return sorted(taken)[250]


def test_an_append_reads_the_end_of_what_was_said_and_no_more(gauge: Gauge) -> None:
    """So its cost does not grow with the run."""
    recorder = gauge.begin()
    events = recorder.spool.folder / "0" / "events"
    taken = []
    for size in (0, 200_000, 700_000):  # more is sealed
        line = encode(Record("system", 1e9, {"pad": "x" * 900}, next=0))
        with events.open("ab") as file:
            file.write(line * (size // len(line)))
        before = _read_bytes()
        gauge.log(recorder, {"loss": 1.0})
        taken.append(_read_bytes() - before)
    assert max(taken) < 20_000
    assert max(taken) - min(taken) < 5000


def _read_bytes() -> int:
    with open("/proc/self/io", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("rchar")).split()[1])


STEPS = st.lists(st.integers(0, 300), min_size=1, max_size=80).map(sorted)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.data(), st.integers(1, 20))
def test_buckets_hold_what_lies_in_them(steps: list[int], data: st.DataObject, buckets: int) -> None:
    steps = list(dict.fromkeys(steps))
    values = data.draw(st.lists(st.floats(-10, 10), min_size=len(steps), max_size=len(steps)))
    given = Points(numpy.array(steps), numpy.array(values), numpy.array(steps, dtype=float))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "points", lambda *_: given)
        chart = series(None, "run", "loss", buckets)  # type: ignore[arg-type]
    _check(chart, given, buckets)


def _check(chart: module.Series, found: Points, buckets: int) -> None:
    """Each bucket is told by its last point; those up to it, and after the one before, are in it."""
    assert 1 <= len(chart.steps) <= max(buckets, 1)
    assert chart.steps[-1] == found.steps[-1]
    ends = numpy.searchsorted(found.steps, chart.steps)
    assert (found.steps[ends] == chart.steps).all()
    assert (chart.last == found.values[ends]).all()
    starts = numpy.append(0, ends[:-1] + 1)
    for at, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        inside = found.values[start : end + 1]
        assert (chart.min[at], chart.max[at]) == (inside.min(), inside.max())
