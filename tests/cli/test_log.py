from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_log(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("alias", "model:v0", "best", "-m", "fast")
    result = art("log", "-n", "3")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"{TIME}\ttester\tmodel:v0\talias best: v0\tfast\n"
        f"{TIME}\ttester\tdata:v0\tnew version: 1 of 2 files new, 100 %\t\n"
        f"{TIME}\ttester\tmodel:v2\tnew version: 2 of 5 files new, 40 %\t\n"
    )
    assert art("log", "model:v0", "--format", "{kind} {entry}").lines == ["alias 4", "version 0"]
    assert art("log", "--type", "dataset", "--author", "test", "--since", "2026-10-31", "--oneline").lines == [
        f"{TIME}\ttester\tdata:v0\tnew version: 1 of 2 files new, 100 %\t"
    ]
    assert len(art("log", "--json").json["items"]) == 5


def test_log_on_a_terminal(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    id = art("log", "data", "-q").out.strip()
    result = art.on_terminal("log", "data", NO_COLOR="1")
    title, who, event, *rest = result.out.splitlines()
    assert title == "data:v0  new version: 1 of 2 files new, 100 %"
    assert who.startswith("  by          tester on car, ")
    assert event == f"  event       {id[:12]}"
    assert "".join(rest) == ""


def test_log_is_not_for_metrics(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("log", "loss=0.3", "val acc=1")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: 'art log' shows history\nhint: art log-metrics loss=0.3 'val acc=1'\n"
    assert art("log", "a", "b", "--json").error["code"] == "bad-usage"
    assert art("log", "modle", "--json").error["code"] == "no-such-artifact"
