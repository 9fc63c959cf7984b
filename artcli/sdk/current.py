"""The runs that this process has open, and what ends them: the end of the program, an exception that nobody caught.

A run that is open when the program ends is finished then: failed if an exception or `sys.exit(1)` ended it. After a
fork the child may go on logging to the run; only the process that began it ends it.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from types import TracebackType
from typing import Any, NoReturn

from artcli.errors import UsageError
from artcli.sdk.run import Run, outcome_of

_open: list[Run] = []
_run: Run | None = None
_ending: tuple[str, int] = ("finished", 0)
_hooks: dict[str, Any] = {}


def current() -> Run | None:
    """The run that the module's own functions act on."""
    return _run


def active(what: str) -> Run:
    """The current run; raises `UsageError` (`no-run`) if there is none."""
    if _run is None:
        raise UsageError("no-run", f"init() comes before {what}", hint="art help no-run")
    return _run


def remember(run: Run, *, current: bool = True) -> None:
    """A run begins."""
    global _run
    if not _hooks:
        _hook()
    _open.append(run)
    if current:
        _run = run
        package = vars(sys.modules["artcli"])
        for name in ("run", "config", "summary"):
            package.pop(name, None)  # `wandb.config = {…}` of old programs would hide it


def forget(run: Run) -> None:
    """A run is over."""
    global _run
    if run in _open:
        _open.remove(run)
    if _run is run:
        _run = None
    if not _open:
        _unhook()


def finish_all(exit_code: int = 0) -> None:
    """Finish what is open."""
    for run in list(_open):
        run.finish(exit_code)


def _hook() -> None:
    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global _ending
        _ending = outcome_of(error)
        _hooks["excepthook"](kind, error, trace)

    def leave(status: Any = None, /) -> NoReturn:
        global _ending
        if threading.current_thread() is threading.main_thread():  # another one ends itself alone
            _ending = outcome_of(SystemExit(status))
        raise SystemExit(status)

    _hooks.update(excepthook=sys.excepthook, exit=sys.exit, ours=(excepthook, leave))
    sys.excepthook = excepthook
    sys.exit = leave


def _unhook() -> None:
    global _ending
    ours = _hooks.pop("ours", None)
    if ours is None:
        return
    if sys.excepthook is ours[0]:
        sys.excepthook = _hooks["excepthook"]
    if sys.exit is ours[1]:
        sys.exit = _hooks["exit"]
    _hooks.clear()
    _ending = ("finished", 0)


def _at_exit() -> None:
    ending, ended = _ending, list(_open)
    for run in ended:
        run._end(*ending)
    if ended and ending == outcome_of(KeyboardInterrupt()):
        _die_of_interrupt()


def _die_of_interrupt() -> None:
    """Let the program die of SIGINT as it would without us.

    CPython notes that a KeyboardInterrupt ended the main module, and forgets it with the next text that `exec` runs,
    as dataclasses and named tuples do when a module is loaded; a KeyboardInterrupt out of `exec` is noted again.
    """
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        pass  # all that it was to do is done


def _before_fork() -> None:
    for run in _open:
        run._recording.before_fork()


def _after_fork_in_parent() -> None:
    for run in _open:
        run._recording.after_fork()


def _after_fork_in_child() -> None:
    for run in _open:
        run._recording.fork()
    util = sys.modules.get("multiprocessing.util")
    if _open and util is not None:  # a child of multiprocessing runs no atexit functions
        util.register_after_fork(_at_exit, lambda at_exit: util.Finalize(None, at_exit, exitpriority=1))


atexit.register(_at_exit)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
