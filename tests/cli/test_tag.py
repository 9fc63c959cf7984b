from __future__ import annotations

import pytest

from tests.cli.shelf import fill
from tests.kit.command_line import Art


def test_tag(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("tag", "model:v0", "night", "rainy day")
    assert (result.code, result.out, result.err) == (0, "model:v0\n", "model:v0  night, rainy day\n")
    art("tag", "data", "night")
    assert art("tag", "-l").out == "night\t2\tmodel:v0,data:v0\nrainy day\t1\tmodel:v0\n"
    assert art("tag", "-l", "data", "--json").json == {
        "schema": "art.tags/1", "items": [{"tag": "night", "versions": 1, "refs": ["data:v0"]}],
    }  # fmt: skip
    assert art("tag", "-d", "data:v0", "night").err == "data:v0  no tags\n"


def test_tag_refused(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("tag", "model:v0", "a,b")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: a tag has letters, digits, '.', '_' and '-' and spaces inside, at most 128 of them: 'a,b'\n"
        "hint: art help refs\n"
    )
    for words in ([], ["model:v0"], ["-l", "-d"], ["-l", "a", "b"]):
        assert art("tag", *words, "--json").error["code"] == "bad-usage"
