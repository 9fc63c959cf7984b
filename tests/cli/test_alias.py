from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_alias(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("alias", "model:v0", "best", "deployed", "-m", "fast")
    assert (result.code, result.out, result.err) == (0, "model:v0\n", "model:v0  best, deployed\n")
    assert art("alias", "model", "best", "--json").json == {
        "schema": "art.aliased/1", "ref": "model:v2", "project": "uncategorized", "aliases": ["latest", "best"],
    }  # fmt: skip
    result = art("alias", "--protect", "model:best")
    assert (result.code, result.out, result.err) == (0, "model:best\n", "best stays at model:v2\n")
    assert art("alias", "-l", "model").out == (
        f"model:latest\tmodel:v2\tfalse\t{TIME}\n"
        f"model:best\tmodel:v2\ttrue\t{TIME}\n"
        f"model:deployed\tmodel:v0\tfalse\t{TIME}\n"
    )
    assert art("alias", "-l", "-q").lines == ["data:latest", "model:latest", "model:best", "model:deployed"]
    assert art("alias", "--unprotect", "model:best").err == "best may leave model:v2\n"
    result = art("alias", "-d", "model:best", "model:deployed")
    assert (result.out, result.err) == ("model:best\nmodel:deployed\n", "model:best is gone  model:deployed is gone\n")


def test_alias_refused(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("alias", "model:v0", "best")
    art("alias", "model:best", "--protect")
    result = art("alias", "model:v1", "best")
    assert (result.code, result.out) == (6, "")
    assert result.err == (
        "error: alias 'best' is protected and leads to model:v0\nhint: art alias --unprotect model:best\n"
    )
    assert art("alias", "model:v9", "best", "--json").error["code"] == "no-such-version"
    assert "not 'model:latest'; 'latest' is computed" in art("alias", "-d", "model:latest").err
    for words in ([], ["model:v0"], ["-d"], ["-d", "-l", "model"], ["-l", "a", "b"], ["--protect"]):
        result = art("alias", *words)
        assert result.code == 2, words
        assert "hint: art alias " in result.err
