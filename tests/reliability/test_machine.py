"""Random lives of a repository, compared with a model of plain dicts after every step."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from artcli.flows.collect import plan
from tests.kit.machine import ArtMachine

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize(("examples", "steps"), [(10, 25), pytest.param(1000, 50, marks=pytest.mark.soak)])
def test_lives(examples: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SMALL_COUNT", 3)  # gc joins packs again and again
    run_state_machine_as_test(
        ArtMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=CHECKS,
            derandomize=steps == 25,
            print_blob=True,
        ),
    )
