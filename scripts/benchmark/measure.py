"""Runs one command and measures it: wall, cpu, memory of the whole process tree, cpu used by everybody else.

Peak memory is told in two ways. `anon` is what the tree of processes held at once in anonymous pages (RssAnon of
/proc/PID/status, sampled every 10 ms): the memory that a machine must have. `rss` is ru_maxrss of the largest
process, which also counts mapped files and page cache, and never falls below the harness's own size.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.01
TAIL = 1 << 18  # bytes kept of what a command printed
Command = Sequence[str] | str  # an argument vector, or a bash script


@dataclass(frozen=True)
class Measured:
    """Seconds and bytes of one command; `others` is the cpu that the rest of the machine used meanwhile."""

    wall: float
    cpu: float
    user: float
    others: float
    anon: int
    rss: int
    status: int
    output: str

    @property
    def disturbed(self) -> bool:
        """Others used a tenth of the machine or more: the wall time is an upper bound."""
        return self.wall > 0.05 and self.others > 0.1 * self.wall * (os.cpu_count() or 1)


class Failed(Exception):
    """A command that did not end with 0; the message is the end of what it printed."""


def run(command: Command, *, cwd: Path, env: Mapping[str, str], timeout: float = 1800) -> Measured:
    """Runs `command` to its end (its process group is killed after `timeout` seconds) and measures it."""
    argv = ["bash", "-ec", command] if isinstance(command, str) else list(command)
    with tempfile.TemporaryFile() as output:
        busy, own = machine_cpu(), time.process_time()
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        alarm = threading.Timer(timeout, lambda: _kill_group(process.pid))
        alarm.daemon = True
        try:
            sampler = Sampler(process.pid)
            alarm.start()
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # the harness is told to end: the command must not go on
            _kill_group(process.pid)
            process.wait()
            raise
        finally:
            alarm.cancel()
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        anon = sampler.stop()
        cpu = usage.ru_utime + usage.ru_stime
        others = machine_cpu() - busy - cpu - (time.process_time() - own)
        output.seek(max(0, output.seek(0, os.SEEK_END) - TAIL))
        tail = output.read().decode(errors="replace")
    return Measured(
        wall, cpu, usage.ru_utime, max(0.0, others), anon, usage.ru_maxrss * 1024, process.returncode, tail.strip()
    )


def quietly(command: Command, *, cwd: Path, env: Mapping[str, str], timeout: float = 1800) -> str:
    """Runs a preparation; returns the end of what it printed, raises Failed if it did not work."""
    measured = run(command, cwd=cwd, env=env, timeout=timeout)
    if measured.status:
        raise Failed(f"status {measured.status}: {measured.output[-400:]}")
    return measured.output


def machine_cpu() -> float:
    """CPU seconds the whole machine has used since it started (idle and waiting left out); 0 without /proc."""
    try:
        with open("/proc/stat") as stat:
            fields = [int(field) for field in stat.readline().split()[1:]]
    except OSError:
        return 0.0
    return (sum(fields[:3]) + sum(fields[5:7])) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(seconds: float) -> None:
    """Waits, `seconds` at the longest, for a moment in which others use less than a twentieth of the machine."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before, began = machine_cpu(), time.monotonic()
        time.sleep(0.5)
        if machine_cpu() - before <= 0.05 * (time.monotonic() - began) * (os.cpu_count() or 1):
            return


def touch(size: int) -> None:
    """Takes `size` bytes of free memory (three quarters of what is free at most), writes to all of it, gives it back.

    A virtual machine may have given free memory back to its host; who takes it again pays seconds of system time for
    each GB, and which command that is would be chance.
    """
    subprocess.run([sys.executable, "-c", _TOUCH, str(size)], check=True)


_TOUCH = """
import mmap, sys
free = next(int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemAvailable"))
size = min(int(sys.argv[1]), free * 3 // 4) >> 20 << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
block = bytes(range(1, 129)) * 8192
for at in range(0, size, 1 << 20):
    memory[at : at + (1 << 20)] = block
"""


def tree_size(paths: Iterable[Path], leave_out: Callable[[Path], bool] = lambda path: False) -> tuple[int, int]:
    """Apparent bytes and number of files below `paths`, directories not counted, hard links counted once."""
    size = files = 0
    seen: set[tuple[int, int]] = set()
    todo = [os.fspath(path) for path in paths if path.exists()]
    while todo:
        path = todo.pop()
        if leave_out(Path(path)):
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            todo += [entry.path for entry in os.scandir(path)]
            continue
        status = os.lstat(path)
        if status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        size, files = size + status.st_size, files + 1
    return size, files


def warm(paths: Iterable[Path]) -> None:
    """Reads every file below `paths`, so that each tool finds its input in memory, not only the second one."""
    block = bytearray(1 << 20)
    for path in paths:
        names = [path] if path.is_file() else (Path(top, name) for top, _, names in os.walk(path) for name in names)
        for name in names:
            with contextlib.suppress(OSError), open(name, "rb", buffering=0) as file:
                while file.readinto(block):
                    pass


class Sampler(threading.Thread):
    """Watches a process and its descendants; remembers the most anonymous memory they held together."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak, self._over = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            self._peak = max(self._peak, sum(_anonymous(pid) for pid in _descendants(self._pid)))
            self._over.wait(SAMPLE_SECONDS)

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self._peak


def _descendants(pid: int) -> Iterable[int]:
    todo = [pid]
    while todo:
        pid = todo.pop()
        yield pid
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as children:
                    todo += map(int, children.read().split())


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
