from __future__ import annotations

import pytest

from tests.cli.shelf import fill
from tests.kit.command_line import Art


def test_restore(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("rm", "model:v0", "model:v1", "-y")
    result = art("restore", "model:v0", "model:1")
    assert (result.code, result.out, result.err) == (0, "model:v0\nmodel:v1\n", "model:v0 is back  model:v1 is back\n")
    assert art("restore", "model:v0").err == "model:v0 was not in the trash\n"
    result = art("restore", "model:v7")
    assert (result.code, result.out) == (5, "")
    assert result.err == (
        "error: a deleted version is named as NAME:vN, and 'model:v7' is none\n"
        "  in the trash: nothing\n"
        "hint: art ls model --deleted\n"
    )
