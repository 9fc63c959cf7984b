"""Programs written for W&B run on one machine with `import artcli as wandb`, and leave behind what they should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import artcli as wandb
from artcli.catalog.repository import Repository
from artcli.flows.demo.shots import TABLE, label, shipped

HERE = Path(__file__).parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("ART_", "WANDB_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(program: str, *words: str) -> str:
    """What the program prints; torch and the like are stood in for."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE / 'standin'}:{HERE.parent.parent}", "ART_USER": "somebody"}
    done = subprocess.run(
        [sys.executable, "-W", "error", HERE / "programs" / f"{program}.py", *words],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_notebook(place: Path) -> None:
    out = run("notebook")
    assert "Loss/accuracy after 00240 examples" in out
    api = wandb.Api(overrides={"project": "artifacts-example"})
    runs = api.runs("artifacts-example")
    assert [one.job_type for one in runs] == ["load-data", "preprocess-data", "initialize", "train", "report"]
    assert {one.state for one in runs} == {"finished"}
    train, report = runs[3], runs[4]
    assert [one.name for one in train.used_artifacts()] == ["mnist-preprocess:v0", "convnet:v0"]
    assert train.config["batch_size"] == 128
    assert train.config["hidden_layer_sizes"] == [32, 64]
    assert [one.name for one in train.logged_artifacts()] == ["trained-model:v0"]
    assert [file.name for file in train.files() if file.name.endswith(".pth")] == ["trained_model.pth"]
    steps = [row["_step"] for row in train.scan_history(keys=["_step", "validation/loss"])]
    assert steps == [48, 96, 144, 192, 240]
    assert set(report.summary) >= {"loss", "accuracy"}
    assert report.summary["high-loss-examples"]["count"] == 32
    assert len([file for file in report.files() if file.name.startswith("media/images/")]) == 32
    raw = api.artifact("mnist-raw:latest")
    assert raw.metadata == {"source": "torchvision.datasets.MNIST", "sizes": [48, 16, 40]}
    assert [user.job_type for user in raw.used_by()] == ["preprocess-data"]


def test_the_car(place: Path) -> None:
    camera = [place / f"{number:05d}_x{x:03d}_y{y:03d}.jpg" for number in range(3) for x, y in [label(TABLE, number)]]
    for number, path in enumerate(camera):
        path.write_bytes(shipped(TABLE, number).jpeg)
    assert "doesn't exist yet" in run("collect_data", *map(str, camera[:2]))
    assert "already exists" in run("collect_data", str(camera[2]))
    api = wandb.Api(overrides={"project": "racecar"})
    versions = api.artifacts("dataset", "dataset")
    assert [(one.name, one.file_count) for one in versions] == [("dataset:v1", 3), ("dataset:v0", 2)]
    assert [one.id for one in versions[1].used_by()] == [versions[0].logged_by().id]  # type: ignore[union-attr]
    run("train")
    run("optimize")
    model, made = api.artifact("model:latest"), api.artifact("model-trt:latest")
    assert made.metadata == {"architecture": "linear"}
    with model.open("model.pth") as whole, made.open("model_trt.pth") as half:
        assert numpy.array_equal(numpy.load(whole).astype(numpy.float16), numpy.load(half))
    train, optimize = model.logged_by(), made.logged_by()
    assert train is not None
    assert optimize is not None
    assert 0 < train.summary["pixels_off"] < 10
    assert [one.name for one in optimize.used_artifacts()] == ["model:v0"]


def test_workplace_safety(place: Path) -> None:
    run("workplace_safety")
    api = wandb.Api(overrides={"project": "artifact-workplace-safety"})
    train = api.run("train_60_adam_0.001")
    assert train.config == {"epochs": 3, "model": "yolov3-tiny.cfg", "optim": "adam", "lr": 0.001}
    assert [one.name for one in train.logged_artifacts()] == ["train_test_data:v0", "yolo:v0"]
    rows = list(train.scan_history())
    assert [row["_step"] for row in rows] == list(range(6))
    boxes = rows[0]["Outputs"]["all_boxes"]
    assert len(boxes[0]["predictions"]["box_data"]) == 2
    assert boxes[0]["predictions"]["class_labels"] == {"0": "helmet", "1": "mask"}
    assert boxes[1]["predictions"]["box_data"] == []
    newest = api.artifact("train_test_data:latest")
    assert (newest.version, newest.file_count) == ("v1", 4)
    assert [one.project for one in newest.used_by()] == ["uncategorized"]


def test_the_announcement(place: Path) -> None:
    run("announcement")
    repository = Repository.open(place)
    first, second = repository.catalog.versions(repository.catalog.artifact("dota", "images").id)  # type: ignore[union-attr]
    repository.close()
    assert (first.new_entries, second.entries) == (200, 202)
    assert second.stored < 10_000 < 200 * 2000 < first.stored
    model = wandb.Api().artifact("dota/model:latest")
    assert model.version == "v19"
    assert model.metadata == {"stage": "production"}
    depth = 0
    while used := [one for one in model.logged_by().used_artifacts() if one.type == "model"]:  # type: ignore[union-attr]
        model, depth = used[0], depth + 1
    assert depth == 19


def test_the_demo_of_a_pipeline(place: Path) -> None:
    checkout = HERE.parent.parent
    done = subprocess.run(
        [sys.executable, checkout / "scripts" / "demo_pipeline.py"],
        env={**os.environ, "PYTHONPATH": str(checkout), "TMPDIR": str(place)},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = ["$ art graph --explode", "$ art why model:latest", "$ art runs --group-by job_type"]
    assert [line for line in done.stdout.splitlines() if line in asked] == 2 * asked
    assert "high-loss-examples = 32 pictures, 8 × 8" in done.stdout
    assert "● model:v1  (latest)" in done.stdout  # of the digits
    assert "● model-trt:v0  (latest)" in done.stdout  # of the car
    [home] = place.glob("art-demo-*")
    assert f"rm -rf {home}" in done.stdout
