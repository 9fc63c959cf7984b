"""`art query` and `art search`."""

from __future__ import annotations

import pytest

from tests.kit.command_line import Art


@pytest.fixture
def data(art: Art) -> Art:
    art("init")
    (art.directory / "d").mkdir()
    (art.directory / "d" / 'a,"b".txt').write_text("x")
    art("log-artifact", "data", "d", "-m", "helmets, by night")
    return art


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


def test_a_statement_that_writes_is_refused(data: Art) -> None:
    result = data("query", "delete from versions")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: a query only reads; refused: delete versions\n")
    assert data("query", "--json").error["code"] == "bad-query"


def test_search(data: Art) -> None:
    assert data("search", "helm", "night").out == "notes\tdata:v0\treason\thelmets, by night\n"
    assert data("search", "helmet", "--in", "logs,metadata").code == 1
    assert data("search", "x", "--in", "files", "--json").error["code"] == "no-such-place"
