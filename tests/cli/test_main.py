"""Exit codes, and what is said when something goes wrong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from artcli.cli.commands import COMMANDS, ELSEWHERE
from artcli.cli.main import Terminated
from artcli.cli.parser import unknown_command
from artcli.errors import ArtError, IntegrityError, LockedError, NetworkError, NotFoundError, PartialError
from tests.cli.conftest import Probe
from tests.kit.command_line import Art

WAITING = """
import os, sys, time, types, typer
from artcli.cli import commands, main
class Held:
    def __init__(self, number: int) -> None:
        self.number = number
    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
def command(ctx: typer.Context, number: int = typer.Argument(0)) -> None:
    print("ready", flush=True)
    try:
        if number:
            Held(number)
        time.sleep(60)
    finally:
        print("tidied", flush=True)
module = types.ModuleType("artcli.cli.commands.wait")
module.command = command
sys.modules[module.__name__] = module
commands.COMMANDS["wait"] = "wait"
sys.argv.insert(1, "wait")
main.main()
"""


def raising(error: BaseException) -> Callable[[typer.Context], None]:
    def command(ctx: typer.Context) -> None:
        raise error

    return command


NOTE = "what was stored so far is kept and found again by the same command"
FULL = "no space left on device: /x/y"


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (NotFoundError("x", "no x", facts=["is: y"], hint="art ls"), 5, ["error: no x", "  is: y", "hint: art ls"]),
        (PartialError("x", "2 files failed"), 3, ["error: 2 files failed"]),
        (IntegrityError("x", "bad"), 7, ["error: bad"]),
        (NetworkError("x", "gone"), 8, ["error: gone"]),
        (LockedError("x", "held"), 11, ["error: held"]),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 9, [f"error: {FULL}", "hint: art gc -n"]),
        (OSError(errno.EDQUOT, "Quota exceeded"), 9, ["error: quota exceeded", "hint: art gc -n"]),
        (OSError(errno.EACCES, "Denied", b"x\xff"), 1, ["error: denied: x\\xff", "hint: art help permission-denied"]),
        (OSError(errno.EIO, "I/O error", "a", None, "b"), 1, ["error: i/o error: a -> b", "hint: art help io-error"]),
        (OSError(errno.EMFILE, "Too many"), 1, ["error: too many", "hint: ulimit -n 4096"]),
        (OSError(errno.ELOOP, "Loop", "l"), 1, ["error: loop: l", "hint: art help system-error"]),
        (KeyError("k"), 1, ["error: a mistake in art itself: KeyError: 'k'", "hint: art probe --debug"]),
        (typer.Exit(1), 1, []),
        (KeyboardInterrupt(), 130, [f"interrupted: {NOTE}", "hint: art probe"]),
        (Terminated(), 143, [f"terminated: {NOTE}", "hint: art probe"]),
    ],
)
def test_every_failure_has_its_code_and_words(
    art: Art, probe: Probe, error: BaseException, code: int, lines: list[str]
) -> None:
    probe(raising(error))
    result = art("probe")
    assert (result.code, result.out, result.err.splitlines()) == (code, "", lines)


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_a_signal_counts_that_makes_something_fail(art: Art, probe: Probe, stop: BaseException, code: int) -> None:
    """As a lock of Python's own does, which then says that it is not held."""
    error = RuntimeError("release unlocked lock")
    error.__context__ = stop
    probe(raising(error))
    result = art("probe")
    assert (result.code, result.err.splitlines()[-1]) == (code, "hint: art probe")


def test_a_machine_without_memory(art: Art, probe: Probe) -> None:
    probe(raising(MemoryError()))
    assert (art("probe").code, art("probe", "--json").error["code"]) == (1, "out-of-memory")


def test_a_traceback_only_with_debug(art: Art, probe: Probe) -> None:
    probe(raising(ArtError("x", "failed")))
    assert "Traceback" not in art("probe").err
    shown = art("probe", "--debug").err
    assert "Traceback" in shown
    assert shown.endswith("error: failed\n")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["confg"], "no command 'confg'", "art config --help"),
        (["config", "gett"], "no command 'gett'", "art config get --help"),
        (["config", "list", "--jsn"], "no such option: --jsn; did you mean '--json'?", "art config list --help"),
        (["--jsn"], "no such option: --jsn; did you mean '--json'?", "art --help"),
        (["config", "list", "--lock"], "no such option: --lock", "art config list --help"),
        (["config", "list", "-Z"], "no such option: -Z", "art config list --help"),
        (["config", "get"], "missing argument 'NAME'", "art config get --help"),
        (["config", "get", "a", "b"], "got unexpected extra argument(s) (b)", "art config get --help"),
        (["--color", "red", "config", "list"], "color from flag --color cannot be 'red'", "art help options"),
        (["create"], "no command 'create'", "art init"),
        (["man"], "no command 'man'", "art help"),
        (["version"], "no command 'version'", "art --version"),
    ],
)
def test_usage_errors(art: Art, arguments: list[str], message: str, hint: str) -> None:
    result = art(*arguments, "--json")
    assert result.code == 2
    assert (result.error["message"], result.error["hint"], result.error["exit"]) == (message, hint, 2)
    said = art(*arguments).err
    assert said.startswith(f"error: {message}\n")
    assert said.endswith(f"hint: {hint}\n")


@pytest.mark.parametrize("word", sorted(ELSEWHERE))
def test_words_of_other_tools_give_our_own(word: str) -> None:
    wanted = ELSEWHERE[word]
    assert word not in COMMANDS
    assert unknown_command(word, [*COMMANDS, wanted.split()[1]]).hint == wanted


def test_global_options_before_and_after(art: Art) -> None:
    inner = art.directory / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "art.toml").write_text('project = "inner"\n')
    assert art("-C", "a", "config", "get", "project", "-C", "b").out == "inner\n"
    assert art("-p", "x", "config", "get", "project").out == "x\n"
    assert art("-p", "x", "config", "-p", "y", "get", "project").out == "y\n"
    assert art("-p", "x", "config", "get", "project", "--project=y").out == "y\n"
    assert art("config", "get", "jobs", "-j3", "-q").out == "jobs\n"
    assert art("-q", "config", "list", "-q").out == ""
    assert art("--no-progress", "config", "get", "progress").out == "off\n"
    assert art("-C", "none", "config", "list").code == 5


def test_a_commands_own_option_takes_the_place_of_the_global_one(art: Art, probe: Probe) -> None:
    def export(ctx: typer.Context, form: str = typer.Option("tar", "--format", "-p")) -> None:
        ctx.obj.line(f"{form} {ctx.obj.project} {ctx.obj.flags.format}")

    probe(export)
    assert art("probe", "--format", "zip").out == "zip uncategorized None\n"
    assert art("probe", "-p", "zip", "--project", "x").out == "zip x None\n"


def test_version(art: Art) -> None:
    result = art("--version")
    assert result.code == 0
    assert result.out.startswith("art 0.")


def process(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], **options)  # type: ignore[call-overload,no-any-return]


def test_a_reader_that_goes_away_is_no_error(art: Art) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process("-m", "artcli", "config", "list", stdout=writing, stderr=subprocess.PIPE) as run:
        os.close(writing)
        _, err = run.communicate()
    assert (run.returncode, err) == (141, b"")


def test_closed_streams_are_no_error(art: Art) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f'"$0" -m artcli config get project {closed}'
        run = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, check=False)
        assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_under_stdout_is_said(art: Art) -> None:
    with (
        open("/dev/full", "wb") as full,
        process("-m", "artcli", "config", "list", stdout=full, stderr=subprocess.PIPE) as run,
    ):
        _, err = run.communicate()
    assert (run.returncode, err) == (9, b"error: no space left on device\nhint: art gc -n\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_let_the_work_be_tidied(art: Art, number: signal.Signals, code: int) -> None:
    with process("-c", WAITING, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        run.send_signal(number)
        out, err = run.communicate(timeout=20)
    assert (run.returncode, out) == (code, b"tidied\n")
    assert b"Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_counts_that_comes_while_something_is_let_go_of(number: signal.Signals, code: int) -> None:
    """What is raised there Python drops, and goes on."""
    with process("-c", WAITING, str(int(number)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        try:
            out, err = run.communicate(timeout=20)
        finally:
            run.kill()
    assert (run.returncode, out) == (code, b"ready\ntidied\n")
    assert b"gnored" not in err


def test_a_name_that_is_no_utf8_goes_out_as_its_bytes(art: Art, tmp_path: Path) -> None:
    directory = os.fsencode(tmp_path) + b"/na\xffme"
    os.mkdir(directory)
    (tmp_path / "user.toml").write_text("")
    with process("-m", "artcli", "init", "-q", cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        out, err = run.communicate()
    assert (run.returncode, err) == (0, b"")
    assert out == directory + b"/.art\n"


EMPTY: list[tuple[str, list[str]]] = [
    ("empty-path", ["use", "data", "--root", ""]), ("empty-path", ["get", "data", ""]),
    ("empty-path", ["get", "data/a", ""]), ("empty-path", ["export", "data", "-o", ""]), ("empty-path", ["init", ""]),
    ("empty-path", ["demo", ""]), ("empty-path", ["status", ""]), ("bad-reference", ["show", ""]),
]  # fmt: skip


def test_an_empty_path_is_not_the_current_directory(art: Art) -> None:
    art("init")
    (art.directory / "a").write_text("a")
    art("log-artifact", "data", ".")
    before = sorted(art.directory.iterdir())
    for slug, words in EMPTY:
        result = art(*words, "--json")
        assert (result.code, result.out, result.error["code"]) == (2, "", slug), words
    assert sorted(art.directory.iterdir()) == before
