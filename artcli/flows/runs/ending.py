"""How a process ended, in the words of runs and in those of a shell."""

from __future__ import annotations

import signal
from typing import NamedTuple

STOPPED = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})
"""Signals with which somebody ends a process; the others are its own mistakes."""
BY_SIGNAL = 128
"""A shell's exit code is this much and the signal."""


class Ending(NamedTuple):
    """How a process ended."""

    code: int
    """As a shell has it."""
    signal: int | None = None
    """What killed it."""

    @property
    def outcome(self) -> str:
        return outcome_of(self.code)


def of_status(status: int) -> Ending:
    """The ending that a status of `waitpid` means."""
    import os

    code = os.waitstatus_to_exitcode(status)
    return Ending(code) if code >= 0 else Ending(BY_SIGNAL - code, -code)


def outcome_of(code: int) -> str:
    """The outcome of a run whose command had this exit code: finished, failed, killed, or crashed."""
    if code == 0:
        return "finished"
    number = code - BY_SIGNAL
    if number in set(signal.valid_signals()):
        return "killed" if number in STOPPED else "crashed"
    return "failed"
