from __future__ import annotations

from pathlib import Path

import pytest

from artcli.errors import NotFoundError, UsageError
from artcli.settings import (
    SETTINGS,
    Found,
    Settings,
    find_repository,
    local_file,
    setting,
    user_file,
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "work" / ".art"
    (path / "local").mkdir(parents=True)
    (path / "config").write_text("{}")
    return path


def settings(repository: Path, flags: dict[str, str] | None = None, **environment: str) -> Settings:
    user = str(repository.parent.parent / "user.toml")
    return Settings(flags=flags, repository=repository, environment={"ART_CONFIG": user, **environment})


def test_each_layer_yields_to_the_one_above(repository: Path) -> None:
    beside = repository.parent

    def found(flags: dict[str, str] | None = None, **environment: str) -> Found:
        return settings(repository, flags, **environment).find("project")

    assert found() == ("project", "uncategorized", "default")
    user = beside.parent / "user.toml"
    user.write_text('project = "of-user"')
    assert found() == ("project", "of-user", str(user))
    (beside / "pyproject.toml").write_text('[tool.art]\nproject = "of-pyproject"')
    assert found() == ("project", "of-pyproject", str(beside / "pyproject.toml"))
    (beside / "art.toml").write_text('project = "committed"')
    assert found() == ("project", "committed", str(beside / "art.toml"))
    local_file(repository).write_text('project = "local"')
    assert found() == ("project", "local", str(local_file(repository)))
    assert found(ART_PROJECT="of-environment") == ("project", "of-environment", "ART_PROJECT")
    assert found({"project": "of-flag"}, ART_PROJECT="x") == ("project", "of-flag", "flag --project")


def test_conventional_variables(repository: Path) -> None:
    local_file(repository).write_text('color = "always"\npager = "most"\n')
    assert settings(repository, NO_COLOR="1").find("color") == ("color", "never", "NO_COLOR")
    assert settings(repository, NO_COLOR="").text("color") == "always"
    assert settings(repository, CLICOLOR_FORCE="0").find("color").origin != "CLICOLOR_FORCE"
    assert settings(repository, NO_COLOR="1", ART_COLOR="auto").text("color") == "auto"
    assert settings(repository, {"color": "always"}, NO_COLOR="1").text("color") == "always"
    assert settings(repository, PAGER="less").text("pager") == "most"
    assert settings(repository, EDITOR="ed").find("editor") == ("editor", "ed", "EDITOR")
    assert settings(repository, EDITOR="ed", VISUAL="emacs").text("editor") == "emacs"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)])
def test_truth(repository: Path, text: str, value: bool) -> None:
    assert settings(repository, ART_NO_INPUT=text).truth("no-input") is value


@pytest.mark.parametrize(
    ("variable", "value"), [("ART_JOBS", "-1"), ("ART_JOBS", "many"), ("ART_NO_INPUT", "perhaps"), ("ART_COLOR", "red")]
)
def test_a_value_that_cannot_be(repository: Path, variable: str, value: str) -> None:
    name = next(known.name for known in SETTINGS.values() if known.variable == variable)
    with pytest.raises(UsageError) as caught:
        settings(repository, **{variable: value}).find(name)
    assert caught.value.slug == "bad-setting"
    assert variable in caught.value.message


def test_a_file_may_hold_the_wrong_kind(repository: Path) -> None:
    local_file(repository).write_text("jobs = true\nproject = 3\n")
    for name in ("jobs", "project"):
        with pytest.raises(UsageError):
            settings(repository).find(name)


def test_a_file_that_is_not_toml(repository: Path) -> None:
    for text in (b"project = ", b"\xff\xfe"):
        local_file(repository).write_bytes(text)
        with pytest.raises(UsageError) as caught:
            settings(repository).find("project")
        assert caught.value.slug == "bad-config"


def test_words_by_type(repository: Path) -> None:
    local_file(repository).write_text('[types]\ndataset = ["frames"]\n')
    (repository.parent / "art.toml").write_text('types.model = ["brain"]\ntypes.dataset = ["hidden"]\n')
    held = settings(repository)
    assert held.types() == {"dataset": ["frames"], "model": ["brain"]}
    assert held.words("types.table") == []
    assert [found.name for found in held.everything()][-2:] == ["types.dataset", "types.model"]


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        setting("projct")
    assert (caught.value.slug, caught.value.hint) == ("unknown-setting", "art config get project")
    for name in ("types", "types.", "types.a.b", "zzzz"):
        with pytest.raises(NotFoundError):
            setting(name)


def test_the_repository_of_a_directory(repository: Path) -> None:
    deep = repository.parent / "a" / "b"
    deep.mkdir(parents=True)
    (deep / ".art").mkdir()  # a folder of that name alone is no repository
    assert find_repository(deep, {}) == repository
    assert find_repository(repository.parent.parent, {}) is None
    assert find_repository(deep, {"ART_DIR": "/else/where"}) == Path("/else/where")


def test_the_users_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/mine")
    assert user_file({"ART_CONFIG": "/x.toml"}) == Path("/x.toml")
    assert user_file({}).parts[-2:] == ("art", "config.toml")
