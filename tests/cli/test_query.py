"""`art query` and `art search`."""

from __future__ import annotations

import json

import pytest

from tests.kit.command_line import Art


@pytest.fixture
def data(art: Art) -> Art:
    art("init")
    (art.directory / "d").mkdir()
    (art.directory / "d" / 'a,"b".txt').write_text("x")
    art("log-artifact", "data", "d", "-m", "helmets, by night")
    return art


def test_timeout_is_a_number(data: Art) -> None:
    assert data("query", "select 1", "--timeout", "nan", "--json").error["code"] == "bad-value"
    assert data("query", "select 1", "--timeout", "0").code == 2


def test_query(data: Art) -> None:
    statement = "select ref, path, size from files"
    assert data("query", statement).out == 'data:v0\ta,"b".txt\t1\n'
    assert data("query", statement, "--csv").out == 'ref,path,size\ndata:v0,"a,""b"".txt",1\n'
    assert data("query", statement, "--json").json == {
        "schema": "art.query/1",
        "items": [{"ref": "data:v0", "path": 'a,"b".txt', "size": 1}],
    }
    assert data("query", "select name, x'0aff' from artifacts", "--header").out == "name\tx'0aff'\ndata\t0aff\n"
    assert data("query", "--schema", "-q").lines == [
        "artifacts",
        "audit",
        "edges",
        "files",
        "metrics",
        "runs",
        "versions",
    ]


def test_predictions_of_single_images_are_joined_by_their_index(data: Art) -> None:
    for name, rows in (("small", ((17, 0.5), (4, 0.25))), ("large", ((4, 0.75), (230, 1), (17, 0.5)))):
        run = data("run", "start", "--name", name).out.strip()
        lines = "".join(json.dumps({"image": image, "iou": iou}) + "\n" for image, iou in rows)
        (data.directory / "rows").write_text(lines)
        assert data("log-metrics", "--jsonl", "rows", "--run", run).code == 0
        data("run", "finish", run)
    predictions = """with predictions as (
        select r.name as model, i.value as image, p.value as iou
        from metrics i join metrics p using (run, step) join runs r on r.id = i.run
        where i.key = 'image' and p.key = 'iou')"""
    joined = "select image, b.iou - a.iou from predictions a join predictions b using (image)"
    found = data("query", f"{predictions} {joined} where a.model = 'small' and b.model = 'large' order by image")
    assert found.out == "4.0\t0.5\n17.0\t0.0\n"


def test_a_statement_that_writes_is_refused(data: Art) -> None:
    result = data("query", "delete from versions")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: a query only reads; refused: delete versions\n")
    assert data("query", "--json").error["code"] == "bad-query"


def test_search(data: Art) -> None:
    assert data("search", "helm", "night").out == "notes\tdata:v0\treason\thelmets, by night\n"
    assert data("search", "helmet", "--in", "logs,metadata").code == 1
    assert data("search", "x", "--in", "files", "--json").error["code"] == "no-such-place"
