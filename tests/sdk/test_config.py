"""The config: what a program sets once, what it may change, and what wins over it."""

from __future__ import annotations

import argparse
import copy
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest

import artcli as wandb
from artcli.errors import ConflictError, NotFoundError, UsageError
from artcli.sdk.config import Config, parse


def config(outside: Mapping[str, Any] | None = None) -> tuple[Config, dict[str, Any]]:
    told: dict[str, Any] = {}
    return Config(told.update, outside), told


def test_it_is_a_mapping_with_attributes() -> None:
    found, told = config()
    found.update({"a": 1, "b": {"c": [1, 2]}, "t": (1, 2), "n": numpy.float32(0.5), "--dashed": 1})
    found.d = 4
    found["e"] = 5
    assert dict(found) == {"a": 1, "b": {"c": [1, 2]}, "t": [1, 2], "n": 0.5, "dashed": 1, "d": 4, "e": 5} == told
    assert {**found} == found.as_dict() == dict(found.items())
    assert (found.a, found["a"], found.get("x", 7), "a" in found, len(found)) == (1, 1, 7, True, 7)
    assert repr(found) == str(dict(found))
    with pytest.raises(AttributeError):
        found.nope  # noqa: B018
    with pytest.raises(KeyError):
        found["nope"]
    assert not hasattr(found, "nope")


def test_a_value_is_changed_only_where_that_is_allowed() -> None:
    found, told = config()
    found.update({"a": 1, "nan": float("nan")})
    found.a = 1
    found.update({"nan": float("nan")})
    for change in (
        lambda: setattr(found, "a", 2), lambda: found.__setitem__("a", 2), lambda: found.update({"z": 1, "a": 2}),
    ):  # fmt: skip
        with pytest.raises(ConflictError, match="config a is 1 already") as caught:
            change()
        assert isinstance(caught.value, wandb.Error)
    assert "z" not in found
    found.update({"a": 3}, allow_val_change=True)
    assert (found.a, told["a"]) == (3, 3)
    found.setdefaults({"a": 99, "y": 1})
    assert (found.a, found.y) == (3, 1)


def test_settings_from_outside_win(capsys: pytest.CaptureFixture[str]) -> None:
    found, told = config({"lr": 0.1, "model.depth": 9})
    found.update({"lr": 0.5, "epochs": 3, "model": {"depth": 1, "width": 2}})
    found.update({"lr": 7}, allow_val_change=True)
    assert dict(found) == {"lr": 0.1, "epochs": 3, "model": {"depth": 9, "width": 2}} == told
    assert "config lr is set from outside: 0.1 stays, not 0.5" in capsys.readouterr().err


def test_a_loop_over_learning_rates_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for rate in (0.1, 0.2):
        monkeypatch.setenv("ART_CONFIG_OVERRIDES", json.dumps({"lr": rate}))
        with wandb.init(config={"lr": 1, "epochs": 2}) as run:
            assert run.config.lr == rate


def test_what_a_config_may_be(place: Path) -> None:
    assert parse(argparse.Namespace(q=1)) == {"q": 1}
    assert parse({"a": 1, "b": 2}, exclude=["a"]) == {"b": 2}
    assert parse({"a": 1, "b": 2}, include=["a"]) == {"a": 1}
    Path("c.json").write_text('{"lr": {"value": 0.1, "desc": "rate"}, "wandb_version": 1, "k": {"x": 1}}')
    assert parse("c.json") == {"lr": 0.1, "k": {"x": 1}}
    Path("c.toml").write_text("lr = 0.1\n[model]\ndepth = 2\n")
    assert parse("c.toml") == {"lr": 0.1, "model": {"depth": 2}}
    for wrong, error in (("nope.json", NotFoundError), (5, TypeError)):
        with pytest.raises(error):
            parse(wrong)
    Path("bad.toml").write_text("=")
    with pytest.raises(UsageError):
        parse("bad.toml")
    with pytest.raises(UsageError):
        parse({}, exclude=["a"], include=["b"])


def test_yaml_where_it_can_be_read(place: Path) -> None:
    pytest.importorskip("yaml")
    Path("c.yaml").write_text("lr:\n  value: 0.1\nk: 2\n")
    assert parse("c.yaml") == {"lr": 0.1, "k": 2}


def test_values_of_any_kind_are_kept_in_some_form() -> None:
    found, _ = config()
    found.update({"object": numpy.random.default_rng, "set": {1}, "path": Path("x"), "odd": type("T", (), {})(), 5: 6})
    assert (found["set"], found.path, found["5"]) == ([1], "x", 6)
    assert isinstance(found.odd, str)
    with pytest.raises(TypeError):
        found.update({"picture": wandb.Histogram([1, 2])})


def test_copies_are_the_values() -> None:
    found, _ = config()
    found.update({"a": [1]})
    assert copy.deepcopy(found) == {"a": [1]} == pickle.loads(pickle.dumps(found))
    assert json.loads(json.dumps(dict(found))) == {"a": [1]}


def test_secrets_are_not_recorded() -> None:
    from tests.sdk.conftest import said

    with wandb.init(config={"api_key": "s3cret", "lr": 1}) as run:
        assert run.config.api_key == "s3cret"
    assert said(run.id, "config")[0].data == {"api_key": "***", "lr": 1}
