"""`art demo`: the playground is whole, and what it tells the newcomer to type works."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from artcli.flows.demo import TRY
from tests.kit.command_line import Art


def test_demo_makes_a_playground_in_which_all_that_it_tells_can_be_typed(art: Art) -> None:
    made = art("demo", "play")
    assert made.code == 0, made.err
    assert made.out == f"{art.directory / 'play'}\n"
    assert "  art log-artifact dataset camera" in made.err
    assert sorted(path.name for path in art.directory.iterdir()) == ["play"]
    for line, _ in TRY:
        assert line in made.err
        result = art("-C", "play", *shlex.split(line)[1:])
        assert (line, result.code, result.err if result.code else "") == (line, 0, "")
    versions = art("-C", "play", "ls", "dataset", "-q").out.split()
    assert sorted(versions) == [f"dataset:v{number}" for number in range(5)]


def test_demo_leaves_what_is_there(art: Art) -> None:
    (art.directory / "mine").mkdir()
    (art.directory / "mine" / "thesis.txt").write_text("mine")
    assert art("demo", "mine", "--json").error["code"] == "destination-not-empty"
    assert [path.name for path in (art.directory / "mine").iterdir()] == ["thesis.txt"]
    assert art("demo", "mine/thesis.txt").code == 6


def test_demo_does_not_touch_the_repository_of_the_environment(
    art: Art, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    art("init")
    before = art("log", "--json").out
    monkeypatch.setenv("ART_DIR", str(art.directory / ".art"))
    assert art("demo", str(tmp_path / "play")).code == 0
    assert art("log", "--json").out == before
    assert (tmp_path / "play" / ".art" / "config").exists()
