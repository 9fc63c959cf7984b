"""`art run start`, `log-metrics`, `run config`, `run summary`, `run finish`: a run from a shell script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.records import LIMIT
from artcli.catalog.runs.register import Register, Run
from artcli.cli import formatting
from artcli.errors import UsageError
from artcli.flows.runs.metrics import Voice
from artcli.flows.runs.recorder import Beginning, Recorder
from tests.cli.test_startup import imported
from tests.kit.command_line import Art

PNG = bytes.fromhex("89504e470d0a1a0a0000000d494844520000000800000006080000000000000000")


def started(art: Art, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    art("init")
    result = art("run", "start", *options)
    assert (result.code, result.err.split()[1:]) == (0, ["began"])
    run = result.out.strip()
    monkeypatch.setenv("ART_RUN_ID", run)
    return run


def opened(art: Art) -> Repository:
    return Repository.open(art.directory)


def rows(art: Art, run: str) -> list[tuple[int | None, dict[str, object]]]:
    repository = opened(art)
    try:
        return [(item.step, dict(item.data)) for item in journal.everything(repository, run) if item.kind == "history"]
    finally:
        repository.close()


def known(art: Art, run: str) -> Run:
    repository = opened(art)
    try:
        found = Register(repository.follower.database).run(run)
        assert found is not None
        return found
    finally:
        repository.close()


def test_a_run_of_a_shell_script(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch, "--job-type", "collect", "--name", "car", "--tag", "night", "-c", "fps=30")
    assert art("log-metrics", "loss=.5", "note=dark", "ok=true")[:2] == (0, b"")
    assert art("log-metrics", "loss=nan", "--step", "7").code == 0
    assert art("log-metrics", "acc=1", "--step", "7").code == 0
    assert art("run", "config", "lr=1e-3", "api_key=abc").code == 0
    assert art("run", "summary", "best=0.9").code == 0
    ended = art("run", "finish", "--exit-code", "3", "--json")
    assert ended.json["outcome"] == "failed"
    found = known(art, run)
    assert (found.name, found.job_type, found.outcome, found.exit) == ("car", "collect", "failed", 3)
    first, second, third = rows(art, run)
    assert first == (0, {"loss": 0.5, "note": "dark", "ok": True})
    assert (second[0], third) == (7, (7, {"acc": 1}))
    assert art("run", "config").out == "api_key\t***\nfps\t30\nlr\t0.001\n"
    assert "best\t0.9\n" in art("run", "summary").out


def test_a_run_ends_once(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    assert art("run", "finish").code == art("run", "finish").code == 0
    assert art("run", "finish", "--failed", "--json").error["code"] == "run-over"
    assert art("run", "start", "--resume", run).err.split()[1:] == ["goes", "on"]
    assert art("run", "finish").code == 0
    assert known(art, run).outcome == "finished"


def test_what_comes_after_the_end_changes_neither_end_nor_duration(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    art("log-metrics", "a=1")
    art("run", "finish", "--exit-code", "0")
    ended, began = art("run", "show", run, "--json").json, known(art, run).time
    assert ended["exit"] == 0
    assert art("run", "finish", "--summary", "best=3").code == 0
    late = str(formatting.seconds(began) + 1000)
    assert art("log-metrics", "a=2", "--time", late).code == 0
    found = art("run", "show", run, "--json").json
    assert found["summary"] == {"a": 2, "best": 3}
    assert [found[key] for key in ("exit", "finished")] == [ended[key] for key in ("exit", "finished")]
    assert found["duration"] == pytest.approx(ended["duration"], abs=0.5)


def test_a_lower_step_is_dropped_and_said(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    art("log-metrics", "a=1", "--step", "5")
    result = art("log-metrics", "a=2", "--step", "4")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("warning: step 4 is over")
    assert rows(art, run) == [(5, {"a": 1})]


def test_rows_from_standard_input(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    lines = b'{"loss": 0.5}\n\n{"loss": 0.4, "_step": 10, "_timestamp": 5}\n[1]\n{"_step": -1}\n{"loss": 0.3}'
    result = piped(art, lines)
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"lines left out, being no rows (JSON objects): 2, line 4 the first" in result.stderr  # "lines-left-out"
    assert rows(art, run) == [(0, {"loss": 0.5}), (10, {"loss": 0.4}), (10, {"loss": 0.3})]


def test_what_was_logged_is_told_where_json_is_wanted(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    art("init")
    monkeypatch.setenv("ART_RUN_ID", run := art("run", "start").out.strip())
    said = {"schema": "art.metrics-logged/1", "run": run, "rows": 1, "dropped": 0, "files": []}
    assert art("log-metrics", "loss=1", "--step", "5", "--json").json == said
    assert art("log-metrics", "loss=1", "--step", "3", "--json").json == {**said, "rows": 0, "dropped": 1}
    (art.directory / "rows.jsonl").write_text('{"loss": 1}\n{"loss": 2, "_step": 0}\nnonsense\n{"loss": 3}\n')
    result = art("log-metrics", "--jsonl", "rows.jsonl", "--file", "rows.jsonl", "--json")
    assert (result.code, result.json) == (3, {**said, "rows": 2, "dropped": 1, "files": ["files/rows.jsonl"]})
    assert art("log-metrics", "loss=4").out == art("log-metrics", "loss=4", "-q").out == ""
    for kind in ("config", "summary"):
        document = art("run", kind, "a=1", "token=x", "--json").json
        assert document["schema"] == "art.run-values/1"
        assert document["items"][0] == {"key": "a", "value": 1}
        assert art("run", kind, "a=2").out == ""


def test_rows_from_a_file_that_is_none(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    started(art, monkeypatch)
    for word in ("nowhere.jsonl", "."):
        result = art("log-metrics", "--jsonl", word, "--json")
        assert (result.code, result.error["code"]) == (5, "no-such-path")


def test_images_that_are_none(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    (art.directory / "notes.txt").write_text("no image")
    (art.directory / "frame").write_bytes(PNG)
    (art.directory / "noise").write_bytes(b"\xff\xfe")

    def refused(*words: str) -> object:
        return art("log-metrics", "--json", *words).error["code"]

    assert refused("--image", "frame=notes.txt") == "bad-image"
    assert refused("--image", "frame=.") == refused("--file", ".") == "no-such-path"
    assert refused("--image", "frame=frame", "--boxes", "yolo:noise") == "bad-boxes"
    assert refused("--image", "frame=frame", "--boxes", "noise") == "bad-boxes"
    assert rows(art, run) == []
    assert art("log-metrics", "--image", "frame=frame").code == 0


def piped(art: Art, data: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "artcli", "log-metrics", "--jsonl", "-"]
    return subprocess.run(command, cwd=art.directory, input=data, capture_output=True, check=False)


def test_images_with_boxes_and_files(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    (art.directory / "labels").mkdir()
    (art.directory / "frame.png").write_bytes(PNG)
    (art.directory / "classes.txt").write_text("helmet\nhead\n")
    (art.directory / "labels" / "frame.txt").write_text("1 0.5 0.5 0.2 0.1 0.9\n")
    (art.directory / "model.bin").write_bytes(b"weights")
    done = art(
        "log-metrics", "loss=1", "--image", "val/frame=frame.png", "--boxes", "yolo:labels/frame.txt",
        "--file", "model.bin",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    ((step, row),) = rows(art, run)
    assert step == 0
    picture = row["val/frame"]
    assert isinstance(picture, dict)
    assert (picture["_type"], picture["width"], picture["height"]) == ("image-file", 8, 6)
    boxes = picture["boxes"]["predictions"]
    assert boxes["class_labels"] == {"0": "helmet", "1": "head"}
    assert boxes["box_data"][0]["scores"] == {"confidence": 0.9}
    spool = art.directory / ".art" / "local" / "spool" / run
    kept = {
        path.relative_to(spool / "0" / "files").as_posix() for path in spool.rglob("0/files/**/*") if path.is_file()
    }
    assert {picture["path"], "files/model.bin"} <= kept
    assert art("run", "finish").code == 0
    assert not spool.exists()


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (["loss"], "bad-value"),
        (["--image", "a.png"], "bad-value"),
        ([], "nothing-to-log"),
        (["--image", "a=gone.png"], "no-such-path"),
        (["a=1", "--boxes", "[]"], "bad-boxes"),
        (["a=1", "--time", "never"], "bad-date"),
        (["a=1", "--run", "nobody"], "no-such-run"),
    ],
)
def test_mistakes(words: list[str], slug: str, art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    started(art, monkeypatch)
    assert art("log-metrics", *words, "--json").error["code"] == slug


def test_outside_of_a_run(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    assert art("log-metrics", "a=1").code == 10
    art("init")
    assert art("log-metrics", "a=1", "--json").error["code"] == "no-run"
    monkeypatch.setenv("ART_DISABLED", "1")
    assert art("log-metrics", "a=1") == (0, b"", b"")


def test_lines_for_the_shell(art: Art) -> None:
    art("init")
    result = art("run", "start", "--print", "env", "-c", "name=it's")
    script = result.out + 'echo "$ART_RUN_ID|$ART_DIR|$ART_CONFIG_OVERRIDES"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip().split("|")
    assert known(art, said[0]).outcome is None
    assert said[1:] == [str(art.directory / ".art"), '{"name": "it\'s"}']


def test_a_run_without_its_process_has_crashed(art: Art) -> None:
    art("init")
    process = subprocess.Popen(["sleep", "60"])
    run = art("run", "start", "--pid", process.pid).out.strip()
    art("log-metrics", "a=1", "--run", run)
    process.kill()
    process.wait()
    art("run", "start")
    assert known(art, run).outcome == "crashed"
    assert rows(art, run) == [(0, {"a": 1})]
    assert art("run", "start", "--pid", process.pid, "--json").error["code"] == "no-such-process"


def test_neither_log_nor_database_is_opened(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    started(art, monkeypatch)
    modules = imported(art, "log-metrics", "loss=0.3")
    assert not modules & {"sqlite3", "numpy", "zstandard", "artcli.catalog.repository", "artcli.store"}


def test_ten_at_once_lose_nothing(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    before = len(files(art))

    def log(number: int) -> None:
        for index in range(1000):
            Voice(art.directory / ".art", run).row({"x": number * 1000 + index, "pad": "x" * 90}, 0.0)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(art, run)
    assert sorted(row["x"] for _, row in found) == list(range(10_000))  # type: ignore[type-var]
    assert [step for step, _ in found] == list(range(10_000))
    assert len(files(art)) <= before + 10
    art("run", "finish")
    assert len(files(art)) <= before + 10


def files(art: Art) -> set[Path]:
    return {path for path in (art.directory / ".art").rglob("*") if path.is_file()}


def test_processes_share_the_counter(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(art, monkeypatch)
    environ = {**os.environ, "ART_RUN_ID": run}
    command = [sys.executable, "-m", "artcli", "log-metrics", "a=1"]
    processes = [subprocess.Popen(command, cwd=art.directory, env=environ) for _ in range(10)]
    assert [process.wait() for process in processes] == [0] * 10
    assert [step for step, _ in rows(art, run)] == list(range(10))


def test_values_of_files(art: Art, tmp_path: Path) -> None:
    art("init")
    (art.directory / "a.toml").write_text("lr = 0.1\n[model]\nday = 2026-11-01\n")
    (art.directory / "b.yaml").write_text("rate: 1e-3\nname: car\n")
    (art.directory / "c.json").write_text(json.dumps({"n": 1}))
    run = art("run", "start", "-c", "@a.toml", "-c", "@b.yaml", "-c", "@c.json", "-c", "lr=.5").out.strip()
    assert art("run", "config", "--run", run, "--json").json["items"] == [
        {"key": "lr", "value": 0.5},
        {"key": "model", "value": {"day": "2026-11-01"}},
        {"key": "n", "value": 1},
        {"key": "name", "value": "car"},
        {"key": "rate", "value": 0.001},
    ]
    (art.directory / "bad.toml").write_text("= 1")
    assert art("run", "start", "-c", "@bad.toml", "--json").error["code"] == "bad-value"


def test_a_run_is_named_by_what_is_clear(art: Art) -> None:
    art("init")
    runs = [art("run", "start", "--name", name, "-q").out.strip() for name in ("night", "day", "day")]
    for word, run in (("night", runs[0]), ("day", runs[2]), (runs[1][:8], runs[1]), (f"run:{runs[0]}", runs[0])):
        assert art("run", "finish", word, "-q").out.strip() == run
    assert "did you mean 'night'?" in art("run", "finish", "nigth").err
    repository = opened(art)
    for number in (1, 2):
        Recorder.begin(repository, Beginning(project="p", id=f"abcd{number}"))
    repository.close()
    assert art("run", "finish", "abcd", "--json").error["code"] == "ambiguous-run"


def test_a_word_that_is_no_run_leads_nowhere_else(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    started(art, monkeypatch)
    before = {path for path in art.directory.rglob("*") if "cache" not in path.parts}
    for word in (".", "..", "../../..", str(art.directory)):
        assert art("log-metrics", "--run", word, "a=1", "--json").error["code"] == "no-such-run"
    assert {path for path in art.directory.rglob("*") if "cache" not in path.parts} == before
    assert art("runs").code == 0


def test_a_value_that_no_run_can_keep_is_refused_whatever_the_run_is_called(
    art: Art, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(art, monkeypatch, "--name", "car")
    for word in (run, "car"):
        with pytest.raises(UsageError) as caught:
            Voice(art.directory / ".art", word).row({"note": "x" * LIMIT}, 0.0)
        assert caught.value.slug == "unfit-value"
    assert rows(art, run) == []


def test_yaml_without_its_reader(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    art("init")
    (art.directory / "b.yaml").write_text("rate: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    result = art("run", "start", "-c", "@b.yaml", "--json")
    assert (result.code, result.error["code"], result.error["hint"]) == (1, "yaml-missing", "pip install pyyaml")
