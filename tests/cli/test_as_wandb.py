"""Code that imports wandb itself gets this package, if that is said before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.test_run import PYTHON, home, ran
from tests.kit.command_line import Art

__all__ = ["home"]

TRACKER = """
import importlib.util
import sys

import wandb
from wandb import Artifact
from wandb.sdk.lib import RunDisabled
from wandb.wandb_run import Run

assert importlib.util.find_spec("wandb") is not None
assert sys.modules["wandb"].run is None
run = wandb.run or wandb.init(project="car", name="tracked")
assert isinstance(run, wandb.sdk.wandb_run.Run)
assert isinstance(run, (Run, RunDisabled))
wandb.config.update({"lr": 0.5}, allow_val_change=True)
wandb.define_metric("*", step_metric="epoch", step_sync=True)
sys.modules["wandb"].run.log({"loss": 1.0, "epoch": 1})
assert wandb.run is run
wandb.run._label(code="a trainer")
artifact = wandb.Artifact("weights", "model")
artifact.add_reference("hub://org/weights", name="url")
wandb.log_artifact(artifact)
place = f"{run.entity}/{run.project}"
if not run.disabled:
    assert run.use_artifact(f"{place}/weights:latest").name == wandb.Api().artifact(f"{place}/weights:v0").name
    assert len(wandb.Api().artifacts("model", f"{place}/weights")) == len(wandb.Api().runs(place)) == 1
try:
    import wandb.keras
except ModuleNotFoundError:
    print("no keras, as trackers expect of it")
try:
    wandb.plot
except AttributeError as error:
    assert "art help wandb" in str(error)
wandb.finish()
"""


def program(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PYTHON, "-c", text], cwd=folder, capture_output=True, text=True, check=False)


def test_a_program_says_so(art: Art) -> None:
    done = program(art.directory, f"import artcli\nartcli.install_as_wandb()\nartcli.install_as_wandb()\n{TRACKER}")
    assert (done.returncode, done.stdout) == (0, "no keras, as trackers expect of it\n"), done.stderr
    assert art("run", "show", "tracked", "--field", "config.lr").out == "0.5\n"


def test_it_comes_too_late(art: Art) -> None:
    text = """
import sys, types, artcli
sys.modules["wandb"] = types.ModuleType("wandb")
try:
    artcli.install_as_wandb()
except artcli.UsageError as error:
    print(error.slug)
"""
    assert program(art.directory, text).stdout.strip() == "wandb-imported"


@pytest.mark.parametrize("disabled", ["", "1"])
def test_art_run_says_so(disabled: str, home: Path, art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "train.py").write_text(TRACKER)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("ART_DISABLED", disabled)
    code, out, err = ran(home, "--name", "outer", "--as-wandb", "--", PYTHON, "train.py")
    assert (code, out) == (0, b"no keras, as trackers expect of it\n"), err
    if disabled:
        return
    assert art("run", "show", "outer", "--field", "summary.loss").out == "1.0\n"
    assert "  --as-wandb \\\n" in art("reproduce", "outer").out
    assert (
        ran(home, "--name", "without", "--", PYTHON, "-c", "import sys; assert 'as_wandb' not in sys.path[1]")[0] == 0
    )
    assert "--as-wandb" not in art("reproduce", "without").out


def test_a_python_that_has_not_this_package_is_told(tmp_path: Path) -> None:
    from artcli.flows.runs.active import with_wandb

    told = subprocess.run(
        [PYTHON, "-S", "-c", "import wandb"], cwd=tmp_path, env=with_wandb({}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "--as-wandb wants artcli in the Python that runs the program" in told.stderr
