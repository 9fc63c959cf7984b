from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_rm(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("rm", "model", "--keep-last", "1", "-n")
    assert (result.code, result.out, result.err) == (
        0,
        f"model:v0\t1000\t{TIME}\t\nmodel:v1\t1000\t{TIME}\t\n",
        "2 versions would go to the trash\n",
    )
    assert art("ls", "model", "-q").lines == ["model:v2", "model:v1", "model:v0"]
    result = art("rm", "model:v1", "--yes", "-q")
    assert (result.code, result.out, result.err) == (0, "model:v1\n", "")
    result = art("rm", "data:v0", "-y")
    assert result.err == "1 version in the trash  back with: art restore data:v0\n"
    result = art("rm", "model", "--unaliased", "--older-than", "9999d", "-y")
    assert (result.code, result.out, result.err) == (0, "", "nothing to delete\n")
    document = art("rm", "model:v0", "-n", "--json").json
    assert document["schema"] == "art.removed/1"
    assert [(item["ref"], item["dry_run"]) for item in document["items"]] == [("model:v0", True)]
    assert art("ls", "--deleted", "-q").lines == ["data:v0", "model:v1"]


def test_rm_asks(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("rm", "model:v0")
    assert (result.code, result.out) == (2, "")
    assert result.err == ("error: not confirmed: send 1 version to the trash: model:v0?\nhint: art rm model:v0 --yes\n")
    assert art("rm", "model", "--json").error["code"] == "which-version"
    assert art("rm", "model", "--older-than", "soon", "--json").error["code"] == "bad-date"
    assert art("ls", "model", "-q").lines == ["model:v2", "model:v1", "model:v0"]
