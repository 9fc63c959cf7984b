from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.command_line import Art


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return tmp_path / "user.toml"


def test_list_shows_where_each_value_comes_from(art: Art, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user.write_text("jobs = 3\n")
    monkeypatch.setenv("ART_PROJECT", "jetracer")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in art("config", "list").lines}
    assert rows["project"] == ["jetracer", "ART_PROJECT"]
    assert rows["jobs"] == ["3", str(user)]
    assert rows["color"] == ["auto", "default"]


def test_set_and_unset_for_the_user(art: Art, user: Path) -> None:
    user.write_text("# mine\n")
    result = art("config", "set", "--global", "types.dataset", "frames recordings")
    assert (result.code, result.out, result.err) == (0, "frames recordings\n", f"types.dataset is set in {user}\n")
    assert user.read_text() == '# mine\n\n[types]\ndataset = ["frames", "recordings"]\n'
    assert art("config", "get", "types.dataset", "--json").json["value"] == ["frames", "recordings"]
    result = art("config", "unset", "--global", "types.dataset")
    assert (result.code, result.err) == (0, f"types.dataset is removed from {user}\n")
    assert art("config", "unset", "--global", "types.dataset", "--json").error["code"] == "not-set"


def test_set_in_a_repository(art: Art) -> None:
    art("init")
    assert art("config", "set", "color", "never").out == "never\n"
    assert (art.directory / ".art" / "local" / "config.toml").read_text() == 'color = "never"\n'
    (art.directory / "deep").mkdir()
    assert art("-C", "deep", "config", "get", "color").out == "never\n"
    assert art("config", "unset", "color").out == "auto\n"


def test_set_needs_a_repository(art: Art) -> None:
    result = art("config", "set", "color", "never", "--json")
    assert (result.code, result.error["code"], result.error["hint"]) == (10, "no-repository", "art init")


def test_a_value_that_cannot_be(art: Art) -> None:
    result = art("config", "set", "--global", "color", "red")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [
        "error: color from the command line cannot be 'red'",
        "  possible: auto, always, never",
        "hint: art help environment",
    ]


def test_edit_opens_the_file(art: Art, user: Path) -> None:
    result = art.on_terminal("config", "edit", "--global", ART_EDITOR="echo 'jobs = 4' >")
    assert (result.code, user.read_text()) == (0, "jobs = 4\n")
    assert art.on_terminal("config", "edit", "--global", ART_EDITOR="false").code == 1
    refused = art("config", "edit", "--global", "--json")
    assert (refused.code, refused.error["code"]) == (2, "no-terminal")
