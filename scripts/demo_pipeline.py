"""Tells the story of `scripts/demo --pipeline`: five stages in Python, and then what the command line knows of them.

The stages are those of a notebook written for W&B, on real handwritten digits with a softmax regression in numpy,
trained twice; then come the car's programs as `tests/seeds` has them. It all happens in a temporary directory, which is
removed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy

import artcli as wandb
from tests.kit.story.pipeline import digit_table

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAMS = CHECKOUT / "tests" / "seeds" / "programs"
PROJECT = "digits"
SPLITS = ("training", "validation", "test")
ASKED = (
    ("art", "runs", "-p", PROJECT, "--group-by", "job_type"),
    ("art", "graph", "-p", PROJECT, "--explode"),
    ("art", "why", f"{PROJECT}/model:latest"),
    ("art", "graph", "-p", "racecar", "--explode"),
    ("art", "why", "racecar/model:latest"),
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="art-demo-") as home:
        os.chdir(home)
        load()
        preprocess()
        for rate in (0.05, 0.5):
            initialize()
            train({"epochs": 15, "learning_rate": rate})
            report()
        for words in (["collect_data", "0.jpg", "1.jpg"], ["collect_data", "2.jpg"], ["optimize"]):
            subprocess.run([sys.executable, PROGRAMS / f"{words[0]}.py", *words[1:]], check=True)
        for command in ASKED:
            print("\n$", " ".join(command), flush=True)
            subprocess.run([Path(sys.executable).parent / command[0], *command[1:]], check=True)
        os.chdir("/")
    return 0


def load() -> None:
    """Stage 1: the raw digits, split."""
    with wandb.init(project=PROJECT, job_type="load-data") as run:
        raw = wandb.Artifact("raw", type="dataset", description="1,797 handwritten digits")
        for name, rows in zip(SPLITS, numpy.split(digit_table(), [1200, 1500]), strict=True):
            with raw.new_file(f"{name}.npy", mode="wb") as file:
                numpy.save(file, rows)
        run.log_artifact(raw)


def preprocess() -> None:
    """Stage 2: pixels from 0 to 1."""
    with wandb.init(project=PROJECT, job_type="preprocess-data", config={"scale": 16}) as run:
        folder = Path(run.use_artifact("raw:latest").download())
        ready = wandb.Artifact("ready", type="dataset", metadata=dict(run.config))
        for name in SPLITS:
            rows = numpy.load(folder / f"{name}.npy").astype(numpy.float32)
            rows[:, :64] /= run.config.scale
            with ready.new_file(f"{name}.npy", mode="wb") as file:
                numpy.save(file, rows)
        run.log_artifact(ready)


def initialize() -> None:
    """Stage 3: a model that has learnt nothing."""
    with wandb.init(project=PROJECT, job_type="initialize", config={"classes": 10}) as run:
        run.log_artifact(_model("initial", numpy.zeros((65, 10)), {"classes": 10}))


def train(config: dict[str, Any]) -> None:
    """Stage 4: training, with a curve."""
    with wandb.init(project=PROJECT, job_type="train", config=config) as run:
        x, y = _split(run, "training")
        seen, labels = _split(run, "validation")
        start = run.use_artifact("initial:latest")
        with start.open("weights.npy") as file:
            weights = numpy.load(file)
        for epoch in range(config["epochs"]):
            for rows in numpy.array_split(numpy.arange(len(x)), 20):
                wrong = _chances(x[rows], weights) - numpy.eye(10)[y[rows]]
                weights -= config["learning_rate"] * x[rows].T @ wrong / len(rows)
            run.log({"epoch": epoch, "train/loss": _losses(x, y, weights).mean(),
                     "validation/accuracy": _accuracy(seen, labels, weights)})  # fmt: skip
        run.log_artifact(_model("model", weights, {**start.metadata, **config}))


def report() -> None:
    """Stage 5: how it does on digits of other writers, and the 32 that it found hardest."""
    with wandb.init(project=PROJECT, job_type="report") as run:
        x, y = _split(run, "test")
        with run.use_artifact("model:latest").open("weights.npy") as file:
            weights = numpy.load(file)
        losses, guesses = _losses(x, y, weights), _chances(x, weights).argmax(axis=1)
        run.summary.update({"loss": losses.mean(), "accuracy": _accuracy(x, y, weights)})
        hardest = numpy.argsort(losses)[-32:]
        run.log({"high-loss-examples": [
            wandb.Image(x[row, :64].reshape(8, 8), caption=f"{guesses[row]},{y[row]}") for row in hardest
        ]})  # fmt: skip


def _split(run: Any, name: str) -> tuple[Any, Any]:
    with run.use_artifact("ready:latest").open(f"{name}.npy") as file:
        rows = numpy.load(file)
    return numpy.hstack([rows[:, :64], numpy.ones((len(rows), 1))]), rows[:, 64].astype(int)


def _model(name: str, weights: Any, metadata: dict[str, Any]) -> wandb.Artifact:
    model = wandb.Artifact(name, type="model", metadata=metadata)
    with model.new_file("weights.npy", mode="wb") as file:
        numpy.save(file, weights)
    return model


def _chances(x: Any, weights: Any) -> Any:
    scores = numpy.exp(x @ weights - (x @ weights).max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def _losses(x: Any, y: Any, weights: Any) -> Any:
    return -numpy.log(_chances(x, weights)[numpy.arange(len(y)), y] + 1e-12)


def _accuracy(x: Any, y: Any, weights: Any) -> float:
    return float((_chances(x, weights).argmax(axis=1) == y).mean())


if __name__ == "__main__":
    sys.exit(main())
