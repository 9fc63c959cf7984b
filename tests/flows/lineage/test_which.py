"""From bytes to the version that they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.errors import NotFoundError
from artcli.flows.lineage.which import MODIFIED, UNKNOWN, UNMODIFIED, Known, which, which_bytes
from artcli.flows.use import Request, use
from tests.flows.lineage.lab import PROJECT, Lab, car
from tests.flows.workshop import noisy
from tests.store.material import noise

LARGE = noise(3_000_000, "weights")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = car(Lab(tmp_path / "home"))
    with made.run("big", job_type="train") as run:
        run.log_artifact("big", {"w.bin": LARGE, "arch": b"resnet" * 60})
    yield made
    made.repository.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)


def put(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def told(known: Known) -> tuple[str, str, str | None]:
    path = f"/{known.path.decode()}" if known.path else ""
    return known.state, (known.version.ref if known.version else "") + path, known.run_name


def test_a_directory_from_anywhere(lab: Lab, tmp_path: Path) -> None:
    away = put(tmp_path / "car", dict(lab.tree("model:v0")))
    assert told(which(lab.repository, away)) == (UNMODIFIED, "model:v0", "train-1")


def test_a_directory_that_is_like_one(lab: Lab, tmp_path: Path) -> None:
    away = put(tmp_path / "car", {**lab.tree("dataset:v0"), "d.jpg": b"d" * 400, "a.jpg": b"x" * 400})
    found = which(lab.repository, away)
    assert told(found) == (MODIFIED, "dataset:v0", None)
    assert (found.added, found.modified, found.deleted) == (1, 1, 0)
    assert told(which(lab.repository, put(tmp_path / "car", noisy("xyz")))) == (UNKNOWN, "", None)
    assert told(which(lab.repository, put(tmp_path / "empty", {"readme": b""}))) == (UNKNOWN, "", None)


def test_a_working_copy_is_what_it_was_made_of_first(lab: Lab, tmp_path: Path) -> None:
    copy = use(lab.repository, Request("dataset:v1", PROJECT, tmp_path, root=tmp_path / "copy")).path
    assert told(which(lab.repository, copy)) == (UNMODIFIED, "dataset:v1", None)
    assert told(which(lab.repository, copy / "a.jpg")) == (UNMODIFIED, "dataset:v1/a.jpg", None)
    (copy / "c.jpg").unlink()
    assert told(which(lab.repository, copy)) == (UNMODIFIED, "dataset:v0", None), "now it is just another"
    (copy / "a.jpg").write_bytes(b"scribbled")
    assert told(which(lab.repository, copy)) == (MODIFIED, "dataset:v1", None)
    assert told(which(lab.repository, copy / "a.jpg")) == (MODIFIED, "dataset:v1/a.jpg", None)


def test_a_file_from_anywhere(lab: Lab, tmp_path: Path) -> None:
    away = put(tmp_path / "car", {"engine": b"e" * 3000, "weights": bytes(LARGE[:-7]) + b"changed", "new": b"new"})
    assert told(which(lab.repository, away / "engine")) == (UNMODIFIED, "model-trt:v0/engine", "optimize")
    found = which(lab.repository, away / "weights")
    assert told(found) == (MODIFIED, "big:v0/w.bin", "big")
    assert 0.8 < (found.shared or 0) < 1
    assert told(which(lab.repository, away / "new")) == (UNKNOWN, "", None)
    with pytest.raises(NotFoundError, match="no file or directory"):
        which(lab.repository, away / "gone")


def test_what_is_in_the_trash(lab: Lab, tmp_path: Path) -> None:
    """It is found if no live version has it."""
    files = dict(lab.tree("big:v0"))
    lab.remove("big:v0")
    away = put(tmp_path / "car", files)
    for path, ref in [(away, "big:v0"), (away / "w.bin", "big:v0/w.bin"), (away / "arch", "model:v1/arch")]:
        assert told(which(lab.repository, path))[:2] == (UNMODIFIED, ref)


def test_a_stream(lab: Lab) -> None:
    blocks = [LARGE[at : at + 100_000] for at in range(0, len(LARGE), 100_000)]
    assert told(which_bytes(lab.repository, iter(blocks))) == (UNMODIFIED, "big:v0/w.bin", "big")
    assert which_bytes(lab.repository, iter([])).state == UNKNOWN
