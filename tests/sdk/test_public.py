"""The names of the package: each is there, and none other is promised."""

from __future__ import annotations

import pytest

import artcli
from artcli import errors


def test_every_public_name_can_be_had() -> None:
    assert artcli.__all__ == sorted(artcli.__all__, key=lambda name: (name.islower(), name))
    for name in artcli.__all__:
        getattr(artcli, name)
    assert set(artcli.__all__) <= set(dir(artcli))
    with pytest.raises(AttributeError, match="art help wandb"):
        artcli.nonsense  # noqa: B018


def test_the_names_are_those_of_wandb() -> None:
    theirs = {
        "Error", "Histogram", "Run", "Settings", "config", "define_metric", "errors", "finish", "init", "log", "login",
        "run", "save", "summary", "unwatch", "watch",
    }  # fmt: skip
    assert set(artcli.__all__) >= theirs


def test_errors_are_caught_as_wandb_programs_catch_them() -> None:
    assert artcli.Error is errors.Error is errors.ArtError
    for kind in (errors.NotFoundError, errors.NetworkError, errors.AuthError):
        assert issubclass(kind, errors.CommError)
    assert issubclass(errors.CommError, artcli.Error)
    assert issubclass(errors.UsageError, artcli.Error)


def test_login_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert artcli.login(key="x") is True
    assert "no login is needed" in capsys.readouterr().err


def test_an_assignment_of_old_programs_hides_nothing() -> None:
    artcli.config = {"lr": 1}  # type: ignore[assignment]
    with artcli.init(config={"lr": 2}):
        assert artcli.config.lr == 2
