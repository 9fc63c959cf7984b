"""What becomes of a run when its process ends, forks, is killed or prints: programs of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import artcli
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.register import Run as Known
from artcli.flows.runs.seal import seal_dead
from tests.sdk.conftest import rows, said


def program(text: str, *, code: int = 0, **environment: str) -> str:
    """Run a program; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import artcli as wandb\n{text}"], env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout.strip()


def runs() -> list[Known]:
    repository = Repository.open(Path.cwd())
    found = Register(repository.follower.database).runs()
    repository.close()
    return found


def test_the_end_of_the_program_ends_the_run() -> None:
    program("wandb.init().log({'a': 1})")
    program("wandb.init(); raise ValueError('boom')", code=1)
    program("import sys; wandb.init(); sys.exit(3)", code=3)
    program("import sys; wandb.init(); sys.exit()")
    assert [(run.outcome, run.exit) for run in runs()] == [
        ("finished", 0), ("failed", 1), ("failed", 3), ("finished", 0),
    ]  # fmt: skip
    assert rows(runs()[0].id) == [(0, {"a": 1})]


@pytest.mark.parametrize(
    ("end", "code", "outcome", "exit"),
    [
        ("raise KeyboardInterrupt", -signal.SIGINT, "killed", 130),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT, "killed", 130),
        ("sys.exit('message')", 1, "failed", 1),
        ("sys.exit(True)", 1, "failed", 1),
        ("threading.Thread(target=sys.exit, args=(3,)).start()", 0, "finished", 0),
        ("import atexit; atexit.register(lambda: wandb.log({'b': 2}))", 0, "finished", 0),
        ("with wandb.run: sys.exit(9)", 9, "failed", 9),
        ("with wandb.run: sys.exit(0)", 0, "finished", 0),
    ],
)
def test_a_program_ends_as_it_would_without_us(end: str, code: int, outcome: str, exit: int) -> None:
    program(f"import sys, threading\nwandb.init().log({{'a': 1}})\n{end}", code=code)
    assert [(run.outcome, run.exit) for run in runs()] == [(outcome, exit)]


def test_a_killed_program_leaves_a_crashed_run_with_what_it_wrote() -> None:
    lines = (
        "import artcli, time",
        "run = artcli.init()",
        "run.log({'a': 1})",
        "run.flush()",
        "print(run.id, flush=True)",
    )
    text = "\n".join((*lines, "time.sleep(60)"))
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    api = artcli.Api()
    assert [one.id for one in api.runs(filters={"state": "crashed"})] == [run]
    assert runs()[0].outcome == "crashed"
    repository = Repository.open(Path.cwd())
    assert seal_dead(repository) == []
    repository.close()
    assert rows(run) == [(0, {"a": 1})]


def test_a_forked_child_logs_to_the_same_run_and_does_not_end_it() -> None:
    run = program("""
import os, sys
run = wandb.init()
run.log({"parent": 1})
run.flush()
sys.stdout.flush()
child = os.fork()
if child == 0:
    run.log({"child": 1})
    print("said by the child")
    run.finish()
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
run.log({"parent": 2})
print(run.id)
""")
    said_by_child, run = run.split()[:-1], run.split()[-1]
    assert said_by_child == ["said", "by", "the", "child"]
    assert runs()[0].outcome == "finished"
    assert rows(run) == [(0, {"parent": 1}), (1, {"child": 1}), (2, {"parent": 2})]
    assert "said by the child\n" in [record.data["text"] for record in said(run, console=True)]


def test_children_of_multiprocessing_log_to_the_same_run() -> None:
    run = program("""
import multiprocessing, warnings
warnings.simplefilter("ignore")
run = wandb.init()
def work(number):
    for value in range(50):
        run.log({f"child{number}": value})
children = [multiprocessing.get_context("fork").Process(target=work, args=(number,)) for number in range(3)]
for child in children: child.start()
for value in range(50): run.log({"parent": value})
for child in children: child.join()
print(run.id)
""")
    found = rows(run)
    assert [step for step, _ in found] == list(range(200))
    for name in ("parent", "child0", "child1", "child2"):
        assert [row[name] for _, row in found if name in row] == list(range(50))


def test_what_is_printed_is_recorded_and_shown(place: Path) -> None:
    printed = program("""
import sys, logging
logging.basicConfig(stream=sys.stderr)
run = wandb.init()
print("hello")
logging.warning("careful")
for done in range(3): sys.stdout.write(f"\\r{done} of 2")
print()
print("no newline", end="")
run.finish()
print("\\nafter")
""")
    assert printed.split("\n") == ["hello", "", "0 of 2", "1 of 2", "2 of 2", "no newline", "after"]  # \\r reads as \\n
    text = {"stdout": "", "stderr": ""}
    for record in said(runs()[0].id, console=True):
        text[str(record.data["stream"])] += str(record.data["text"])
    assert text == {"stdout": "hello\n2 of 2\nno newline", "stderr": "WARNING:root:careful\n"}


def test_what_is_recorded_by_itself(place: Path) -> None:
    (place / "train.py").write_text("import artcli, sys\nwith artcli.init(): pass\n")
    command = [sys.executable, "train.py", "--api-key", "s3cret", "--lr", "0.1"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    start = said(runs()[0].id, "start")[-1].data
    assert start["argv"][1:] == ["train.py", "--api-key", "***", "--lr", "0.1"]
    assert (start["cwd"], start["program"], start["code"]) == (str(place), "train.py", "code/train.py")
    assert start["python"]["version"] == sys.version.split()[0]
    assert {record.data["path"] for record in said(runs()[0].id, "file")} >= {"code/train.py", "code/requirements.txt"}


def test_samples_of_the_machine() -> None:
    pytest.importorskip("psutil")
    program("""
import time
from artcli.sdk import buffer
buffer.FLUSH_EVERY = 0.05
run = wandb.init(settings=wandb.Settings(x_stats_sampling_interval=0.01))
time.sleep(0.5)
""")
    assert 0 <= said(runs()[0].id, "system")[0].data["cpu"] <= 100


def test_import_costs_little() -> None:
    def cost(text: str) -> float:
        best = 9.0
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-c", text], check=True)
            best = min(best, time.perf_counter() - began)
        return best

    assert cost("import artcli") - cost("pass") < 0.06
    program("import sys; assert not {'typing', 'sqlite3', 'numpy', 'artcli.sdk'} & set(sys.modules)")


def test_the_example_of_the_readme_runs() -> None:
    page = (Path(artcli.__file__).parents[1] / "README.md").read_text("utf-8")
    example = page.partition("## In Python")[2].partition("```python\n")[2].partition("```")[0]
    Path("notes.txt").write_text("what was seen")
    program(example)
    run = runs()[0]
    assert (run.project, run.job_type, run.outcome) == ("car", "train", "finished")
    assert rows(run.id)[-1] == (2, {"train/loss": 1 / 3, "epoch": 2})


@pytest.mark.parametrize(
    ("arguments", "variable"), [("settings={'disable_code': True}", ""), ("save_code=False", ""), ("", "true")]
)
def test_code_is_not_kept_where_that_is_not_wanted(place: Path, arguments: str, variable: str) -> None:
    (place / "train.py").write_text(f"import artcli\nwith artcli.init({arguments}): pass\n")
    environment = {**os.environ, "WANDB_DISABLE_CODE": variable}
    subprocess.run([sys.executable, "train.py"], check=True, capture_output=True, timeout=60, env=environment)
    assert [record.data["path"] for record in said(runs()[0].id, "file")] == ["code/requirements.txt"]


def test_shell_and_python_share_the_counter_and_no_step_is_lower(capfd: pytest.CaptureFixture[str]) -> None:
    def shell(*words: str) -> None:
        command = [sys.executable, "-m", "artcli", "log-metrics", "--run", run.id, *words]
        subprocess.run(command, check=False, timeout=60)

    run = artcli.init()
    for number in range(2):
        run.log({"python": number})
    run._recording.flush()
    shell("shell=0")
    shell("--step", "7", "shell=1")
    run.log({"python": 2})
    run._recording.flush()
    shell("--step", "3", "shell=late")
    for _ in range(3):
        run.log({"python": "late"}, step=5)
    run.finish()
    assert rows(run.id) == [
        (0, {"python": 0}), (1, {"python": 1}), (2, {"shell": 0}), (7, {"shell": 1, "python": 2}),
    ]  # fmt: skip
    told = capfd.readouterr().err
    assert (told.count("step 3 is"), told.count("step 5 is")) == (1, 1)
