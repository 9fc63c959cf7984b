"""What a run writes in a minute: a memory card wears out with every page. Clocks are told, not waited for."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import Spool, new_head, this_process
from artcli.flows.runs import wrap
from artcli.flows.runs.begin import Wish
from artcli.flows.runs.recorder import Beginning
from artcli.sdk import buffer, noticing
from artcli.sdk.buffer import Buffer
from artcli.sdk.noticing import Samples

PAGE = 4096
MINUTES = 10


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now

    monotonic = time


class Disk:
    """Counts what reaches the disk if each append reaches it by itself: the bytes, and the page that they begin in."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.folder = spool, spool.folder
        self.size = self.written = 0

    def append(self, make: Callable[[int], Iterable[Record]], *, durable: bool = False, files: Any = None) -> int:
        after = self.spool.append(make, durable=durable, files=files)
        first = self.size // PAGE
        self.size = after
        self.written += (math.ceil(after / PAGE) - first) * PAGE
        return after


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (buffer, noticing, wrap):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize(("rows", "most"), [(1, 100_000), (0, 10_000)], ids=["a scalar a second", "idle"])
def test_of_a_program(rows: int, most: int, tmp_path: Path, clock: Clock) -> None:
    disk = Disk(Spool.create(tmp_path / "spool", new_head("run", "home", this_process())))
    said = Buffer(disk, 0, lambda: None, lambda found, taken: taken())  # type: ignore[arg-type]
    said.rounds.append(Samples(said, 10.0).take)  # type: ignore[arg-type]

    class Wake:
        """Lets the thread's rounds follow each other at once."""

        def wait(self, seconds: float) -> None:
            for _ in range(int(seconds)):
                clock.now += 1
                for _ in range(rows):
                    said.row({"loss": 1 / clock.now, "epoch": 7}, 100)
            said._closed = clock.now >= 1e9 + 60 * MINUTES

        def clear(self) -> None:
            pass

        set = clear

        def is_set(self) -> bool:
            return False

    said._thread, said._wake = threading.current_thread(), Wake()  # type: ignore[assignment]
    said._work()
    kinds = [record.kind for _, lines in disk.spool.parts() for record in _records(lines)]
    assert kinds.count("history") in range(60 * MINUTES * rows - 10, 60 * MINUTES * rows + 1)
    assert kinds.count("system") > 5 * (MINUTES - 1)
    assert 0 < disk.written / MINUTES <= most


def test_of_a_command_that_says_nothing(tmp_path: Path, clock: Clock) -> None:
    disk = Disk(Spool.create(tmp_path / "spool", new_head("run", "home", this_process())))
    samples = wrap._Samples(1, wrap.Job(["sleep"], Wish(Beginning("home")), tmp_path))
    while clock.now < 1e9 + 60 * MINUTES:
        clock.now += wrap.TICK
        if found := samples.due():
            disk.append(lambda step, found=found: found)  # type: ignore[misc]
    assert 0 < disk.written / MINUTES <= 10_000


def _records(lines: bytes) -> Sequence[Record]:
    from artcli.catalog.runs.records import decode_all

    return list(decode_all(lines))
