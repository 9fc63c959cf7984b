"""The buffer: nothing is lost or said twice, however slow or full the disk is, and memory has a bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import Spool, new_head, this_process
from artcli.errors import SpaceError
from artcli.sdk import buffer as module
from artcli.sdk.buffer import Buffer


class Disk:
    """A spool on a disk that can be slow or full."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.folder = spool, spool.folder
        self.full = False
        self.free = threading.Event()
        self.free.set()
        self.calls: list[bool] = []

    def append(self, make: Callable[[int], Iterable[Record]], *, durable: bool = False, files: Any = None) -> int:
        self.free.wait(30)
        if self.full:
            raise SpaceError("disk-full", "no room")
        self.calls.append(durable)
        return self.spool.append(make, durable=durable, files=files)

    def rows(self) -> list[tuple[int | None, Any]]:
        return [(record.step, dict(record.data)) for record in records(self.spool)]


def records(spool: Spool) -> list[Record]:
    from artcli.catalog.runs.records import decode_all

    return [record for _, lines in spool.parts() for record in decode_all(lines)]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(Spool.create(tmp_path / "spool", new_head("run", "project", this_process())))


@pytest.fixture
def heard() -> list[Record]:
    return []


@pytest.fixture
def buffer(disk: Disk, heard: list[Record]) -> Iterator[Buffer]:
    def hear(found: Sequence[Record], taken: Callable[[], None]) -> None:
        heard.extend(found)
        taken()

    made = Buffer(disk, 0, lambda: None, hear)  # type: ignore[arg-type]
    yield made
    disk.full = False
    disk.free.set()
    made.close()


def test_what_was_said_is_written_once_and_in_order(buffer: Buffer, disk: Disk, heard: list[Record]) -> None:
    for number in range(5000):
        buffer.row({"n": number}, 100)
    buffer.say("config", {"a": 1})
    assert len(buffer.pending()) <= 5001
    assert buffer.close()
    assert buffer.close()
    assert [row for row in disk.rows() if row[0] is not None] == [(number, {"n": number}) for number in range(5000)]
    assert [record.data for record in heard] == [row for _, row in disk.rows()]
    assert buffer.pending() == []


def test_logging_does_not_wait_for_the_disk(buffer: Buffer, disk: Disk) -> None:
    disk.free.clear()
    began = time.perf_counter()
    for number in range(5000):
        buffer.row({"n": number}, 100)
    assert time.perf_counter() - began < 1
    assert len(buffer.pending()) == 5000
    disk.free.set()
    assert buffer.close()
    assert len(disk.rows()) == 5000


def test_a_full_disk_costs_nothing_once_there_is_room_again(
    buffer: Buffer, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.full = True
    buffer.row({"a": 1}, 100)
    for _ in range(3):
        assert not buffer._try_flush(durable=False)
    disk.full = False
    buffer.row({"a": 2}, 100)
    assert buffer.close()
    assert disk.rows() == [(0, {"a": 1}), (1, {"a": 2})]
    assert capsys.readouterr().err.count("cannot be written now") == 1


def test_memory_has_a_bound(
    buffer: Buffer, disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LIMIT", 10_000)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    disk.full = True
    for number in range(500):
        buffer.row({"n": number}, 100)
    assert buffer.dropped > 350
    assert len(buffer.pending()) < 150
    assert capsys.readouterr().err.count("the disk takes nothing") == 1
    disk.full = False
    assert buffer.close()
    assert [row[1]["n"] for row in disk.rows()] == list(range(500 - buffer.dropped))


def test_a_program_faster_than_the_disk_waits_for_it(
    buffer: Buffer, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 5_000)
    monkeypatch.setattr(module, "PIECE", 20)
    for number in range(1000):
        buffer.row({"n": number}, 100)
        assert len(buffer._items) < 150
    assert buffer.close()
    assert (buffer.dropped, len(disk.rows())) == (0, 1000)


def test_steps_of_others_come_first(buffer: Buffer, disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    buffer.row({"mine": 0}, 100)
    buffer.flush()
    disk.spool.append(lambda step: [Record("history", 0.0, {"theirs": 1}, step, step + 9)])
    buffer.row({"mine": 1}, 100)
    buffer.row({"late": 1}, 100, step=5)
    buffer.row({"mine": 2}, 100)
    buffer.flush()
    assert disk.rows() == [(0, {"mine": 0}), (1, {"theirs": 1}), (10, {"mine": 1}), (11, {"mine": 2})]
    assert buffer.step == 12
    assert "step 5 is less than the current step 11" in capsys.readouterr().err


def test_what_is_said_reaches_the_disk_in_time(buffer: Buffer, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(module, "SYNC_EVERY", 0.2)
    buffer.row({"a": 1}, 100)
    limit = time.monotonic() + 10
    while True not in disk.calls and time.monotonic() < limit:
        time.sleep(0.02)
    assert disk.calls == [False, True]
    time.sleep(0.3)
    assert disk.calls == [False, True], "an idle run leaves the disk alone"


def test_a_spool_that_has_grown_is_sealed_and_a_failure_of_that_harms_nothing(
    buffer: Buffer, disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SEAL_SIZE", 200)
    calls = []

    def seal() -> None:
        calls.append(1)
        raise OSError("no")

    buffer._seal = seal
    for number in range(10):
        buffer.row({"n": number}, 100)
        buffer.flush()
    assert 0 < len(calls) < 10
    assert len(disk.rows()) == 10
    assert capsys.readouterr().err.count("cannot be sealed now") == 1


def test_a_run_that_was_ended_elsewhere_says_so_once(
    buffer: Buffer, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.spool.remove()
    for number in range(3):
        buffer.row({"n": number}, 100)
        assert not buffer._try_flush(durable=False)
    assert not buffer.close()
    assert capsys.readouterr().err.count("was ended elsewhere") == 1
