"""SQL over a repository: right answers, and nothing but reading."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.errors import ArtError, UsageError
from artcli.flows.query.ask import ask
from artcli.flows.query.tables import described
from tests.catalog.runs.gauge import Gauge
from tests.flows.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.log("data", {"a.txt": b"a", "sub/b.txt": b"bb" * 1000})
    made.log(
        "data", {"a.txt": b"a", "sub/b.txt": b"changed"}, metadata={"stage": "raw", "n": float(1)}, aliases=("best",)
    )
    gauge = Gauge(tmp_path)
    run = gauge.begin(name="first", job_type="train", config={"lr": 0.1, "nan": float("nan")}, id="one")
    gauge.log(run, {"loss": 0.5})
    gauge.log(run, {"loss": 0.25, "word": "\ud800"})
    run.finish("finished", 0)
    gauge.repository.close()
    yield made
    made.repository.close()


def rows(shop: Workshop, statement: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in ask(shop.repository, statement, "uncategorized", **options).rows]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT name, type, versions, latest FROM artifacts", [("data", "dataset", 2, "data:v1")]),
        ("SELECT ref, json_extract(metadata, '$.stage'), aliases FROM versions WHERE version = 1",
         [("data:v1", "raw", '["latest","best"]')]),
        ("SELECT ref, path, kind, size FROM files ORDER BY 1, 2",
         [("data:v0", "a.txt", "file", 1), ("data:v0", "sub/b.txt", "file", 2000),
          ("data:v1", "a.txt", "file", 1), ("data:v1", "sub/b.txt", "file", 7)]),
        ("SELECT id, name, state, rows, json_extract(config, '$.lr'), json_extract(summary, '$.loss') FROM runs",
         [("one", "first", "finished", 2, 0.1, 0.25)]),
        ("SELECT run, step, value FROM metrics WHERE key = 'loss'", [("one", 0, 0.5), ("one", 1, 0.25)]),
        ("SELECT COUNT(*) FROM edges", [(0,)]),
        ("SELECT COUNT(*) > 4, COUNT(DISTINCT actor) FROM audit", [(1, 1)]),
        ("SELECT f.path FROM files f JOIN versions v USING (ref) WHERE v.version = 0 AND f.size > 5", [("sub/b.txt",)]),
    ],
)  # fmt: skip
def test_tables(shop: Workshop, statement: str, found: list[Any]) -> None:
    assert rows(shop, statement) == found


def test_every_table_has_the_columns_that_it_promises(shop: Workshop) -> None:
    for name, (columns, _) in described().items():
        answer = ask(shop.repository, f"SELECT * FROM {name}", "uncategorized")
        assert list(answer.columns) == list(columns)
        list(answer.rows)


def test_files_of_some_versions_only(shop: Workshop) -> None:
    first = next(version.id for version in shop.repository.catalog.versions())
    assert rows(shop, "SELECT DISTINCT ref FROM files", refs=[first]) == [("data:v0",)]


def test_columns_of_one_name_are_told_apart(shop: Workshop) -> None:
    answer = ask(shop.repository, "SELECT 1 AS x, 2 AS x", "uncategorized")
    assert (answer.columns, list(answer.rows)) == (["x", "x_2"], [(1, 2)])


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO runs (id) VALUES ('x')",
        "DELETE FROM versions",
        "UPDATE runs SET name = 'x'",
        "WITH x AS (SELECT 1) INSERT INTO runs (id) SELECT * FROM x",
        "CREATE TABLE x (y)",
        "DROP TABLE runs",
        "ATTACH 'stolen.db' AS x",
        "PRAGMA writable_schema = ON",
        "BEGIN",
        "VACUUM INTO 'stolen.db'",
        "SELECT load_extension('x')",
        "CREATE TEMP TABLE x (y)",
    ],
)
def test_nothing_but_reading(shop: Workshop, statement: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(UsageError) as raised:
        rows(shop, statement)
    assert raised.value.slug in ("query-only-reads", "bad-query")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    "statement", ["", ";", "-- nothing", "SELEC", "SELECT 1; SELECT 2", "SELECT * FROM nowhere", "SELECT '\ud800'"]
)
def test_what_is_no_query(shop: Workshop, statement: str) -> None:
    with pytest.raises(UsageError) as raised:
        rows(shop, statement)
    assert raised.value.slug == "bad-query"


def test_a_limit_of_time(shop: Workshop) -> None:
    endless = "WITH RECURSIVE t (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT COUNT(*) FROM t"
    with pytest.raises(ArtError) as raised:
        rows(shop, endless, seconds=0.1)
    assert raised.value.slug == "query-too-long"


@pytest.mark.parametrize("table", ["files", "metrics", "audit"])
def test_the_time_includes_what_filling_takes(shop: Workshop, table: str) -> None:
    with pytest.raises(ArtError) as raised:
        rows(shop, f"SELECT COUNT(*) FROM {table}", seconds=0)
    assert raised.value.slug == "query-too-long"


def test_the_time_is_the_statements_own(shop: Workshop) -> None:
    """However long whoever reads the rows takes for each."""
    many = "WITH RECURSIVE t (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM t LIMIT 50000) SELECT x FROM t"
    answer = ask(shop.repository, many, "uncategorized", seconds=1)
    assert next(answer.rows) == (0,)
    time.sleep(1.1)
    assert sum(1 for _ in answer.rows) == 49_999


def test_ctrl_c(shop: Workshop) -> None:
    """Also before there is a first row."""
    endless = "WITH RECURSIVE t (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT COUNT(*) FROM t"
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        rows(shop, endless, seconds=20)
