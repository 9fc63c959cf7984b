"""A command as a child process: what it writes passes through untouched and is heard, signals are passed on.

It stays in our process group, so that the shell's job control means both: Ctrl-C, Ctrl-Z and `fg` reach the child as
if we were not there. What the terminal sends to the whole group is therefore not sent on; what somebody sends to us
alone is.

A child whose stdout is a terminal must see a terminal, or it would lose its colours and progress bars, and buffer its
lines. So it gets a pseudo-terminal there, and a pipe everywhere else. The pseudo-terminal changes no byte: its output
processing is off, and the real terminal does its own. Where stdout and stderr are the same place they share one
channel, and keep the order in which they were written.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fcntl import ioctl
from typing import NamedTuple

from artcli.flows.runs.ending import Ending, of_status

BLOCK = 64 * 1024
SILENCE = 1.0
"""Seconds without a byte after which we leave, though something that the child left behind could still write."""

_PASSED_ON = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH,
)  # fmt: skip
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

Heard = Callable[[str, bytes], None]


class Channel:
    """The way from the child's stream to ours."""

    def __init__(self, name: str, target: int, numbers: Sequence[int]) -> None:
        self.name = name
        self.target = target
        """Our descriptor."""
        self.numbers = numbers
        """The child's descriptors."""
        self.is_terminal = os.isatty(target)
        self.inside, self.outside = self._pseudo_terminal() if self.is_terminal else os.pipe()
        self.busy = False
        """Something was read and is not yet written."""
        self.last = time.monotonic()
        """When something came last."""
        self.failure: OSError | None = None
        """Why what the child wrote did not get through, other than that nobody reads it."""

    def _pseudo_terminal(self) -> tuple[int, int]:
        inside, outside = os.openpty()
        with suppress(termios.error):
            modes = termios.tcgetattr(self.target)
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(outside, termios.TCSANOW, modes)
        self.inside = inside
        self.resize()
        return inside, outside

    def resize(self) -> None:
        """Give the pseudo-terminal the size of the terminal."""
        with suppress(OSError):
            ioctl(self.inside, termios.TIOCSWINSZ, ioctl(self.target, termios.TIOCGWINSZ, b"\0" * 8))

    def pass_through(self, heard: Heard) -> None:
        """Carry bytes until the child's end is closed; a thread's work."""
        while data := self._read():
            self.busy, self.last = True, time.monotonic()
            try:
                _write(self.target, data)
            except OSError as error:
                if error.errno != errno.EPIPE:
                    self.failure = error
                break
            heard(self.name, data)
            self.busy = False
        self.busy = False
        os.close(self.inside)  # if the child still writes, it learns now that nobody reads

    def _read(self) -> bytes:
        try:
            return os.read(self.inside, BLOCK)
        except OSError:  # Linux says EIO when the last who held a pseudo-terminal has gone
            return b""


class Child:
    """A running command. `heard(stream, bytes)` is told what it writes, in threads; without it, it writes directly."""

    def __init__(
        self, argv: Sequence[str], environ: Mapping[str, str], heard: Heard | None, wake: threading.Event
    ) -> None:
        """Starts it; `wake` is set when it has ended. Raises FileNotFoundError, PermissionError, OSError."""
        self.ending: Ending | None = None
        self._wake = wake
        self._channels = _channels() if heard else []
        signals = {*_PASSED_ON, signal.SIGCHLD}
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            self.pid = self._spawn(argv, environ)
        except OSError:
            self.release()
            raise
        finally:
            for channel in self._channels:
                os.close(channel.outside)
        self._threads = [
            threading.Thread(target=channel.pass_through, args=(heard,), daemon=True) for channel in self._channels
        ]
        for thread in (*self._threads, threading.Thread(target=self._shepherd, args=(signals,), daemon=True)):
            thread.start()

    def release(self) -> None:
        """Signals mean again what they meant before."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def hold(self) -> None:
        """Signals wait until `release`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)

    def drain(self) -> None:
        """When it has ended: wait until what it wrote has passed through."""
        for thread, channel in zip(self._threads, self._channels, strict=True):
            while thread.is_alive() and (channel.busy or time.monotonic() - channel.last < SILENCE):
                thread.join(0.01)

    @property
    def failure(self) -> OSError | None:
        """Why something that it wrote did not get through."""
        return next((channel.failure for channel in self._channels if channel.failure), None)

    def _spawn(self, argv: Sequence[str], environ: Mapping[str, str]) -> int:
        actions = [
            (os.POSIX_SPAWN_DUP2, channel.outside, number) for channel in self._channels for number in channel.numbers
        ]
        return os.posix_spawnp(
            argv[0], list(argv), environ, file_actions=actions, setsigmask=self._mask, setsigdef=_IGNORED_BY_PYTHON
        )

    def _shepherd(self, signals: set[signal.Signals]) -> None:
        """Pass signals on until the child has ended; a thread's work."""
        while True:
            number, is_for_group = _next_signal(signals)
            if number == signal.SIGCHLD:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.ending = of_status(status)
                    for channel in self._channels:
                        channel.last = time.monotonic()
                    self._wake.set()
                    return
                continue
            if number == signal.SIGWINCH:
                for channel in self._channels:
                    channel.resize()  # whoever asked before asks again now
            elif is_for_group:
                continue
            os.kill(self.pid, number)


class _Signal(NamedTuple):
    number: int
    is_for_group: bool


def _next_signal(signals: set[signal.Signals]) -> _Signal:
    """The next signal, and whether the terminal sent it to all who are in the foreground."""
    if sys.platform != "darwin":
        info = signal.sigwaitinfo(signals)
        return _Signal(info.si_signo, info.si_code > 0)
    number = signal.sigwait(signals)
    keys = (signal.SIGINT, signal.SIGQUIT)
    return _Signal(number, number in keys and os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp())


def _channels() -> list[Channel]:
    """Ways for stdout and stderr: one, if they are the same place; none for what is closed."""
    there = []
    for name, number in (("stdout", 1), ("stderr", 2)):
        with suppress(OSError):
            there.append((name, number, os.fstat(number)))
    if len(there) == 2 and os.path.samestat(there[0][2], there[1][2]):
        return [Channel("stdout", 1, (1, 2))]
    return [Channel(name, number, (number,)) for name, number, _ in there]


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:  # somebody who shares it with us wanted it so
            select.select([], [target], [])
