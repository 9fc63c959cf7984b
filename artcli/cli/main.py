"""From the words of a command line to an exit code. The one place where errors are caught and shown."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import TextIO

import typer

from artcli.cli.console import Console
from artcli.cli.parser import Art
from artcli.errors import ArtWarning

INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143
AGAIN = 0.01
"""Seconds after which a signal is raised again that was dropped."""


class Terminated(BaseException):
    """SIGTERM came. Not an `Exception`, so that it passes through like Ctrl-C and every `finally` runs."""


def run(arguments: Sequence[str]) -> int:
    """Run `art` with these arguments (without `art` itself); the exit code."""
    console = Console(arguments)
    try:
        with warnings.catch_warnings():
            _show_warnings(console)
            code = _parse_and_invoke(console)
        console.out.flush()
        return code
    except BrokenPipeError:
        _drop_stdout()
        return BROKEN_PIPE
    except (KeyboardInterrupt, Terminated) as stop:
        return _stopped_by(stop, console)
    except Exception as failure:
        stop_behind = _stop_behind(failure)
        return _failed(console, failure) if stop_behind is None else _stopped_by(stop_behind, console)
    finally:
        console.close()


def main() -> None:
    """The `art` command."""
    _prepare_streams()
    signal.signal(signal.SIGTERM, _on_terminate)
    sys.unraisablehook = _on_dropped
    try:
        code = run(sys.argv[1:])
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done: Ctrl-C kills the interpreter's own end
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:  # it came when all was said
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
    # A full disk or a closed pipe under stdout would otherwise be met again, and shown, by the interpreter's exit.
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    sys.exit(code)


def _show_warnings(console: Console) -> None:
    """Say what floors below warn of, each once; warnings of others are shown as Python does."""
    told = set[str]()
    others = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        if not issubclass(category, ArtWarning):
            others(message, category, filename, lineno, file, line)
        elif str(message) not in told:
            told.add(str(message))
            console.warn(str(message))

    warnings.simplefilter("always", ArtWarning)
    warnings.showwarning = show


def _parse_and_invoke(console: Console) -> int:
    try:
        with Art().make_context("art", list(console.arguments), obj=console) as context:
            context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _failed(console: Console, failure: Exception) -> int:
    from artcli.cli.failures import translated

    if console.flags.debug:
        import traceback

        traceback.print_exception(failure, file=console.err)
    # A mistake may stand before --json, so that the parser never came to it.
    console.flags.json |= "--json" in console.words()
    error = translated(failure, console.arguments)
    try:
        console.out.flush()
    except OSError:
        _drop_stdout()
    console.error(error)
    return error.exit_code


def _stop_behind(failure: BaseException) -> BaseException | None:
    """The signal that has led to a failure: Python's own locks, when interrupted, may fail with an error instead."""
    found: BaseException | None = failure
    while found is not None and not isinstance(found, (KeyboardInterrupt, Terminated)):
        found = found.__context__
    return found


def _stopped_by(stop: BaseException, console: Console) -> int:
    if isinstance(stop, Terminated):
        return _stopped(console, "terminated", TERMINATED)
    code = _stopped(console, "interrupted", INTERRUPTED)
    if console.wraps:  # `for lr in …; do art run …; done`: a shell ends its loop only if what it runs dies of it
        console.die(signal.SIGINT)
    return code


def _stopped(console: Console, word: str, code: int) -> int:
    console.say(f"{word}: what was stored so far is kept and found again by the same command")
    if console.arguments:
        console.say("hint: " + console.again())
    return code


def _on_terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _on_dropped(dropped: sys.UnraisableHookArgs) -> None:
    """Python drops what is raised while something is let go of (`__del__`): of a signal it is raised again."""
    kind = dropped.exc_type
    if kind not in (Terminated, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return

    def again(number: int, frame: FrameType | None) -> None:
        raise kind

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


def _prepare_streams() -> None:
    """Names that are no UTF-8 go out as the bytes they are; nothing that is written fails for its letters."""
    for name, errors in (("stdout", "surrogateescape"), ("stderr", "backslashreplace")):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us: no file that is opened later may take its number
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 it stays open to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def _drop_stdout() -> None:
    """What is still buffered has no reader: it must not fail once more when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
