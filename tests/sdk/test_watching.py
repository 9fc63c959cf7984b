"""`watch`, with modules that do what torch's do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

import artcli as wandb
from tests.sdk.conftest import rows


class Parameter:
    def __init__(self) -> None:
        self.requires_grad = True
        self.hooks: list[Callable[[Any], None]] = []

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return numpy.arange(3.0)

    def register_hook(self, hook: Callable[[Any], None]) -> Handle:
        self.hooks.append(hook)
        return Handle(self, hook)

    def backward(self) -> None:
        for hook in self.hooks:
            hook(numpy.array([0.0, 1.0, numpy.nan]))


class Handle:
    def __init__(self, parameter: Parameter, hook: Callable[[Any], None]) -> None:
        self.parameter, self.hook = parameter, hook

    def remove(self) -> None:
        self.parameter.hooks.remove(self.hook)


class Module:
    def __init__(self) -> None:
        self.weight = Parameter()

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        yield "weight", self.weight


def test_gradients_and_parameters_go_into_every_nth_row() -> None:
    module, run = Module(), wandb.init()
    run.watch(module, log="all", log_freq=2)
    for step in range(4):
        module.weight.backward()
        run.log({"step": step})
    run.unwatch(module)
    assert module.weight.hooks == []
    run.finish()
    found = [row for _, row in rows(run.id)]
    assert [sorted(row) for row in found] == [["step"], ["gradients/weight", "parameters/weight", "step"]] * 2
    assert sum(found[1]["gradients/weight"]["values"]) == 2  # type: ignore[index]


def test_the_end_of_a_run_ends_watching() -> None:
    module = Module()
    with wandb.init(mode="disabled"):
        wandb.watch([module])
        assert module.weight.hooks
    assert not module.weight.hooks


def test_what_cannot_be_watched() -> None:
    run = wandb.init(mode="disabled")
    with pytest.raises(TypeError):
        run.watch(5)
    with pytest.raises(wandb.Error):
        run.watch(Module(), log="bogus")


def test_a_gradient_without_a_histogram_does_not_end_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    module, run = Module(), wandb.init()
    run.watch(module, log_freq=1)
    for _ in range(2):
        for hook in module.weight.hooks:
            hook("no numbers")
        run.log({"loss": 1})
    assert capsys.readouterr().err.count("no histogram of weight") == 1
    assert dict(run.summary) == {"loss": 1}
