"""The summary, compared where it can be with what W&B 0.31 gives offline."""

from __future__ import annotations

import numpy
import pytest

import artcli as wandb
from artcli.catalog.runs.said import Said
from tests.sdk.conftest import rows, said


def test_it_is_the_last_value_or_what_the_program_sets() -> None:
    run = wandb.init()
    run.log({"loss": 1.0, "n": {"a": {"b": 1}, "c": 2}, "d.e": 5})
    summary = run.summary
    assert (summary["loss"], summary.loss, summary.n.a.b, summary["n"]["c"], summary["d.e"]) == (1.0, 1.0, 1, 2, 5)
    summary.update({"best": numpy.float32(1.5), "array": numpy.arange(3)})
    summary["loss"] = 9
    assert dict(summary) | {"n": None} == {
        "loss": 9, "n": None, "d.e": 5, "best": 1.5, "array": [0, 1, 2],
    }  # fmt: skip
    run.log({"loss": 0.5})
    assert summary.loss == 0.5
    summary.n.update({"k": 2})
    assert dict(summary.n) == {"a": {"b": 1}, "c": 2, "k": 2}
    del summary["best"]
    assert ("best" in summary, summary.get("best", 3), len(summary)) == (False, 3, 4)
    with pytest.raises(KeyError):
        summary["best"]
    with pytest.raises(AttributeError):
        summary.best  # noqa: B018
    with pytest.raises(KeyError):
        del summary["best"]
    run.flush()
    run.log({"loss": 0.25})
    expected = dict(summary)
    run.finish()
    read = Said()
    read.absorb(said(run.id))
    assert read.outcome == expected == dict(summary)


def test_metrics_are_summed_up_as_they_are_defined() -> None:
    run = wandb.init()
    run.define_metric("acc", summary="max")
    run.define_metric("val/*", step_metric="epoch", summary="min,mean,last")
    run.define_metric("hidden", summary="none")
    for value in (1, 3, 2):
        run.log({"acc": value, "val/a": value, "epoch": value, "hidden": value})
    assert (dict(run.summary.acc), dict(run.summary["val/a"])) == ({"max": 3}, {"min": 1, "mean": 2.0, "last": 2})
    assert (run.summary.epoch, "hidden" in run.summary) == (2, False)
    metric = run.define_metric("best", summary="best", goal="maximize", step_metric=run.define_metric("epoch"))
    assert metric.step_metric == "epoch"
    run.finish()
    assert said(run.id, "define")[1].data == {
        "metric": "val/*", "step_metric": "epoch", "summary": "min,mean,last",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"),
    [("", {}), (5, {}), ("a*b", {}), ("a", {"summary": "bogus"}), ("a", {"goal": "up"}), ("a", {"hidden": "yes"})],
)
def test_definitions_that_mean_nothing(name: str, options: dict[str, str]) -> None:
    run = wandb.init(mode="disabled")
    with pytest.raises(wandb.Error):
        run.define_metric(name, **options)  # type: ignore[arg-type]


def test_rows_without_their_axis_get_its_last_value() -> None:
    run = wandb.init()
    run.define_metric("ep")
    run.define_metric("val/*", step_metric="ep")
    run.define_metric("val/own", step_metric="other")
    run.define_metric("no/*", step_metric="ep", step_sync=False)
    logged = (
        {"val/a": 0}, {"ep": 3}, {"val/a": 1}, {"val/own": 1}, {"no/x": 1}, {"val/a": 2, "ep": 4}, {"val/a": 3},
        {"z": 1}, {"val": {"b": 1}}, {"val/a": numpy.float32(6)},
    )  # fmt: skip
    for row in logged:
        run.log(row)
    run.log({"val/a": 5}, commit=False)
    run.log({"ep": 9})
    run.define_metric("val/*", overwrite=True)
    run.log({"val/a": 7})
    run.finish()
    assert [row for _, row in rows(run.id)] == [  # as W&B, which takes 0 for what was never logged
        {"val/a": 0}, {"ep": 3}, {"val/a": 1, "ep": 3}, {"val/own": 1}, {"no/x": 1}, {"val/a": 2, "ep": 4},
        {"val/a": 3, "ep": 4}, {"z": 1}, {"val": {"b": 1}}, {"val/a": 6, "ep": 4}, {"val/a": 5, "ep": 9}, {"val/a": 7},
    ]  # fmt: skip
    with wandb.init(id=run.id, resume="must") as again:
        again.define_metric("val/*", step_metric="ep")
        again.log({"val/a": 8})
    assert rows(run.id)[-1][1] == {"val/a": 8, "ep": 9}


def test_a_key_of_a_part_is_taken_away() -> None:
    run = wandb.init()
    run.summary["d"] = {"e": {"f": 1, "g": 2}, "h": 3}
    del run.summary["d"]["e"]["f"]
    del run.summary.d["h"]
    assert dict(run.summary) == {"d": {"e": {"g": 2}}}
    run.summary["d"]["h"] = 4
    run.finish()
    assert run.summary["d"]["h"] == 4
