"""Models, code and alerts, as W&B's shorthands have them."""

from __future__ import annotations

from pathlib import Path

import pytest

import artcli as wandb
from artcli.sdk import code


def test_a_model_goes_in_and_comes_out(place: Path) -> None:
    (place / "model.pth").write_text("weights")
    with wandb.init(project="p") as run:
        assert run.log_model("model.pth", name="net", aliases=["best"]) is None
        wandb.log_model(place / "model.pth")
        folder = place / "parts"
        folder.mkdir()
        for name in "ab":
            (folder / name).write_text(name)
        run.log_model(folder, "parts")
        assert Path(wandb.use_model("net:best")).read_text() == "weights"
        assert sorted(path.name for path in Path(run.use_model("parts:latest")).iterdir()) == ["a", "b"]
        run.log_artifact("model.pth", name="data", type="dataset")
        with pytest.raises(ValueError):
            run.use_model("data:v0")
        with pytest.raises(wandb.CommError):
            run.use_model("nothing:latest")
    assert wandb.Api().artifact(f"p/run-{run.id}-model.pth").type == "model"


def test_code_is_an_artifact(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("src/train.py", "src/net/layers.py", "src/notes.md", "src/artifacts/other.py", "src/wandb/theirs.py"):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(path)
    monkeypatch.setattr("sys.argv", ["src/train.py"])
    with wandb.init(project="p") as run:
        made = run.log_code("src")
        assert (made.name, made.type) == ("source-p-train.py:v0", "code")
        assert [entry.path for entry in made.files()] == ["net/layers.py", "train.py"]
        some = run.log_code("src", "some", lambda path, root: path.startswith(f"{root}/n"), lambda path: "net" in path)
        assert [entry.path for entry in some.files()] == ["notes.md"]
        assert run.log_code("src", include_fn=lambda path: False) is None


def test_what_is_no_code_is_not_walked_through(place: Path) -> None:
    (place / ".art" / "deep").mkdir(parents=True)
    (place / ".art" / "deep" / "a.py").touch()
    assert list(code._files(place)) == []


def test_what_old_programs_ask_for_first_and_last() -> None:
    wandb.require("core")
    wandb.setup()
    run = wandb.init(project="p", settings=wandb.Settings(silent=True))
    assert (run.settings.run_id, run.settings.run_name, run.settings.project) == (run.id, run.name, "p")
    assert run.settings.silent is True
    wandb.run.name = "renamed"
    assert wandb.run.save() == wandb.save() == []
    wandb.teardown(exit_code=3)
    assert wandb.run is None
    assert wandb.Api().run(f"p/{run.id}").state == "failed"


def test_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with wandb.init(project="p"):
        capsys.readouterr()
        wandb.alert("loss", "is NaN", level=wandb.AlertLevel.WARN, wait_duration=300)
        wandb.alert(title="lap", text="is done")
        for say in (wandb.termlog, wandb.termwarn, wandb.termerror, wandb.termlog):
            say("hello", repeat=False)
        assert capsys.readouterr().err == "art: alert (WARN): loss: is NaN\nart: alert: lap: is done\nart: hello\n"
    with pytest.raises(wandb.Error):
        wandb.alert("loss", "is NaN")
