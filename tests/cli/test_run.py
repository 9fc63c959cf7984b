"""`art run -- CMD`, as processes of their own: what passes through, what is recorded, what a signal does."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register, Run
from tests.kit.command_line import Art

PYTHON = sys.executable
QUIET = ("--system-metrics", "off", "--no-git")


@pytest.fixture
def home(art: Art) -> Path:
    art("init")
    (art.directory / "data").mkdir()
    (art.directory / "data" / "a").write_text("one\ntwo\n")
    art("log-artifact", "dataset", "data")
    return art.directory


def started(home: Path, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [PYTHON, "-m", "artcli", "run", *QUIET, *words]
    return subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def ran(home: Path, *words: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    with started(home, *words, stdin=subprocess.PIPE) as process:
        out, err = process.communicate(stdin)
    return process.returncode, out, err


def last_run(home: Path) -> tuple[Run, list[Record]]:
    repository = Repository.open(home)
    try:
        run = Register(repository.follower.database).runs()[-1]
        found = [*journal.everything(repository, run.id), *journal.everything(repository, run.id, console=True)]
        return run, found
    finally:
        repository.close()


def console(records: Sequence[Record], stream: str) -> str:
    texts = [item.data["text"] for item in records if item.kind == "console" and item.data["stream"] == stream]
    return "".join(texts)


def test_what_it_writes_passes_through(home: Path) -> None:
    script = r"import sys; sys.stdout.buffer.write(b'a\r\n\xff\0no end'); sys.stderr.write('oops')"
    code, out, err = ran(home, "-q", "--", PYTHON, "-c", script)
    assert (code, out, err) == (0, b"a\r\n\xff\0no end", b"oops")
    run, records = last_run(home)
    assert (run.outcome, run.exit) == ("finished", 0)
    assert (console(records, "stdout"), console(records, "stderr")) == ("a\r\n\ufffd\0no end", "oops")


def test_megabytes_pass_through_and_are_recorded(home: Path) -> None:
    lines = 150_000
    code, out, _ = ran(home, "--", PYTHON, "-c", f"for i in range({lines}): print('line', i)")
    assert (code, len(out.splitlines())) == (0, lines)
    assert console(last_run(home)[1], "stdout").encode() == out


def test_standard_input_is_the_commands(home: Path) -> None:
    assert ran(home, "-q", "--", "cat", stdin=b"through")[:2] == (0, b"through")


def test_streams_that_are_one_keep_their_order(home: Path) -> None:
    script = "import os\nfor i in range(2000): os.write(1 + i % 2, b'%d\\n' % i)"
    command = [PYTHON, "-m", "artcli", "run", "-q", *QUIET, "--", PYTHON, "-c", script]
    done = subprocess.run(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert done.stdout.split() == [b"%d" % number for number in range(2000)]


@pytest.mark.parametrize(
    ("words", "code", "outcome"),
    [
        (["sh", "-c", "exit 7"], 7, "failed"),
        (["nosuchcommand"], 127, "failed"),
        (["./data/a"], 126, "failed"),
        (["sh", "-c", "kill -9 $$"], -9, "killed"),
        (["sh", "-c", "kill -SEGV $$"], -11, "crashed"),
    ],
)
def test_exit_codes(words: list[str], code: int, outcome: str, home: Path) -> None:
    assert ran(home, "--", *words)[0] == code
    run, _ = last_run(home)
    assert (run.outcome, run.exit) == (outcome, code if code > 0 else 128 - code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--use", "nothing:v0", "--", "true"], 125),
        (["--resume", "nobody", "--", "true"], 125),
        (["--use", "dataset:v0=1x", "--", "true"], 125),
        (["--tag", "/", "--", "true"], 125),
        (["-c", "lr", "--", "true"], 125),
        (["-c", "@nowhere.json", "--", "true"], 125),
        (["--"], 2),
        (["train.py", "--", "true"], 2),
        (["train.py"], 2),
    ],
)
def test_what_cannot_start(words: list[str], code: int, art: Art, home: Path) -> None:
    got, out, err = art("run", *words)
    assert (got, out) == (code, b"")
    assert b"error: " in err
    assert b"hint: " in err


def test_slugs_of_mistakes(art: Art, home: Path) -> None:
    assert art("run", "--json", "--").error["code"] == "no-command"
    assert art("run", "--json", "--use", "dataset:v0=1x", "--", "true").error["code"] == "bad-variable"
    for word in ("out", "out=", "out=x,on=maybe"):
        error = art("run", "--json", "--log", word, "--", "true").error
        assert (error["code"], error["message"]) == ("bad-value", f"not NAME=PATH[,on=always]: '{word}'")
        assert error["hint"] == "art run --help"


@pytest.mark.parametrize("disabled", ["0", "1"])
def test_a_command_that_is_none_is_an_error(disabled: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ART_DISABLED", disabled)
    for word, code, slug in (("nosuchcommand", 127, "no-such-command"), ("./data/a", 126, "not-executable")):
        got, out, err = ran(home, "--json", "--", word)
        assert (got, out) == (code, b"")
        error = json.loads(err.splitlines()[-1])
        assert (error["code"], error["exit"]) == (slug, code)
        assert word in error["message"]


@pytest.mark.parametrize("text", ["lr=1", "[1]", "{"])
def test_settings_from_outside_that_are_none_are_told_of(
    text: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ART_CONFIG_OVERRIDES", text)
    code, _, err = ran(home, "-c", "depth=2", "--", "true")
    assert (code, err.splitlines()[0]) == (0, b"warning: ART_CONFIG_OVERRIDES is passed over: it is no JSON object")
    assert last_run(home)[0].outcome == "finished"


@pytest.mark.parametrize(
    ("log", "slug"),
    [
        ("a b=out", "bad-name"),
        ("out=out,alias=latest", "bad-alias"),
        ("out=out,type=a/b", "bad-type"),
        ("dataset=out,type=model", "type-mismatch"),
        ("Dataset=out", "name-case"),
    ],
)
def test_what_can_never_be_logged_is_said_before_the_command_works(log: str, slug: str, art: Art, home: Path) -> None:
    result = art("run", "--json", "--log", log, "--", "touch", "began")
    assert (result.code, result.error["code"]) == (125, slug)
    assert not (home / "began").exists()


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert ran(tmp_path, "--", "true")[0] == 125


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_goes_to_the_command(number: int, home: Path) -> None:
    script = (
        "import signal, sys, time\n"
        f"signal.signal({number:d}, lambda *_: (print('got', flush=True), sys.exit(9)))\n"
        "print('ready', flush=True)\ntime.sleep(30)"
    )
    with started(home, "--", PYTHON, "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"got\n"
        assert process.wait(10) == 9
    assert last_run(home)[0].outcome == "failed"


def test_ctrl_c_of_a_terminal_reaches_the_command_once(home: Path) -> None:
    script = (
        "import signal, time\nn = []\nsignal.signal(2, lambda *_: n.append(1))\n"
        "print('ready', flush=True)\nwhile not n: time.sleep(0.01)\ntime.sleep(0.5)\nprint('interrupts:', len(n))"
    )
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(home)
        os.execv(PYTHON, [PYTHON, "-m", "artcli", "run", *QUIET, "--", PYTHON, "-c", script])
    said = read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    said += read_until(terminal, b"interrupts: 1\r\n")
    read_to_end(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert "interrupts: 1" in console(last_run(home)[1], "stdout")


def test_ctrl_c_ends_a_loop_of_runs(home: Path) -> None:
    script = "print('rea' + 'dy', flush=True); import time; time.sleep(30)"  # Python 3.13 shows the line it stood in
    run = f"{PYTHON} -m artcli run -q {' '.join(QUIET)} -- {PYTHON} -c {shlex.quote(script)}"
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(home)
        os.execv("/bin/bash", ["bash", "-c", f"for i in 1 2 3; do {run}; done; echo after"])
    read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    said = read_to_end(terminal)
    assert (os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said) == (-signal.SIGINT, said)
    assert b"ready" not in said
    assert b"after" not in said
    assert (last_run(home)[0].outcome, last_run(home)[0].exit) == ("killed", 130)


def test_ctrl_c_is_the_way_to_end_following(home: Path) -> None:
    with started(home, "--name", "live", "--", "sh", "-c", "seq 20000; exec sleep 9") as run:
        assert run.stdout is not None
        while run.stdout.readline() != b"20000\n":
            continue
        command = [PYTHON, "-m", "artcli", "run", "logs", "live", "-f"]
        with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == b"1\n"
            follower.send_signal(signal.SIGINT)
            assert follower.communicate()[1] == b""
            assert follower.returncode == 130
        run.terminate()


def test_a_terminal_stays_a_terminal(home: Path) -> None:
    script = "import os, sys; print([s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)], *os.get_terminal_size())"
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(home)
        os.execv(
            "/bin/sh", ["sh", "-c", f"stty rows 33 cols 77; exec {PYTHON} -m artcli run -q -- {PYTHON} -c '{script}'"]
        )
    said = read_to_end(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    assert said == b"[True, True, True] 77 33\r\n"


def read_until(descriptor: int, end: bytes) -> bytes:
    said = b""
    while end not in said:
        said += os.read(descriptor, 1000)
    return said


def read_to_end(descriptor: int) -> bytes:
    said = b""
    try:
        while data := os.read(descriptor, 1000):
            said += data
    except OSError:
        pass
    return said


def test_nobody_reads_what_it_writes(home: Path) -> None:
    line = f"{PYTHON} -m artcli run -q {' '.join(QUIET)} -- yes | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=home, capture_output=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == (b"y\n141\n", b"")


def test_what_it_leaves_behind_is_not_waited_for(home: Path) -> None:
    began = time.monotonic()
    assert ran(home, "-q", "--", "sh", "-c", "sleep 20 & echo done")[:2] == (0, b"done\n")
    assert time.monotonic() - began < 10


def test_versions_and_what_it_makes(home: Path) -> None:
    words = ["--use", "dataset:v0=D", "--use", "dataset", "--use-ref", "https://me:pw@host/x"]
    made = ["--log", "lines={D}/a,type=result,alias=best", "--log", "more=gone.txt,on=always", "-c", "lr=.1"]
    script = 'test "$D" = "$DATASET" && test "$0" = "$D" && echo "$ART_CONFIG_OVERRIDES" && cat {D}/a'
    code, out, err = ran(home, *words, *made, "--", "sh", "-c", script, "{D}")
    assert (code, out) == (0, b'{"lr": 0.1}\none\ntwo\n')
    assert b"warning: not all is recorded: " in err
    repository = Repository.open(home)
    register = Register(repository.follower.database)
    run = register.runs()[-1].id
    assert [(item.uri, bool(item.version)) for item in register.inputs(run)] == [
        (None, True),
        ("https://***@host/x", False),
    ]
    assert [repository.catalog.version(item.version).ref for item in register.outputs(run)] == ["lines:v0"]  # type: ignore[union-attr]
    repository.close()
    assert ran(home, "--strict", "--log", "more=gone.txt", "--", "true")[0] == 5
    assert ran(home, "--strict", "--log", "more=gone.txt", "--", "false")[0] == 1


def test_three_learning_rates_in_a_loop(home: Path, art: Art) -> None:
    (home / "train.py").write_text(
        "import json, os, subprocess, sys\n"
        "config = {'lr': 1.0, 'epochs': 1} | json.loads(os.environ['ART_CONFIG_OVERRIDES'])\n"
        "for epoch in range(config['epochs']):\n"
        "    subprocess.run([sys.executable, '-m', 'artcli', 'log-metrics', f'loss={config[\"lr\"] / (1 + epoch)}'])\n"
    )
    art_word = f"{PYTHON} -m artcli"
    loop = (
        f"for lr in 0.1 0.01 1e-3; do {art_word} run -q --job-type train -c lr=$lr -- {PYTHON} train.py || exit 1; done"
    )
    subprocess.run(["sh", "-c", loop], cwd=home, check=True)
    repository = Repository.open(home)
    runs = Register(repository.follower.database).runs()
    said = [list(journal.everything(repository, run.id)) for run in runs]
    repository.close()
    assert [run.job_type for run in runs] == ["train"] * 3
    assert [next(item.data for item in records if item.kind == "config") for records in said] == [
        {"lr": 0.1},
        {"lr": 0.01},
        {"lr": 0.001},
    ]
    assert [[item.data["loss"] for item in records if item.kind == "history"] for records in said] == [
        [0.1],
        [0.01],
        [0.001],
    ]


def test_what_is_recorded_by_itself(home: Path) -> None:
    (home / "train.py").write_text("print('trained')\n")
    git = ["git", "-C", str(home), "-c", "user.name=a", "-c", "user.email=b"]
    for words in (["init", "-q"], ["add", "train.py"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@host/x.git"], check=True)
    (home / "train.py").write_text("print('trained again')\n")
    environ = {**os.environ, "SEED_FOR_ALL": "1", "MY_PASSWORD": "hunter2"}
    command = [
        PYTHON, "-m", "artcli", "run", "-q", "--system-metrics", "1s", "--env-allow", "SEED_*", "--",
        PYTHON, "train.py", "--api-key", "hunter2", "--lr=1",
    ]  # fmt: skip
    subprocess.run(command, cwd=home, env=environ, check=True, capture_output=True)
    run, records = last_run(home)
    start = records[0].data
    assert start["argv"] == [PYTHON, "train.py", "--api-key", "***", "--lr=1"]
    assert (start["cwd"], start["program"], start["code"]) == (str(home), "train.py", "code/train.py")
    assert start["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert (start["git"]["commit"], start["git"]["remote"]) == (commit, "https://***@host/x.git")
    assert (start["git"]["dirty"], start["git"]["diff"]) == (True, "code/diff.patch")
    assert start["env"] == {"SEED_FOR_ALL": "1"}
    files = {item.data["path"] for item in records if item.kind == "file"}
    assert files == {"code/train.py", "code/diff.patch", "code/requirements.txt"}
    assert any(item.kind == "system" and "cpu" in item.data for item in records)
    assert "hunter2" not in json.dumps([dict(item.data) for item in records])
    assert b"secret" not in b"".join(path.read_bytes() for path in (home / ".art" / "log").rglob("*/*"))
    assert run.exit == 0


def test_kill_9_of_us_leaves_what_was_said(home: Path, art: Art) -> None:
    script = f"echo begun; {shlex.quote(PYTHON)} -m artcli log-metrics loss=0.5; echo logged; exec sleep 30"
    with started(home, "--", "sh", "-c", script, start_new_session=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline(), process.stdout.readline()] == [b"begun\n", b"logged\n"]
        process.kill()
        process.wait()
        os.killpg(process.pid, signal.SIGKILL)
    art("run", "start")
    repository = Repository.open(home)
    run = Register(repository.follower.database).runs()[0]
    history = [dict(item.data) for item in journal.everything(repository, run.id) if item.kind == "history"]
    repository.close()
    assert (run.outcome, history) == ("crashed", [{"loss": 0.5}])


def test_eight_at_once_of_which_three_are_killed(home: Path, art: Art) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom artcli.flows.runs.metrics import Voice\nimport os\n"
        "voice = Voice(Path(os.environ['ART_DIR']), os.environ['ART_RUN_ID'])\n"
        "for step in range(20): voice.row({'x': step}, time.time())\n"
        "print('half', flush=True)\nsys.stdin.read()\n"
        "for step in range(20): voice.row({'x': step}, time.time())\n"
    )
    words = ("--name", "many", "--", PYTHON, "-c", script)
    processes = [started(home, *words, stdin=subprocess.PIPE, start_new_session=True) for _ in range(8)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
    for process in processes[:3]:
        os.killpg(process.pid, signal.SIGKILL)
    for process in processes:
        process.communicate()
    codes = [process.returncode for process in processes]
    assert codes == [-9] * 3 + [0] * 5
    art("run", "start")
    repository = Repository.open(home)
    runs = [run for run in Register(repository.follower.database).runs() if run.name == "many"]
    rows = [sum(item.kind == "history" for item in journal.everything(repository, run.id)) for run in runs]
    repository.close()
    assert sorted((run.outcome, count) for run, count in zip(runs, rows, strict=True)) == [
        *[("crashed", 20)] * 3,
        *[("finished", 40)] * 5,
    ]


def test_a_run_that_lives_is_not_taken_up(home: Path, art: Art) -> None:
    art("run", "start", "--name", "busy", "--pid", os.getpid())
    assert art("run", "start", "--resume", "busy", "--json").error["code"] == "run-lives"
    assert ran(home, "--resume", "busy", "--", "true")[0] == 125


def test_resume(home: Path) -> None:
    assert ran(home, "--name", "long", "-c", "a=1", "--", "sh", "-c", "echo one; exit 1")[0] == 1
    assert ran(home, "--resume", "long", "--", "sh", "-c", "echo two")[0] == 0
    run, records = last_run(home)
    assert (run.name, run.outcome, run.resumes, console(records, "stdout")) == ("long", "finished", 1, "one\ntwo\n")


def test_nothing_is_recorded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ART_DISABLED", "1")
    assert ran(home, "--", "sh", "-c", "echo plain; exit 4") == (4, b"plain\n", b"")
    assert not list((home / ".art" / "local").glob("spool/*"))
    assert ran(home, "--", "nosuchcommand")[0] == 127


def test_a_run_that_cannot_be_recorded_still_runs(home: Path) -> None:
    spool = home / ".art" / "local" / "spool"
    spool.parent.mkdir(exist_ok=True)
    spool.write_text("in the way")
    code, out, err = ran(home, "--", "sh", "-c", "echo fine; exit 3")
    assert (code, out) == (3, b"fine\n")
    assert b"warning: not all is recorded" in err
    assert ran(home, "--strict", "--", "true")[0] == 125


def test_a_repository_that_is_damaged(home: Path) -> None:
    (home / ".art" / "config").write_text("nonsense")
    code, out, err = ran(home, "--", "sh", "-c", "echo fine; exit 3")
    assert (code, out) == (3, b"fine\n")
    assert err.startswith(b"warning: nothing is recorded: ")
    assert ran(home, "--strict", "--", "true")[0] == 125
    assert ran(home, "--use", "dataset:v0", "--", "true")[0] == 125


def test_without_capture(home: Path) -> None:
    assert ran(home, "-q", "--no-capture", "--", "echo", "hi")[:2] == (0, b"hi\n")
    assert not [item for item in last_run(home)[1] if item.kind == "console"]


MOMENTS = {
    "the command line is read": ("artcli.cli.main", "_parse_and_invoke", "sleep 9"),
    "what is recorded by itself is gathered": ("artcli.flows.runs.wrap.Gathering", "done", "sleep 9"),
    "the run begins": ("artcli.flows.runs.wrap", "begin", "sleep 9"),
    "its name is said": ("artcli.cli.running", "_began", "sleep 9"),
    "the command is being started": ("artcli.flows.runs.child.Child", "_spawn", "sleep 9"),
    "the command runs": ("artcli.flows.runs.wrap._Wrapping", "_watch", "sleep 9"),
    "the command has ended": ("artcli.flows.runs.wrap._Samples", "last", "true"),
    "what it made is logged": ("artcli.flows.runs.wrap._Wrapping", "_log_one", "true"),
    "the run ends": ("artcli.flows.runs.wrap.Recorder", "finish", "true"),
    "its end is said": ("artcli.cli.running", "_told_end", "true"),
    "all is done": ("artcli.cli.console.Console", "close", "true"),
    "the interpreter ends": ("atexit", "_run_exitfuncs", "true"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_is_what_we_die_of(moment: str, home: Path) -> None:
    """Whoever waits for us, such as a shell's loop, sees that it was Ctrl-C, and not an exit code."""
    where, name, command = MOMENTS[moment]
    script = (
        "import os, pkgutil, sys, atexit\nfrom artcli.cli.main import main\n"
        f"place = pkgutil.resolve_name({where!r})\noriginal = getattr(place, {name!r})\n"
        "def interrupted(*words, **more):\n"
        f"    setattr(place, {name!r}, original)\n    os.kill(os.getpid(), {signal.SIGINT:d})\n"
        "    return original(*words, **more)\n"
        f"setattr(place, {name!r}, interrupted)\n"
        "atexit.register(lambda: place is atexit and interrupted())\n"
        f"sys.argv = ['art', 'run', *{QUIET!r}, '--log', 'made=data', '--', *{command.split()!r}]\nmain()"
    )
    done = subprocess.run([PYTHON, "-c", script], cwd=home, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, b""), done.stderr
    assert b"Traceback" not in done.stderr
