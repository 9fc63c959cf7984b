"""`Api`: what was recorded is found again, filtered and ordered as W&B's own answers are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import artcli as wandb
from artcli.errors import NoRepositoryError, NotFoundError
from artcli.sdk import mongo


@pytest.fixture
def api(place: Path) -> wandb.Api:
    for number, rate in enumerate((0.1, 0.01, 0.001)):
        with wandb.init(
            project="p", name=f"r{number}", job_type="train" if number else "load", tags=["t", f"t{number}"],
            config={"lr": rate, "model": {"depth": number}},
        ) as run:  # fmt: skip
            for step in range(10):
                wandb.log({"loss": rate * step, "other": step} if step % 2 else {"loss": rate * step})
            run.summary["best"] = -number
    return wandb.Api()


FILTERS: list[tuple[Any, str]] = [
    (None, "r0 r1 r2"),
    ({}, "r0 r1 r2"),
    ({"config.lr": 0.01}, "r1"),
    ({"config.lr.value": 0.01}, "r1"),
    ({"config.lr": {"$lt": 0.05, "$gte": 0.005}}, "r1"),
    ({"config.model.depth": {"$in": [0, 2]}}, "r0 r2"),
    ({"config.model.depth": {"$nin": [0, 2]}}, "r1"),
    ({"summary_metrics.best": {"$gt": -2}}, "r0 r1"),
    ({"jobType": "train"}, "r1 r2"),
    ({"display_name": {"$regex": "R[01]", "$options": "i"}}, "r0 r1"),
    ({"tags": "t1"}, "r1"),
    ({"tags": {"$all": ["t", "t2"]}}, "r2"),
    ({"state": {"$ne": "finished"}}, ""),
    ({"$or": [{"config.lr": 0.1}, {"display_name": "r2"}]}, "r0 r2"),
    ({"$and": [{"config.lr": {"$gt": 0}}, {"jobType": "load"}]}, "r0"),
    ({"$nor": [{"config.lr": 0.1}]}, "r1 r2"),
    ({"$not": {"config.lr": 0.1}}, "r1 r2"),
    ({"config.lr": {"$not": {"$gt": 0.05}}}, "r1 r2"),
    ({"config.nothing": None}, "r0 r1 r2"),
    ({"config.nothing": {"$exists": True}}, ""),
    ({"config.nothing": {"$lt": 3}}, ""),
    ({"config.lr": {"$gt": "a"}}, ""),
]


def test_filters(api: wandb.Api) -> None:
    for filters, names in FILTERS:
        assert " ".join(run.name for run in api.runs("somebody/p", filters=filters)) == names, filters
    (run,) = api.runs("p", filters={"name": "r1"})
    assert api.runs("p", filters={"name": run.id}) == [run]
    assert api.runs("p", filters={"display_name": run.id}) == []


def test_operators_that_there_are_not() -> None:
    for filters in (
        {"$xor": []}, {"a": {"$near": 1}}, {"a": {"$regex": "["}}, {"a": {"$regex": 5}}, {"$or": {}}, {"$and": [5]},
        {"a": {"$in": 1}}, {"a": {"$all": "x"}}, 5,
    ):  # fmt: skip
        with pytest.raises(ValueError):
            mongo.fits(filters, lambda key: [1])  # type: ignore[arg-type]


def test_order(api: wandb.Api) -> None:
    assert [run.name for run in api.runs("p", order="-created_at")] == ["r2", "r1", "r0"]
    assert [run.name for run in api.runs("p", order="config.lr")] == ["r2", "r1", "r0"]
    assert [run.name for run in api.runs("p", order="-summary_metrics.best")] == ["r0", "r1", "r2"]


def test_a_run_as_it_was(api: wandb.Api) -> None:
    run = api.run("somebody/p/r1")
    assert run == api.run(f"p/{run.id}")
    assert (run.name, run.project, run.job_type, run.state, run.tags) == ("r1", "p", "train", "finished", ["t", "t1"])
    assert (run.config["lr"], run.summary["best"], run.summary["other"], run.lastHistoryStep) == (0.01, -1, 9, 9)
    assert run.summary._json_dict == dict(run.summary)
    assert "cwd" in run.metadata
    assert [row["loss"] for row in run.history(pandas=False)] == [0.01 * step for step in range(10)]
    assert [row["_step"] for row in run.history(samples=4, pandas=False)] == [0, 3, 6, 9]
    assert run.history(keys=["other"], pandas=False)[:2] == [{"_step": 1, "other": 1}, {"_step": 3, "other": 3}]
    assert run.history(keys=["loss"], x_axis="other", pandas=False)[0] == {"other": 1, "loss": 0.01}
    assert (run.summary["_step"], run.summary["_runtime"] >= 0, run.summary["_timestamp"] > 1e9) == (9, True, True)
    assert list(run.scan_history(keys=["other"], min_step=2, max_step=6)) == [{"other": 3}, {"other": 5}]
    assert (run.used_artifacts(), run.logged_artifacts()) == ([], [])
    with pytest.raises(NotFoundError):
        api.run("p/nothing")


def test_samples_of_the_machine(place: Path) -> None:
    with wandb.init(project="p") as run:
        wandb.log({"loss": 1})
        for number in range(3):
            run._recording.say("system", {"cpu": number, **({"gpu": 5} if number else {})}, 100)
    record = wandb.Api().run(f"p/{run.id}")
    for stream in ("system", "events"):
        found = record.history(stream=stream, pandas=False)
        assert [sample["cpu"] for sample in found if sample["cpu"] < 3][-3:] == [0, 1, 2]
        assert found[0]["_timestamp"] >= found[0]["_runtime"] >= 0
    assert [sample["gpu"] for sample in record.history(stream="system", keys=["gpu"], pandas=False)][-2:] == [5, 5]
    with pytest.raises(ValueError):
        record.history(stream="nonsense")


def test_a_run_is_changed_when_it_is_over(api: wandb.Api) -> None:
    run = api.run("p/r1")
    run.config["lr"] = 0.5
    run.config["model"]["depth"] = 7
    run.tags.append("late one")
    run.tags.remove("t")
    run.name, run.notes = "renamed", "looked at again"
    assert api.run("p/r1").config["lr"] == 0.01  # nothing is written before update
    run.update()
    run.summary["best"] = 3
    run.summary["iou"] = {"car": 0.5}
    run.summary.update({"other": 10})  # as W&B has it, this writes at once
    for found in (run, api.run("p/renamed")):
        assert (found.config["lr"], found.config["model"]) == (0.5, {"depth": 7})
        assert (found.name, found.notes, found.tags) == ("renamed", "looked at again", ["late one", "t1"])
        assert [found.summary[key] for key in ("best", "iou", "other")] == [3, {"car": 0.5}, 10]
        assert found.state == "finished"
    del run.summary["iou"]
    run.notes = None
    run.update()
    assert "iou" not in api.run("p/renamed").summary
    assert "_step" not in api.run("p/renamed")._view.summary
    assert api.run("p/renamed").notes is None
    assert api.run("p/r2").config["lr"] == 0.001
    run.name = ""
    with pytest.raises(wandb.UsageError):
        run.update()


def test_a_run_is_deleted(api: wandb.Api, place: Path) -> None:
    with wandb.init(project="p", name="last") as made:
        (place / "a.txt").write_text("a")
        made.log_artifact("a.txt", name="a", type="dataset")
    api.run("p/r0").delete()
    api.run("p/last").delete(delete_artifacts=True)
    assert [run.name for run in api.runs("p")] == ["r1", "r2"]
    assert not api.artifact_exists("p/a:v0")


def test_files_of_a_run(place: Path) -> None:
    (place / "notes.txt").write_text("hello")
    with wandb.init(project="p") as run:
        run.save("notes.txt", policy="now")
        assert wandb.Api().run(run.id).state == "running"
        assert wandb.Api().run(run.id).file("notes.txt").read() == b"hello"  # not sealed yet
    file = wandb.Api().run(f"p/{run.id}").file("notes.txt")
    assert (file.size, file.read()) == (5, b"hello")
    assert Path(file.download("out")).read_text() == "hello"
    with pytest.raises(ValueError):
        file.download("out")
    with pytest.raises(KeyError):
        wandb.Api().run(run.id).file("nothing")


def test_artifacts(place: Path) -> None:
    with wandb.init(project="p") as run:
        for number in range(3):
            draft = wandb.Artifact("a", type="dataset")
            with draft.new_file("n") as file:
                file.write(str(number))
            run.log_artifact(draft, tags=["even"] if number % 2 == 0 else [])
    api = wandb.Api()
    assert [one.version for one in api.artifacts("dataset", "p/a")] == ["v2", "v1", "v0"]
    assert [one.version for one in api.artifacts("dataset", "p/a", tags="even")] == ["v2", "v0"]
    assert api.artifact("p/a").aliases == ["latest"]
    assert api.artifact("p/a:v1").tags == []
    assert not api.artifact_exists("p/a:best")
    with pytest.raises(ValueError):
        api.artifacts("model", "p/a")
    with pytest.raises(ValueError):
        api.artifact("p/a", type="model")


def test_without_a_repository(place: Path) -> None:
    with pytest.raises(NoRepositoryError):
        wandb.Api()
