"""The cache of what runs said follows segments and spools, and may be lost at any time."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs import cache
from artcli.catalog.runs.cache import cache_of
from artcli.catalog.runs.records import Record, encode
from artcli.catalog.runs.said import Said
from artcli.catalog.runs.series import points
from artcli.catalog.runs.view import RunView, files, rows, view, views
from artcli.flows.runs.seal import seal
from tests.catalog.runs.gauge import Gauge


@pytest.fixture
def gauge(tmp_path: Path) -> Iterator[Gauge]:
    made = Gauge(tmp_path)
    yield made
    made.repository.close()


def told(found: RunView) -> tuple[Any, ...]:
    return found.config, found.summary, found.rows, found.next_step, found.metrics, found.duration, found.began


def test_what_a_live_run_says_is_there_at_once(gauge: Gauge) -> None:
    run = gauge.begin(config={"lr": 0.1})
    assert view(gauge.repository, run.run).config == {"lr": 0.1}
    for step in range(3):
        gauge.log(run, {"loss": 1 / (step + 1)})
        found = view(gauge.repository, run.run)
        assert (found.rows, found.next_step, found.summary) == (step + 1, step + 1, {"loss": 1 / (step + 1)})
    assert points(gauge.repository, run.run, "loss").values.tolist() == [1, 1 / 2, 1 / 3]


def test_words_that_are_no_utf8_and_numbers_that_are_no_json(gauge: Gauge) -> None:
    run = gauge.begin(config={"\udcff": "\ud800"})
    row = {"\udcff": float("nan"), "é": 2, "big": 10**400, "deep": {"er": float("inf")}}
    gauge.log(run, row)
    gauge.say(run, "file", path="\udcff.png", size=3)
    for _ in range(2):
        found = view(gauge.repository, run.run)
        assert (found.config, repr(found.summary)) == ({"\udcff": "\ud800"}, repr(row))
        assert repr(points(gauge.repository, run.run, "\udcff").values.tolist()) == "[nan]"
        assert list(files(gauge.repository, run.run).values()) == [3]
        seal(gauge.repository, run.spool)


def test_only_what_is_new_is_read(gauge: Gauge, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gauge.begin()
    for _ in range(50):
        gauge.log(run, {"loss": 1.0})
    view(gauge.repository, run.run)
    heard: list[Record] = []
    hear = Said._hear

    def listen(said: Said, record: Record) -> None:
        heard.append(record)
        hear(said, record)

    monkeypatch.setattr(Said, "_hear", listen)
    gauge.log(run, {"loss": 2.0})
    assert view(gauge.repository, run.run).rows == 51
    assert [record.data for record in heard] == [{"loss": 2.0}]
    view(gauge.repository, run.run)
    assert len(heard) == 1


@pytest.mark.parametrize("seen", [False, True])
def test_sealing_changes_nothing(gauge: Gauge, seen: bool) -> None:
    run = gauge.begin(config={"lr": 0.1})
    gauge.log(run, {"loss": 2.0})
    if seen:
        view(gauge.repository, run.run)
    gauge.log(run, {"loss": 1.0, "val": {"mAP": 0.5}})
    before = told(view(gauge.repository, run.run)) if seen else None
    seal(gauge.repository, run.spool)
    after = told(view(gauge.repository, run.run))
    assert before is None or after == before
    gauge.log(run, {"loss": 0.5})
    run.finish()
    found = view(gauge.repository, run.run)
    assert (found.rows, found.summary) == (3, {"loss": 0.5, "val": {"mAP": 0.5}})
    assert points(gauge.repository, run.run, "loss").values.tolist() == [2.0, 1.0, 0.5]
    assert gauge_count(gauge, "parts WHERE NOT sealed") == 0


def test_without_its_file_nothing_is_lost(gauge: Gauge) -> None:
    run = gauge.begin(config={"lr": 0.1})
    for _ in range(3):
        gauge.log(run, {"loss": 1.0})
        seal(gauge.repository, run.spool)
    gauge.log(run, {"loss": 2.0})
    before = told(view(gauge.repository, run.run))
    gauge.cache.unlink()
    with gauge.another() as repository:
        assert told(view(repository, run.run)) == before


@pytest.mark.parametrize("sealed", [False, True])
def test_rows_of_several_writers_are_counted_as_the_history_shows_them(gauge: Gauge, sealed: bool) -> None:
    run = gauge.begin()
    for step in (0, 1, 2, 5, 9):
        gauge.log(run, {"loss": 1.0, "n": step}, step)
    gauge.log(run, {"word": "end"}, 11)
    seal(gauge.repository, run.spool)
    others = [("other", 0, [1, 2, 3, 9, 9, 20]), ("third", 0, [0, 3, 4]), ("third", 1, [4, 30])]
    for writer, n, steps in others:
        _say_as_another(gauge, run.run, writer, n, steps)
        if not sealed:
            view(gauge.repository, run.run)  # by and by
    if not sealed:
        gauge.log(run, {"loss": 0.0}, 20)
    found = view(gauge.repository, run.run)
    history = [row["_step"] for row in rows(gauge.repository, run.run)]
    assert history == [0, 1, 2, 3, 4, 5, 9, 11, 20, 30]
    assert found.rows == len(history)
    gauge.cache.unlink()
    with gauge.another() as repository:
        assert view(repository, run.run).rows == len(history)


def _say_as_another(gauge: Gauge, run: str, writer: str, n: int, steps: list[int]) -> None:
    """Rows as another machine has said them in this run at the same time."""
    repository = gauge.repository
    lines = [encode(Record("history", 1e9 + step, {"acc": step}, step, step)) for step in steps]
    with repository.writing(), repository.store.writer() as writing:
        chunk = writing.put(b"".join(lines)).hex()
        flushed = writing.flush()
        data = {"run": run, "writer": writer, "n": n, "resumes": 0, "since": "2020", "records": [chunk]}
        drafts = [Draft("index", {"add": flushed.add, "remove": flushed.remove}), Draft("segment", data)]
        repository.commit(lambda _, make: [make(draft) for draft in drafts])


def damage_header(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def older_format(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE stamp SET stamp = 'runs 0'")
    database.close()


def flipped_points(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE points SET data = zeroblob(length(data))")
    database.close()


def flipped_words(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE parts SET said = '{', offset = 0")
        database.execute("UPDATE said SET settled = '{'")
    database.close()


@pytest.mark.parametrize("damage", [damage_header, cut_short, older_format, flipped_points, flipped_words])
def test_a_damaged_file_is_made_anew(gauge: Gauge, damage: Any) -> None:
    run = gauge.begin(config={"lr": 0.1})
    gauge.log(run, {"loss": 1.0})
    seal(gauge.repository, run.spool)
    gauge.log(run, {"loss": 2.0})
    view(gauge.repository, run.run)
    cache_of(gauge.repository).database.close()  # its log is written into the file
    damage(gauge.cache)
    gauge.log(run, {"loss": 3.0})
    with gauge.another() as repository:
        assert view(repository, run.run).summary == {"loss": 3.0}
        assert points(repository, run.run, "loss").values.tolist() == [1.0, 2.0, 3.0]


def test_where_it_cannot_be_written_memory_serves(gauge: Gauge) -> None:
    run = gauge.begin()
    gauge.log(run, {"loss": 1.0})
    gauge.cache.mkdir()
    with gauge.another() as repository:
        assert view(repository, run.run).summary == {"loss": 1.0}
    assert gauge.cache.is_dir()


def test_many_processes_at_once(gauge: Gauge) -> None:
    run = gauge.begin()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            with gauge.another() as repository:
                seen = 0
                while seen < 120:
                    found = len(points(repository, run.run, "loss").values)
                    assert found >= seen
                    seen = found
        except BaseException as error:
            failures.append(error)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    for number in range(120):
        gauge.log(run, {"loss": float(number)})
        if number % 25 == 24:
            seal(gauge.repository, run.spool)
    for watcher in watchers:
        watcher.join()
    assert not failures
    assert points(gauge.repository, run.run, "loss").values.tolist() == list(range(120))


def _watch(path: Path, run: str, last: int) -> None:
    with closing(Repository(path)) as repository:
        seen = 0
        while seen < last:
            found = points(repository, run, "loss").values.tolist()
            assert found == list(range(len(found)))
            assert len(found) >= seen
            assert view(repository, run).rows >= len(found)
            seen = len(found)


def test_processes_at_once_and_a_file_that_is_deleted_meanwhile(gauge: Gauge) -> None:
    run, last = gauge.begin(), 60
    forks = multiprocessing.get_context("fork")
    watchers = [forks.Process(target=_watch, args=(gauge.repository.path, run.run, last)) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    for number in range(last):
        gauge.log(run, {"loss": float(number)})
        if number % 20 == 10:
            for path in gauge.cache.parent.glob("runs.db*"):
                path.unlink()
        if number % 25 == 24:
            seal(gauge.repository, run.spool)
    for watcher in watchers:
        watcher.join(60)
    assert [watcher.exitcode for watcher in watchers] == [0, 0, 0]
    assert points(gauge.repository, run.run, "loss").values.tolist() == list(range(last))


def test_long_readings_are_kept_slice_by_slice(gauge: Gauge, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gauge.begin()
    for number in range(5):
        gauge.log(run, {"loss": float(number)})
        seal(gauge.repository, run.spool)
    monkeypatch.setattr(cache, "SLICE", 0.0)
    assert points(gauge.repository, run.run, "loss").values.tolist() == [0, 1, 2, 3, 4]


def test_a_run_that_is_purged_is_forgotten(gauge: Gauge) -> None:
    run = gauge.begin(config={"lr": 0.1})
    run.finish()
    assert len(views(gauge.repository)) == 1
    for kind in ("delete", "purge"):
        gauge.repository.commit(lambda _, make, kind=kind: [make(Draft(kind, {"run": run.run}))])  # type: ignore[misc]
    assert views(gauge.repository) == []
    assert gauge_count(gauge, "parts") == 0


def test_a_missing_chunk_is_told_and_hides_nothing_else(gauge: Gauge, tmp_path: Path) -> None:
    first, second = gauge.begin(config={"lr": 1}), gauge.begin(config={"lr": 2})
    first.finish()
    (pack,) = (tmp_path / ".art" / "packs").rglob("*/*")
    second.finish()
    content = pack.read_bytes()
    pack.unlink()
    with gauge.another() as repository:
        broken, whole = views(repository)
        assert (broken.config, broken.fault and broken.fault.slug) == ({}, "missing-chunk")
        assert (whole.config, whole.fault) == ({"lr": 2}, None)
        pack.write_bytes(content)
        assert views(repository)[0].config == {"lr": 1}


def test_the_summary_is_what_define_metric_says(gauge: Gauge) -> None:
    run = gauge.begin()
    gauge.say(run, "define", metric="loss", summary="min,mean,first,last")
    gauge.say(run, "define", metric="val/*", summary="best", goal="maximize")
    gauge.say(run, "define", metric="secret", summary="none")
    gauge.say(run, "define", metric="both", summary="copy,max")
    for value in (3.0, 1.0, 2.0):
        gauge.log(
            run, {"loss": value, "val/mAP": value, "secret": value, "both": value, "plain": value, "in": {"a": 1}}
        )
    assert view(gauge.repository, run.run).summary == {
        "loss": {"min": 1.0, "mean": 2.0, "first": 3.0, "last": 2.0},
        "val/mAP": {"best": 3.0},
        "both": 2.0,
        "plain": 2.0,
        "in": {"a": 1},
    }
    gauge.say(run, "define", metric="loss", summary="max", overwrite=True)
    seal(gauge.repository, run.spool)
    assert view(gauge.repository, run.run).summary["loss"] == {"max": 3.0}
    gauge.say(run, "summary", loss="low", null_keys=["plain"])
    found = view(gauge.repository, run.run).summary
    assert (found["loss"], "plain" in found) == ("low", False)


VALUES = st.one_of(st.integers(-5, 5), st.floats(allow_nan=True), st.text(max_size=2), st.booleans())
ROWS = st.dictionaries(st.sampled_from("abc"), st.one_of(VALUES, st.dictionaries(st.sampled_from("xy"), VALUES)))
RECORDS = st.lists(
    st.one_of(
        ROWS.map(lambda row: ("history", row)),
        ROWS.map(lambda row: ("summary", row)),
        ROWS.map(lambda row: ("config", row)),
        st.just(("start", {"host": "car"})),
        st.sampled_from(["min", "max,last", "mean", "best", "first", "none"]).map(
            lambda s: ("define", {"metric": "a", "summary": s})
        ),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(RECORDS, st.integers(0, 12), st.integers(0, 12))
def test_parts_add_up_to_the_whole(said: list[tuple[str, dict[str, Any]]], one: int, two: int) -> None:
    found = [
        Record(kind, 1e9 + at, data, at if kind == "history" else None, at + 1) for at, (kind, data) in enumerate(said)
    ]
    whole = Said()
    whole.absorb(found)
    first, second = sorted((one, two))
    parts = Said()
    for some in (found[:first], found[first:second], found[second:]):
        part = Said()
        part.absorb(some)
        parts.add(part)
    assert _rounded(parts.document) == _rounded(whole.document)
    assert _rounded(parts.outcome) == _rounded(whole.outcome)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return f"{value:.9g}" if isinstance(value, float) else value


def gauge_count(gauge: Gauge, table: str) -> int:
    return int(cache_of(gauge.repository).database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
