"""What `art use`, `get` and `log-artifact` record in a run."""

from __future__ import annotations

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Input, Output, Register
from tests.kit.command_line import Art


@pytest.fixture
def run(art: Art, monkeypatch: pytest.MonkeyPatch) -> str:
    art("init")
    (art.directory / "data").mkdir()
    (art.directory / "data" / "a").write_text("a")
    art("log-artifact", "dataset", "data")
    found = art("run", "start").out.strip()
    monkeypatch.setenv("ART_RUN_ID", found)
    return found


def edges(art: Art, run: str) -> tuple[list[Input], list[Output], int]:
    """Inputs, outputs, and how many entries the log has."""
    repository = Repository.open(art.directory)
    try:
        register = Register(repository.follower.database)
        return register.inputs(run), register.outputs(run), len(list((art.directory / ".art" / "log").rglob("*/*")))
    finally:
        repository.close()


def version(art: Art, ref: str) -> tuple[str, str]:
    found = art("show", ref, "--json").json
    return str(found["ref"]), str(found["digest"])


def test_use_and_get_are_inputs(art: Art, run: str) -> None:
    assert art("use", "dataset:v0").code == 0
    assert art("use", "dataset:latest", "--as", "train").code == 0
    assert art("get", "dataset:v0/a", "copy").code == 0
    before = edges(art, run)
    assert [(item.digest, item.role) for item in before[0]] == [
        (version(art, "dataset:v0")[1], None),
        (version(art, "dataset:v0")[1], "train"),
    ]
    art("use", "dataset:v0")
    assert edges(art, run)[2] == before[2], "the log has it already"


def test_what_is_logged_is_an_output_in_the_same_entry(art: Art, run: str) -> None:
    before = edges(art, run)[2]
    (art.directory / "data" / "b").write_text("b")
    assert art("log-artifact", "dataset", "--base", "dataset:v0", "--add", "data/b").out == "dataset:v1\n"
    used, made, after = edges(art, run)
    assert [item.digest for item in used] == [version(art, "dataset:v0")[1]]
    assert [item.digest for item in made] == [version(art, "dataset:v1")[1]]
    assert after == before + 1


def test_the_same_content_is_an_output_too(art: Art, run: str) -> None:
    assert art("log-artifact", "dataset", "data").out == "dataset:v0\n"
    assert [item.digest for item in edges(art, run)[1]] == [version(art, "dataset:v0")[1]]


def test_not_recorded(art: Art, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    art("use", "dataset:v0", "--no-record")
    art("get", "dataset:v0", "copy", "--no-record")
    art("log-artifact", "dataset", "data", "--no-record")
    art("use", "dataset:v0", "-n")
    monkeypatch.setenv("ART_DISABLED", "1")
    art("use", "dataset:v0")
    assert edges(art, run)[:2] == ([], [])
    for show in ("id", "env"):
        assert art("run", "start", "--print", show) == (0, b"", b"")
    assert len(art("runs", "-q").lines) == 1


def test_another_run(art: Art, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = art("run", "start", "--name", "other").out.strip()
    art("use", "dataset:v0", "--run", "other")
    art("log-artifact", "dataset", "data", "--run", other[:6])
    assert (len(edges(art, other)[0]), len(edges(art, other)[1]), edges(art, run)[:2]) == (1, 1, ([], []))
    assert art("use", "dataset:v0", "--run", "nobody", "--json").error["code"] == "no-such-run"
    monkeypatch.setenv("ART_RUN_ID", "elsewhere")
    result = art("use", "dataset:v0")
    assert result.code == 0
    assert "warning: not recorded: this repository has no run 'elsewhere'" in result.err
