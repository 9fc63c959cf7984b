"""Why a version is as it is, on a repository made by runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog import resolve
from artcli.flows.lineage.why import Change, Why, why
from tests.flows.lineage.lab import PROJECT, Lab, car


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = car(Lab(tmp_path_factory.mktemp("lab")))
    yield made
    made.repository.close()


def of(lab: Lab, ref: str) -> Why:
    return why(lab.repository, resolve.version(lab.repository.catalog, ref, PROJECT).version)


def test_data_config_and_metrics(lab: Lab) -> None:
    found = of(lab, "model:v1")
    assert found.made_by
    assert found.made_by.value("name") == "train-2"
    assert [(item.ref, item.role, item.state) for item in found.inputs] == [
        ("dataset:v1", "training", "live"), ("s3://bucket/more", None, "live"),
    ]  # fmt: skip
    assert (found.config, found.metrics) == ({"lr": 0.01, "net.depth": 3}, {"val_mAP": 0.8})


def test_what_differs_from_the_version_before(lab: Lab) -> None:
    found = of(lab, "model:v1")
    assert found.before
    assert found.before.ref == "model:v0"
    assert found.changes == [
        Change("data", "dataset", "dataset:v0", "dataset:v1"),
        Change("data", "s3://bucket/more", None, "s3://bucket/more"),
        Change("code", "git.commit", "a" * 40, "b" * 40),
        Change("config", "lr", 0.1, 0.01),
        Change("metrics", "val_mAP", 0.5, 0.8),
        Change("files", "differ", None, 1),
    ]


def test_how_it_did_later_nearest_first(lab: Lab) -> None:
    later = of(lab, "model:v1").later
    assert [(run.row.value("name"), run.via, dict(run.summary)) for run in later] == [
        ("optimize", None, {}),
        ("drive", "model-trt:v0", {"crashes": 0, "laps": 5}),
    ]
    assert of(lab, "dataset:v0").later_in_all == 1


def test_a_version_that_no_run_logged(lab: Lab) -> None:
    found = of(lab, "dataset:v0")
    assert (found.made_by, found.inputs, found.metrics, found.before) == (None, [], {}, None)
    assert found.config == {"camera": "imx219"}


def test_what_is_said_once(tmp_path: Path) -> None:
    """Config that was logged as metadata; and the run that made it is none of those that used it later."""
    lab = Lab(tmp_path)
    for number, (lr, script) in enumerate([(0.1, b"one"), (0.2, b"two")]):
        recorded = {"code": "code/train.py", "git": {"commit": "a" * 40, "dirty": True, "diff": "code/diff.patch"}}
        with lab.run(f"train-{number}", recorded, config={"lr": lr, "net": {"sizes": [number]}}) as run:
            run.keep({"code/train.py": script, "code/diff.patch": b"diff of " + script})
            metadata = {"lr": lr, "net": {"sizes": [number]}, "seen": number}
            run.log_artifact("model", {"a": b"%d" % number}, metadata=metadata)
            run.use("model:latest")
    found = of(lab, "model:v1")
    assert [change[:2] for change in found.changes] == [
        ("data", "model"), ("code", "script"), ("config", "lr"), ("config", "net.sizes"), ("metadata", "seen"),
        ("files", "differ"),
    ]  # fmt: skip
    assert (found.later, found.later_in_all) == ([], 0)
    lab.repository.close()


def test_the_same_again(lab: Lab) -> None:
    with lab.run("again") as run:
        run.log_artifact("model", lab.tree("model:v1"))
    assert of(lab, "model:v1").again_by == 1


def test_a_maker_in_the_trash_still_tells(tmp_path: Path) -> None:
    lab = car(Lab(tmp_path))
    lab.delete_run("train-2")
    found = of(lab, "model:v1")
    assert found.made_by
    assert found.metrics == {"val_mAP": 0.8}
    lab.purge_run("train-2")
    found = of(lab, "model:v1")
    assert found.made_by
    assert (found.made_by.value("name"), [item.ref for item in found.inputs]) == (
        "train-2", ["dataset:v1", "s3://bucket/more"]
    )  # fmt: skip
    assert (found.metrics, [change.section for change in found.changes]) == ({}, ["files"])
    lab.repository.close()
