from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_undo(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("alias", "model:v0", "best")
    (listed, *_) = art("undo", "--list").lines
    event, rest = listed.split("\t", 1)
    assert (len(event), rest) == (12, f"{TIME}\ttester\tmodel:v0\talias best: v0")
    result = art("undo", "-n")
    assert (result.code, result.out, result.err) == (
        0, f"{listed}\n", "would be taken back: model:v0 alias best: v0\n",
    )  # fmt: skip
    result = art("undo", event, "-m", "a mistake")
    assert (result.code, result.out, result.err) == (0, f"{listed}\n", "taken back: model:v0 alias best: v0\n")
    assert art("alias", "-l", "model", "-q").lines == ["model:latest"]
    (undone, done) = art("log", "model:v0", "-n", "2").lines
    assert undone == f"{TIME}\ttester\tmodel:v0\talias best: v0 → none  (undo)\ta mistake"
    assert done == f"{TIME}\ttester\tmodel:v0\talias best: v0  (undone)\t"
    art("alias", "model:v0", "best", "fast")
    assert len(art("undo").err.splitlines()) == 2


def test_undo_refused(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("undo", "ffff")
    assert (result.code, result.out) == (5, "")
    assert result.err == "error: no events have an id that starts with 'ffff'\nhint: art undo --list\n"
    assert art("undo", "--list", "ffff", "--json").error["code"] == "bad-usage"
