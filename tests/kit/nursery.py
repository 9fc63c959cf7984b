"""Real processes of `art` that begin at once, to be killed at any moment.

A server process has imported everything, has done the most of it once, and forks a child for each command: the child
is a process like any other, but it spends its life on the command, not on imports, so that a random moment is a moment
of work.

    with Nursery() as nursery:
        child = nursery.start(["log-artifact", "d", "data"], directory)
        time.sleep(0.01)
        child.kill()
        assert child.wait().signal == SIGKILL
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.kit.calls import Calls

CHECKOUT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a child ended."""

    code: int
    """Of its exit; −1 if a signal ended it."""
    signal: int
    """0 if none ended it."""
    out: str
    err: str
    calls: int
    """To the system, of those that `Calls` counts; 0 if a signal ended it."""

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL


class Child:
    """A command at work."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.started = time.monotonic()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # the server has not waited for it, so the number is still its own

    def wait(self) -> Ended:
        return Ended(*self._nursery.ask({"wait": self.pid}))


class Process:
    """A command that goes on by itself, with what of `subprocess.Popen` tests ask for."""

    def __init__(self, nursery: Nursery, pid: int, stdout: IO[bytes]) -> None:
        self._nursery = nursery
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            ended = os.pidfd_open(self.pid)
            try:
                waiting = select.poll()  # unlike select, of descriptors above 1,023, too
                waiting.register(ended, select.POLLIN)
                if not waiting.poll(None if timeout is None else timeout * 1000):
                    raise subprocess.TimeoutExpired("art", timeout or 0)
            finally:
                os.close(ended)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def environment() -> dict[str, str]:
    """What a command finds in its environment: nothing of the settings of whoever runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ART_")}
    ours = {
        "ART_USER": "tester",
        "ART_CONFIG": "/nonexistent",
        "PYTHONPATH": str(CHECKOUT),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return {**inherited, **ours}


class Nursery:
    """A client of the server; `calls` of `start` says which call to the system a child dies before, or fails at."""

    def __init__(self, **more: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.nursery"],
            cwd=CHECKOUT,
            env={**environment(), **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._server.stdin is None or self._server.stdout is None:
            raise AssertionError("pipes were asked for")
        self._questions, self._answers = self._server.stdin, self._server.stdout

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self._questions.close()
        self._server.wait()
        self._answers.close()

    def ask(self, question: dict[str, Any]) -> Any:
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        return json.loads(self._answers.readline())

    def start(self, arguments: Sequence[str], directory: Path, **how: Any) -> Child:
        """Begin `art ARGUMENTS` in `directory`; `how` is what `Calls` takes; `repeat`: each of these lists of
        arguments in turn, instead; `memory`: so many bytes may be allocated; `environment`: variables on top.
        """
        return Child(self, self.ask({"start": list(arguments), "directory": str(directory), "how": how}))

    def begin(self, arguments: Sequence[str], directory: Path, err: Path, environment: Mapping[str, str]) -> Process:
        """Begin `art ARGUMENTS` with this environment; what it says on stderr goes to the file `err`."""
        reading, writing = os.pipe()
        pid = self.ask({
            "begin": list(arguments), "directory": str(directory), "environment": dict(environment),
            "out": f"/proc/{os.getpid()}/fd/{writing}", "err": str(err),
        })  # fmt: skip
        os.close(writing)
        return Process(self, pid, open(reading, "rb"))

    def run(self, arguments: Sequence[str], directory: Path, **how: Any) -> Ended:
        """From start to end."""
        return self.start(arguments, directory, **how).wait()

    def run_for(self, seconds: float, arguments: Sequence[str], directory: Path) -> Ended:
        """Kill it when it has run so long, if it still does."""
        child = self.start(arguments, directory)
        time.sleep(max(0.0, child.started + seconds - time.monotonic()))
        child.kill()
        return child.wait()


# --- the server ---


def _serve() -> None:
    _import_everything()
    _warm_up()
    running: dict[int, list[int]] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "start" in question:
            streams = [os.memfd_create(name) for name in ("out", "err", "calls")]
            pid = os.fork()
            if not pid:
                _live(question, *streams)
            running[pid] = streams
            answer: Any = pid
        elif "begin" in question:
            out = os.open(question["out"], os.O_WRONLY)
            err = os.open(question["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            answer = os.fork()
            if not answer:
                _begin(question, out, err)
            os.close(out)
            os.close(err)
        elif "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif "import" in question:
            answer = [import_module(module).__name__ for module in question["import"]]
            gc.freeze()
        else:
            pid = question["wait"]
            _, status = os.waitpid(pid, 0)
            out, err, calls = (_text(stream) for stream in running.pop(pid))
            killed = os.WIFSIGNALED(status)
            code, number = (-1, os.WTERMSIG(status)) if killed else (os.WEXITSTATUS(status), 0)
            answer = [code, number, out, err, int(calls or 0)]
        print(json.dumps(answer), flush=True)


def _text(stream: int) -> str:
    size = os.fstat(stream).st_size
    text = os.pread(stream, size, 0).decode("utf-8", "backslashreplace")
    os.close(stream)
    return text


def _live(question: dict[str, Any], out: int, err: int, calls: int) -> None:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(question["directory"])
        from artcli.cli.main import run

        how = question["how"]
        commands = how.pop("repeat", [question["start"]])
        os.environ.update(how.pop("environment", {}))
        if "memory" in how:
            _bound_memory(how.pop("memory"))
        with Calls(**how) as counted:
            for command in commands:
                code = run(command)
                if code:
                    break
        os.write(calls, b"%d" % len(counted.taken))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _begin(question: dict[str, Any], out: int, err: int) -> None:
    code: Any = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(question["directory"])
        os.environ.clear()
        os.environ.update(question["environment"])
        from artcli.cli.main import main

        sys.argv = ["art", *question["begin"]]
        main()
    except SystemExit as end:
        code = end.code or 0
        sys.stderr.flush()
    finally:
        os._exit(code)


def _bound_memory(spare: int) -> None:
    """Let this process take so many bytes more; what is only reserved, as for the heaps of threads, does not count."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _import_everything() -> None:
    from artcli.cli.commands import COMMANDS
    from artcli.cli.parser import load

    for module in (
        "numpy", "pathspec", "platformdirs.unix", "pyfastcdc", "sqlite3", "zstandard", "typer._click.decorators",
        "encodings.idna", "artcli.buckets.http", "artcli.buckets.static", "artcli.cli.failures", "artcli.cli.progress",
    ):  # fmt: skip
        import_module(module)
    for command in COMMANDS:
        load(command)


def _warm_up() -> None:
    """Do the most of what commands do once: what a process does only the first time costs more than the rest."""
    from artcli.cli.main import run

    before = sys.stdout, sys.stderr, os.getcwd()
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        os.chdir(folder)
        Path("file").write_bytes(b"some bytes")
        for command in ("init", "log-artifact it file", "ls", "use it:v0 --root used", "gc", "fsck"):
            run(command.split())
        sys.stdout, sys.stderr, directory = before
        os.chdir(directory)
    gc.collect()
    gc.freeze()  # a child's collections do not touch, and thereby copy, what is here already


if __name__ == "__main__":
    _serve()
