"""`init`, `log` and `finish`: what a program says is what readers of the run find."""

from __future__ import annotations

import math
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

import artcli as wandb
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.register import Run as Known
from artcli.errors import ConflictError, NotFoundError, UsageError
from tests.sdk.conftest import rows, said


def known(run: str) -> Known:
    repository = Repository.open(Path.cwd())
    found = Register(repository.follower.database).run(run)
    repository.close()
    assert found is not None
    return found


def test_a_run_from_its_beginning_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with wandb.init(
        project="car", job_type="train", name="first", group="g", tags=["a", "b"], notes="why", config={"lr": 0.1}
    ) as run:
        assert wandb.run is run
        assert (run.project, run.job_type, run.name, run.group) == ("car", "train", "first", "g")
        assert (run.tags, run.notes, run.path, run.entity) == (("a", "b"), "why", f"car/{run.id}", "")
        assert (run.resumed, run.disabled, run.offline, run.step, run.url) == (False, False, True, 0, None)
        assert abs(run.start_time - time.time()) < 60
        wandb.log({"loss": 0.5})
        wandb.log({"loss": 0.25})
        assert run.step == 2
    assert wandb.run is None
    err = capsys.readouterr().err
    assert "made a repository" in err
    assert f"run first of car: art run show {run.id}" in err
    assert rows(run.id) == [(0, {"loss": 0.5}), (1, {"loss": 0.25})]
    assert said(run.id, "config")[0].data == {"lr": 0.1}
    assert known(run.id).outcome == "finished"
    run.finish()  # again: nothing happens


def test_a_repository_is_found_upwards_and_made_but_once(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wandb.init().finish()
    (place / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(place / "deep" / "er")
    capsys.readouterr()
    with wandb.init(project="p"):
        pass
    assert not (place / "deep" / "er" / ".art").exists()
    assert "made" not in capsys.readouterr().err
    with wandb.init(dir=place / "deep"):
        pass
    assert not (place / "deep" / ".art").exists()


def test_an_exception_marks_the_run_failed_and_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), wandb.init() as run:
        print(print("not the last word"), 1 / 0)
    assert (known(run.id).outcome, known(run.id).exit) == ("failed", 1)
    assert "ZeroDivisionError" in str(said(run.id, console=True)[-1].data["text"])
    with pytest.raises(KeyboardInterrupt), wandb.init() as run:
        raise KeyboardInterrupt
    assert known(run.id).outcome == "killed"
    with pytest.raises(SystemExit), wandb.init() as run:
        raise SystemExit(0)
    assert known(run.id).outcome == "finished"
    run = wandb.init()
    run.finish(exit_code=3)
    assert (known(run.id).outcome, known(run.id).exit) == ("failed", 3)


def test_what_comes_before_init_or_after_finish() -> None:
    for early in (
        lambda: wandb.log({"a": 1}), lambda: wandb.config.lr, lambda: wandb.config["lr"], lambda: wandb.save("x"),
        lambda: wandb.summary["x"], lambda: wandb.define_metric("x"), lambda: setattr(wandb.config, "lr", 1),
        lambda: wandb.config.update({}), lambda: dict(wandb.config),
    ):  # fmt: skip
        with pytest.raises(wandb.Error) as caught:
            early()
        assert caught.value.slug == "no-run"
    assert wandb.run is None
    wandb.finish()
    run = wandb.init()
    run.log({"a": 1})
    run.finish()
    for late in (
        lambda: run.log({"a": 1}), lambda: run.save("x"), lambda: setattr(run, "name", "x"),
        lambda: run.define_metric("x"), lambda: run.summary.update({"x": 1}), lambda: run.config.update({"x": 1}),
    ):  # fmt: skip
        with pytest.raises(wandb.errors.UsageError) as finished:
            late()
        assert finished.value.slug == "run-finished"
    assert run.summary["a"] == 1


def test_steps_are_counted_as_wandb_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    run = wandb.init()
    steps = [run.step]
    for row, options in (
        ({"loss": 1.0}, {}), ({"x": 1}, {"commit": False}), ({"x": 2, "y": 1}, {}), ({"x": 3}, {"step": 10}),
        ({"y": 3}, {"step": 10}), ({"z": 5}, {}), ({"z": 6}, {"step": 4}), ({"z": 7}, {"step": 4}),
        ({"z": 6}, {"step": 12, "commit": True}), ({}, {}),
    ):  # fmt: skip
        run.log(row, **options)  # type: ignore[arg-type]
        steps.append(run.step)
    assert steps == [0, 1, 1, 2, 10, 10, 11, 11, 11, 13, 14]  # as measured with W&B 0.31, offline
    run.finish()
    assert [(step, row) for step, row in rows(run.id) if row] == [
        (0, {"loss": 1.0}), (1, {"x": 2, "y": 1}), (10, {"x": 3, "y": 3, "z": 5}), (12, {"z": 6}),
    ]  # fmt: skip
    assert capsys.readouterr().err.count("step 4 is less than the current step 11") == 1


def test_what_cannot_be_logged() -> None:
    run = wandb.init()
    for wrong, options in (
        (5, {}), ([("a", 1)], {}), ({1: 2}, {}), ({"a": object()}, {}), ({"a": 1}, {"step": 1.5}),
        ({"a": 1}, {"step": "3"}), ({"a": 1}, {"step": True}),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            run.log(wrong, **options)  # type: ignore[arg-type]
    assert run.step == 0
    run.log({"nan": math.nan, "inf": -math.inf})
    run.finish()
    row = rows(run.id)[0][1]
    assert math.isnan(row["nan"])  # type: ignore[arg-type]
    assert row["inf"] == -math.inf


def test_a_row_too_long_for_a_record_is_several_and_a_value_too_long_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = wandb.init()
    run.log({f"text{number}": "x" * 200_000 for number in range(5)})
    run.log({"far": "y" * 600_000, "near": 1})
    run.finish()
    first, second = rows(run.id)
    assert sorted(first[1]) == [f"text{number}" for number in range(5)]
    assert second == (1, {"near": 1})
    assert "far:" in capsys.readouterr().err


def test_many_threads_log_to_one_run() -> None:
    run = wandb.init()

    def work(name: str) -> None:
        for number in range(300):
            run.log({name: number})

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = rows(run.id)
    assert [step for step, _ in found] == list(range(1200))
    for number in range(4):
        assert [row[f"t{number}"] for _, row in found if f"t{number}" in row] == list(range(300))


def test_a_second_init_gives_the_open_run_unless_it_is_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    first = wandb.init()
    assert wandb.init(project="other") is first
    assert "is open and init() gives it again" in capsys.readouterr().err
    third = wandb.init(reinit="create_new")
    assert third is not first
    assert wandb.run is first
    second = wandb.init(reinit=True)
    assert wandb.run is second
    assert (known(first.id).outcome, known(third.id).outcome) == ("finished", "finished")
    fourth = wandb.init(settings=wandb.Settings(reinit="finish_previous"))
    assert (wandb.run, known(second.id).outcome) == (fourth, "finished")
    with pytest.raises(UsageError):
        wandb.init(reinit="bogus")


def test_a_cell_of_a_notebook_that_is_run_again_begins_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, is_another in (("ipykernel.zmqshell", True), ("IPython.terminal.interactiveshell", False)):
        shell = type("Shell", (), {"__module__": module})()
        ipython = ModuleType("IPython")
        vars(ipython)["get_ipython"] = lambda shell=shell: shell
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        first = wandb.init(reinit="finish_previous")
        second = wandb.init()
        assert (second is not first, known(first.id).outcome) == (is_another, "finished" if is_another else None)
        assert wandb.init(reinit="return_previous") is second


def test_a_disabled_run_leaves_nothing_behind(place: Path) -> None:
    with wandb.init(mode="disabled", config={"a": 1}) as run:
        run.log({"loss": 1.0})
        run.log({"loss": 0.5}, step=7)
        run.summary["best"] = 3
        assert (dict(run.summary), run.step, run.config.a, run.disabled) == ({"loss": 0.5, "best": 3}, 7, 1, True)
        (place / "f").write_text("x")
        assert len(run.save("f")) == 1
        run.name = "other"
        run.tags = ("x",)
        assert Path(run.dir).is_dir()
    assert not (place / ".art").exists()
    assert not Path(run.dir).exists() or run.dir


def test_edits_of_a_run_are_in_the_log() -> None:
    run = wandb.init(tags=["old", "both"])
    run.name, run.notes = "renamed", "because"
    run.tags = ("both", "new")
    assert (run.name, run.notes, run.tags) == ("renamed", "because", ("both", "new"))
    run.finish()
    repository = Repository.open(Path.cwd())
    register = Register(repository.follower.database)
    assert register.tags(run.id) == {run.id: ["both", "new"]}
    repository.close()
    assert (known(run.id).name, known(run.id).notes) == ("renamed", "because")


def test_long_notes_and_what_no_name_can_be() -> None:
    with wandb.init(notes="n" * 3000) as run:
        assert run.notes == "n" * 3000
        run.notes = "m" * 5000
        with pytest.raises(UsageError) as caught:
            run.name = "a\nb"
        assert caught.value.slug == "bad-run-name"
    with wandb.init(id=run.id, resume="must") as again:
        assert again.notes == "m" * 5000
    assert wandb.Api().run(run.id).notes == "m" * 5000


def test_names_that_references_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    with wandb.init(project="My Project: cars", tags=["lr=0.1", "night drive"]) as run:
        run.tags += ("a/b",)
        assert (run.project, run.tags) == ("My-Project-cars", ("lr-0.1", "night drive", "a-b"))
    assert "'My Project: cars' is kept as 'My-Project-cars'" in capsys.readouterr().err
    for nothing in ({"project": "//"}, {"tags": [""]}):
        with pytest.raises(UsageError):
            wandb.init(**nothing)


def test_what_no_run_can_be() -> None:
    for wrong in ({"name": 5}, {"notes": 5}, {"id": 5}, {"project": 5}, {"group": 5}, {"job_type": 5}, {"tags": [5]}):
        with pytest.raises(TypeError):
            wandb.init(**wrong)
    for slug, unfit in (
        ("bad-run", {"id": ""}), ("bad-run", {"id": "a/b"}), ("bad-reinit", {"reinit": "bogus"}),
        ("bad-mode", {"mode": "bogus"}), ("bad-resume", {"resume": "bogus", "id": "x"}),
    ):  # fmt: skip
        with pytest.raises(UsageError) as refused:
            wandb.init(**unfit)  # type: ignore[arg-type]
        assert refused.value.slug == slug
    with pytest.raises(NotFoundError, match="no id is given"):
        wandb.init(resume="must")
    assert wandb.run is None
    run = wandb.init()
    with pytest.raises(TypeError):
        run.name = None  # type: ignore[assignment]
    for unknown in ("sumary", "id", "step"):
        with pytest.raises(AttributeError):
            setattr(run, unknown, 1)


def test_a_run_goes_on() -> None:
    with wandb.init(id="abc", resume="allow", config={"lr": 1}) as run:
        run.log({"loss": 1.0})
        run.summary["best"] = 9
    assert not run.resumed
    with pytest.raises(ConflictError, match="there is a run 'abc' already"):
        wandb.init(id="abc")
    with pytest.raises(ConflictError):
        wandb.init(id="abc", resume="never")
    with pytest.raises(NotFoundError):
        wandb.init(id="nothing", resume="must")
    with wandb.init(id="abc", resume="must", config={"lr": 2, "more": 3}) as run:
        assert (run.resumed, run.step, run.starting_step) == (True, 1, 1)
        assert dict(run.config) == {"lr": 2, "more": 3}
        assert dict(run.summary) == {"loss": 1.0, "best": 9}
        run.log({"loss": 0.5})
    with wandb.init(id="abc", resume="must", name="renamed", notes="why", tags=["new"], job_type="train") as run:
        assert (run.name, run.notes, run.tags, run.job_type, run.project) == (
            "renamed", "why", ("new",), "train", "uncategorized",
        )  # fmt: skip
    with wandb.init(id="abc", resume="must") as run:
        assert (run.name, run.notes, run.tags, run.job_type) == ("renamed", "why", ("new",), "train")
    with pytest.raises(ConflictError, match="of project uncategorized"):
        wandb.init(id="abc", resume="allow", project="other")
    assert rows("abc") == [(0, {"loss": 1.0}), (1, {"loss": 0.5})]
    assert known("abc").resumes == 3
    with pytest.raises(UsageError):
        wandb.init(resume="bogus")


def test_auto_takes_up_what_did_not_end_well() -> None:
    with wandb.init(resume="auto") as first:
        pass
    second = wandb.init(resume="auto")
    assert second.id != first.id
    second.log({"a": 1})
    second.finish(exit_code=1)
    with wandb.init(resume=True) as third:
        assert (third.id, third.step) == (second.id, 1)
    with wandb.init(resume="auto") as fourth:
        assert fourth.id != second.id


def test_the_environment_says_what_init_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ART_PROJECT", "ours")
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    monkeypatch.setenv("WANDB_NAME", "named")
    monkeypatch.setenv("WANDB_TAGS", "a, b")
    with wandb.init() as run:
        assert (run.project, run.name, run.tags) == ("ours", "named", ("a", "b"))
    with wandb.init(project="told", settings=wandb.Settings(run_name="set")) as run:
        assert (run.project, run.name) == ("told", "set")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with wandb.init() as run:
        assert run.disabled
    with pytest.raises(UsageError):
        wandb.init(mode="bogus")


def test_it_joins_the_run_of_art_run_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outer = wandb.init(name="outer", config={"lr": 5})
    outer.log({"outer": 1})
    outer.flush()
    from artcli.sdk import current

    current.forget(outer)
    monkeypatch.setenv("ART_RUN_ID", outer.id)
    monkeypatch.setenv("ART_CONFIG_OVERRIDES", '{"lr": 5}')
    with wandb.init(name="inner", job_type="train", config={"lr": 1, "epochs": 2}) as inner:
        assert (inner.id, inner.name, inner.job_type, inner.step) == (outer.id, "outer", "train", 1)
        assert dict(inner.config) == {"lr": 5, "epochs": 2}
        inner.log({"loss": 1})
    assert known(outer.id).outcome is None
    assert "which art run began; the name of init is not taken" in capsys.readouterr().err
    with wandb.init(name="another") as another:
        assert another.id != outer.id
    outer.log({"outer": 2})
    outer.finish()
    from artcli.sdk import beginning

    beginning._joined.clear()
    with wandb.init() as late:
        late.log({"late": 3})
    assert "not taken" not in capsys.readouterr().err
    assert not list((Path(".art") / "local" / "spool").iterdir())
    assert rows(outer.id)[:3] == [(0, {"outer": 1}), (1, {"loss": 1}), (2, {"outer": 2})]
    assert (rows(outer.id)[3], known(outer.id).outcome) == ((3, {"late": 3}), "finished")
