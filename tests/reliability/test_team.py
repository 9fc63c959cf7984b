"""Random lives of a team that shares a place, compared with a model of plain lists after every step."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from artcli.flows.collect import plan
from tests.kit.team import TeamMachine

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize(("examples", "steps"), [(6, 20), pytest.param(1000, 50, marks=pytest.mark.soak)])
def test_lives(examples: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SMALL_COUNT", 3)  # gc joins packs again and again
    run_state_machine_as_test(
        TeamMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=CHECKS,
            derandomize=steps == 25,
            print_blob=True,
        ),
    )
