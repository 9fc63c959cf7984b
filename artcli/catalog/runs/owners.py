"""Owners: the processes whose end is the end of a run, and whether they still live.

A process is known by its pid and its start, which together are never used again before the next boot. That says
something only where pids mean the same: on that machine, and in that space of pids (a container has its own).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

ALIVE, GONE, UNKNOWN = "alive", "gone", "unknown"


class Owner(NamedTuple):
    """A process."""

    pid: int
    started: str
    """Its start, in ticks since boot."""
    boot: str
    """Id of the boot; empty where the system has none."""
    host: str = ""
    """The machine."""
    space: str = ""
    """The space of pids; empty where the system has none."""


def this_process(pid: int | None = None) -> Owner | None:
    """The process of this pid (default: this one); None if there is none."""
    pid = os.getpid() if pid is None else pid
    started = _started(pid)
    return Owner(pid, started, _boot(), _host(), _space()) if started else None


def standing(owner: Owner) -> str:
    """`ALIVE` or `GONE`; `UNKNOWN` for a process of another machine, or of another container on this one."""
    if owner.host != _host():
        return UNKNOWN
    if owner.boot != _boot():
        return GONE
    if owner.space != _space():
        return UNKNOWN
    started = _started(owner.pid)
    if not started and _hidden(owner.pid):
        return UNKNOWN
    return ALIVE if started == owner.started else GONE


def is_alive(owner: Owner) -> bool:
    """Whether that very process is known to run."""
    return standing(owner) == ALIVE


@cache
def _host() -> str:
    """What tells this machine from all others."""
    return f"{os.uname().nodename} {_text('/etc/machine-id')}".strip()


@cache
def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id")


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""  # a system without such spaces: all processes are in one


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""  # what a system does not tell tells nothing apart


def _started(pid: int) -> str:
    """When the process started, in the system's own words; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _started_elsewhere(pid)  # gone, hidden, or a system without /proc
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _started_elsewhere(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    import subprocess  # macOS

    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _hidden(pid: int) -> bool:
    """Whether the process is there and this user may not look at it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False  # there is none
    return False  # its own, and a zombie
