"""A repository in which runs really ran: they use versions, say things, and log versions with bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.fold import TRASH
from artcli.catalog.runs import resolve as runs
from artcli.flows.runs import edges
from artcli.flows.runs.metrics import Voice
from artcli.flows.runs.recorder import Beginning, Recorder
from tests.flows.workshop import PROJECT, Workshop

__all__ = ["PROJECT", "Lab", "Run", "car"]

Files = Mapping[str, bytes]


class Lab(Workshop):
    """A workshop with runs; `files` is what each version was made of, by its reference."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.files_of: dict[str, Files] = {}

    def add(self, name: str, files: Files, **request: Any) -> Version:
        version = self.log(name, files, **request)
        self.files_of[version.ref] = files
        return version

    def tree(self, ref: str) -> Files:
        return self.files_of[ref]

    @contextmanager
    def run(self, name: str, recorded: Mapping[str, Any] | None = None, **beginning: Any) -> Iterator[Run]:
        recorder = Recorder.begin(self.repository, Beginning(PROJECT, name, recorded=recorded or {}, **beginning))
        yield Run(self, recorder)
        recorder.finish("finished", 0)

    def delete_run(self, name: str) -> None:
        run = runs.run(self.repository.catalog, name, PROJECT)
        self.repository.commit(lambda _, make: [make(Draft("delete", {"run": run.id}))])

    def purge_run(self, name: str) -> None:
        """What gc says of a run in the trash that it takes."""
        run = runs.run(self.repository.catalog, name, PROJECT, states=(TRASH,))
        self.repository.commit(lambda _, make: [make(Draft("purge", {"run": run.id}))])


class Run:
    """A run of the lab."""

    def __init__(self, lab: Lab, recorder: Recorder) -> None:
        self.lab = lab
        self.recorder = recorder
        self.id = recorder.run

    def use(self, ref: str, role: str | None = None) -> None:
        if "://" in ref:
            edges.use_uri(self.lab.repository, self.id, ref, role)
            return
        version = resolve.version(self.lab.repository.catalog, ref, PROJECT).version
        edges.use(self.lab.repository, self.id, [version], role)

    def log_artifact(self, name: str, files: Files, **request: Any) -> Version:
        return self.lab.add(name, files, run=self.id, **request)

    def keep(self, files: Files) -> None:
        """Files of the run."""
        Voice(self.lab.repository.path, self.id).keep(dict(files))


def car(lab: Lab) -> Lab:
    """Two rounds of training; the better model is optimized and driven."""
    lab.add("dataset", {"a.jpg": b"a" * 400, "b.jpg": b"b" * 400}, metadata={"camera": "imx219"})
    lab.add("dataset", {"a.jpg": b"a" * 400, "b.jpg": b"b" * 400, "c.jpg": b"c" * 400})
    for number, (lr, value, commit) in enumerate([(0.1, 0.5, "a" * 40), (0.01, 0.8, "b" * 40)]):
        recorded = {"argv": ["python", "train.py"], "git": {"commit": commit, "branch": "main", "dirty": False}}
        config = {"lr": lr, "net": {"depth": 3}}
        with lab.run(f"train-{number + 1}", recorded, job_type="train", config=config) as run:
            run.use(f"dataset:v{number}", "training" if number else None)
            if number:
                run.use("s3://bucket/more")
            run.recorder.log({"val_mAP": value})
            run.log_artifact("model", {"weights": b"%d" % number * 5000, "arch": b"resnet" * 60})
    with lab.run("optimize", job_type="optimize") as run:
        run.use("model:v1")
        run.log_artifact("model-trt", {"engine": b"e" * 3000})
    with lab.run("drive", job_type="drive") as run:
        run.use("model-trt:v0")
        run.recorder.set("summary", {"crashes": 0, "laps": 5})
    return lab
