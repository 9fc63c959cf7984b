"""Tells the story of `scripts/demo --pipeline`: five stages in Python, and then what the command line knows of them.

The stages are those of a notebook written for W&B, on real handwritten digits with a softmax regression in numpy,
trained twice; then come the car's three programs as `tests/seeds` has them, on real photographs. All of it is recorded
below a new folder, which stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from demo_story import Show, Trouble, say, way_on

import artcli as wandb
from artcli.flows.demo.shots import DUSK, TABLE, Place, label, shipped
from tests.kit.story.pipeline import digit_table

PROGRAMS = Path(__file__).resolve().parent.parent / "tests" / "seeds" / "programs"
SPLITS = ("training", "validation", "test")
PROJECT = "digits"
ASKED = (("graph", "--explode"), ("why", "model:latest"), ("runs", "--group-by", "job_type"))
"""What a run and its outcome leave to be asked."""


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="art-demo-"))
    say("This is the story of a model of handwritten digits, told by a program that was written for W&B.")
    say(f"It happens in {home}, a new folder, which stays when this has ended.")
    try:
        show = digits(home / "digits")
        car(home / "car", show.number)
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    way_on(home / "digits", home, ("art runs", "art help run"))
    return 0


def digits(place: Path) -> Show:
    """The five stages, of which the last two happen twice, and what can be asked of them."""
    show = Show(place)
    place.mkdir()
    os.chdir(place)  # as whoever types the commands that follow
    for name in [name for name in os.environ if name.startswith("ART_")]:
        del os.environ[name]
    os.environ.update(show.environment)
    show.heading("A folder for the digits becomes a repository.")
    show.run("init", "--project", PROJECT)
    stages: list[tuple[str, Callable[[], None]]] = [
        ("Load: 1,797 digits, split in three, become the first artifact.", load),
        ("Preprocess: the split is used, its pixels are scaled, and it is logged as another.", preprocess),
        ("Initialize: a model that has learnt nothing yet.", initialize),
        ("Train: slowly, with a curve.", lambda: train({"epochs": 15, "learning_rate": 0.05})),
        ("Report: how it does on digits of other writers, and pictures of the 32 that it found hardest.", report),
        ("Train again: ten times as fast.", lambda: train({"epochs": 15, "learning_rate": 0.5})),
        ("Report again.", report),
    ]
    for title, stage in stages:
        show.heading(title)
        stage()
    show.heading("The command line knows of all that; the last report first.")
    show.run("run", "show", "-1")
    show.heading("What came of what, how the last model came to be, and how each kind of run did.")
    for words in ASKED:
        show.run(*words)
    return show


def car(place: Path, number: int) -> None:
    """The programs of the car: it collects pictures twice, learns where to steer, and makes its model small."""
    show = Show(place)
    show.number = number
    show.heading("The programs of a car, each with one line changed, in a folder of their own.")
    place.mkdir()
    show.run("init", "--project", "racecar")
    for folder, where, count in (("trip-1", TABLE, 12), ("trip-2", DUSK, 8)):
        _take_pictures(place / folder, where, count)
    for program in ("collect_data.py", "train.py", "optimize.py"):
        shutil.copy(PROGRAMS / program, place)
    show.heading("The car takes pictures; those of the second trip are added to those of the first.")
    _run(show, "collect_data.py", "trip-1/*.jpg")
    _run(show, "collect_data.py", "trip-2/*.jpg")
    show.heading("A model learns from them where to steer, and is made smaller for the car.")
    _run(show, "train.py")
    _run(show, "optimize.py")
    show.heading("The same questions.")
    for words in ASKED:
        show.run(*words)


def _take_pictures(folder: Path, where: Place, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        x, y = label(where, number)
        (folder / f"{where.name}{number:02d}_x{x:03d}_y{y:03d}.jpg").write_bytes(shipped(where, number).jpeg)


def _run(show: Show, program: str, pictures: str = "") -> None:
    """Raises Trouble if it fails."""
    show.shell(f"python {program} {pictures}".rstrip())
    words = sorted(str(path.relative_to(show.home)) for path in show.home.glob(pictures)) if pictures else []
    done = subprocess.run([sys.executable, program, *words], cwd=show.home, env=show.environment, check=False)
    if done.returncode:
        raise Trouble(f"{program} ended with {done.returncode}; all is in {show.home}")


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
