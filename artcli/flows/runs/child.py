"""A command as a child process: what it writes passes through untouched and is heard, signals are passed on.

It stays in our process group, so that the shell's job control means both: Ctrl-C, Ctrl-Z and `fg` reach the child as
if we were not there. What the terminal sends to the whole group is therefore not sent on; what somebody sends to us
alone is.

A child whose stdout is a terminal must see a terminal, or it would lose its colours and progress bars, and buffer its
lines. So it gets a pseudo-terminal there, and a pipe everywhere else. The pseudo-terminal changes no byte: its output
processing is off, and the real terminal does its own. It is not the terminal of the session, so an interactive shell
has no job control there: what takes over the terminal is better run without being heard. Where stdout and stderr are
the same place they share one channel, and keep the order in which they were written.
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
from typing import Any

from artcli.flows.runs.ending import Ending, of_status

BLOCK = 64 * 1024
SILENCE = 1.0
"""Seconds without a byte after which we leave, though something that the child left behind could still write."""

LOOK = 0.5
"""Seconds after which it is seen that the child has ended, by who waits for signals."""

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
        self.late: set[int] = set()
        """Signals that came when it had ended."""
        self._wake = wake
        self._channels = _channels() if heard else []
        self._alive = threading.Lock()
        """Held by who needs the pid to be the child's, and by who ends that."""
        self._ended = threading.Event()
        self._passing: threading.Thread | None = None
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        self._handlers = self._handle()
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
        self._passing = threading.Thread(target=self._pass_signals, daemon=True)
        waiting = threading.Thread(target=self._wait_for_end, daemon=True)
        for thread in (*self._threads, self._passing, waiting):
            thread.start()

    def release(self) -> None:
        """Signals mean again what they meant before; those that came since the child has ended are in `late`."""
        if self._passing is not None:
            self._passing.join()  # it waits for signals, and would take those that are ours from now on
        self.late |= _waiting()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def hold(self) -> None:
        """Signals wait until `release`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)

    @property
    def is_drained(self) -> bool:
        """Once it has ended: whether what it wrote has passed through, or will not come any more."""
        now = time.monotonic()
        pairs = zip(self._threads, self._channels, strict=True)
        return not any(thread.is_alive() and (way.busy or now - way.last < SILENCE) for thread, way in pairs)

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

    def _handle(self) -> dict[signal.Signals, Any]:
        """Take the signals that reach a thread which does not hold them back, such as those of numerical libraries.

        Returns the handlers that were there. A signal that is ignored, as under nohup, stays so.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else the system would not keep how it ended
        before = {number: signal.getsignal(number) for number in _PASSED_ON}
        taken = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
        for number in taken:
            signal.signal(number, lambda number, _: self._pass_on(number, _is_from_terminal(number)))
        return taken

    def _wait_for_end(self) -> None:
        """A thread's work. The child is a zombie, and its pid nobody else's, until the lock is held."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._alive:
            ending = of_status(os.waitpid(self.pid, 0)[1])
            for channel in self._channels:
                channel.last = time.monotonic()
            self.ending = ending
        self._ended.set()
        os.kill(os.getpid(), signal.SIGWINCH)  # harmless; who waits for signals sees the end now, not in half a second
        self._wake.set()

    def _pass_signals(self) -> None:
        """A thread's work, until the child has ended."""
        while self.ending is None:
            found = _next_signal(self._ended)
            if found is not None:
                self._pass_on(*found)

    def _pass_on(self, number: int, is_for_group: bool) -> None:
        if number == signal.SIGWINCH:
            for channel in self._channels:
                channel.resize()  # whoever asked before asks again now
        elif is_for_group:
            return
        with self._alive:
            if self.ending is None:
                os.kill(self.pid, number)
            else:
                self.late.add(number)


def _next_signal(ended: threading.Event) -> tuple[int, bool] | None:
    """The next signal, and whether the terminal sent it to all who are in the foreground; None if none comes."""
    if sys.platform != "darwin":
        info = signal.sigtimedwait(_PASSED_ON, LOOK)
        return (info.si_signo, info.si_code > 0) if info else None
    if ended.wait(LOOK):
        return None
    number = next(iter(signal.sigpending() & set(_PASSED_ON)), None)
    if number is None:
        return None
    signal.sigwait([number])
    return number, _is_from_terminal(number)


def _waiting() -> set[int]:
    """The signals that wait to be taken; they do not any more."""
    taken: set[int] = set()
    while waiting := signal.sigpending() & set(_PASSED_ON):
        taken.add(signal.sigwait(waiting))
    return taken


def _is_from_terminal(number: int) -> bool:
    """Whether a key of our terminal probably sent it."""
    return number in (signal.SIGINT, signal.SIGQUIT) and os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()


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
