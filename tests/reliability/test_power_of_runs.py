"""The power fails while a run lives: it costs at most the last 30 s of metrics, never the run or what it logged.

Clocks are told, not waited for: a second passes with each row. The disk keeps what was fsynced and nothing else.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from artcli.catalog import manifest
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal, resolve
from artcli.catalog.runs.owners import this_process
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register
from artcli.flows.runs import edges, recorder, rows
from artcli.flows.runs.metrics import Voice
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.flows.runs.seal import seal, settle
from artcli.sdk import buffer
from artcli.sdk.buffer import Buffer
from tests.kit.strict_disk import StrictDisk

RUN = "run-1"
SECONDS = 200
SILENT = range(100, 150)
"""Seconds in which nothing is said."""
USED, PICTURED = 33, 66
"""When it uses something, and when it logs a picture."""
PICTURE = bytes(range(256)) * 20
MOST = 30
"""Seconds of metrics that may be lost."""


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._began = time.time()

    def time(self) -> float:
        return self._began + self.passed

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


class Life:
    """A run on a strict disk, which loses its power again and again."""

    def __init__(self, repository: Repository, disk: StrictDisk, clock: Clock, cuts: Path, every: int) -> None:
        mine = this_process()
        assert mine is not None
        gone = mine._replace(started="1")
        self.repository, self.disk, self.clock, self.cuts = repository, disk, clock, cuts
        self.recorder = Recorder.begin(repository, Beginning("home", id=RUN, owner=gone, config={"lr": 1}))
        self.every = every
        self.chance = random.Random(1)
        self.second = 0
        self.said: list[tuple[int, int]] = []
        """Rows, and when they were said."""

    def pass_second(self, say: Callable[[int], object], draw: Callable[[], object] | None = None) -> None:
        """A second passes; `say` logs a row, `draw` a picture."""
        self.clock.passed += 1
        self.second += 1
        if self.second == USED:
            edges.use_uri(self.repository, RUN, "s3://bucket/data")
        if self.second == PICTURED and draw is not None:
            draw()
        if self.second not in SILENT:
            self.said.append((len(self.said), self.second))
            say(len(self.said) - 1)

    def incoming(self) -> Path:
        path = self.recorder.spool.incoming()
        path.write_bytes(PICTURE)
        return path

    def cut(self, *, pictured: bool = False, aware: bool = True) -> None:
        """The power fails, in every so-manieth second. `aware`: somebody was there in the silence to bring what was
        said before to the disk.
        """
        if self.second % self.every:
            return
        place = self.cuts / f"{self.second}"
        self.disk.cut(place)
        shutil.rmtree(place / ".art" / "cache", ignore_errors=True)  # never believed after a restart
        with closing(Repository(place / ".art")) as repository:
            assert settle(repository) == [RUN]
            repository.refresh()
            register = Register(repository.follower.database)
            assert resolve.run(repository.catalog, RUN, "home").outcome == "crashed"
            assert [item.uri for item in register.inputs(RUN)] == ["s3://bucket/data"] * (self.second >= USED)
            told = list(journal.everything(repository, RUN))
            assert {"lr": 1} in [record.data for record in told]
            found = [record.data["n"] for record in told if record.kind == "history"]
            assert found == list(range(len(found)))
            safe = self.second if aware else self.said[-1][1]
            assert len(found) >= sum(at <= safe - MOST for _, at in self.said)
            if pictured and self.second >= PICTURED + MOST:
                assert pictures(repository) == [PICTURE]
        shutil.rmtree(place)


def pictures(repository: Repository) -> list[bytes]:
    found = []
    for place in journal.file_places(repository, RUN):
        assert isinstance(place, bytes), "it is sealed"
        root = manifest.load_root(repository.store, place)
        for entry in manifest.entries(repository.store, root):
            found.append(repository.store.get(entry.digest))
    return found


@pytest.fixture(params=[4, pytest.param(1, marks=pytest.mark.soak)])
def life(request: pytest.FixtureRequest, swift: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    clock = Clock()
    for module in (recorder, rows, buffer):
        monkeypatch.setattr(module, "time", clock)
    repository, _ = Repository.init(swift / "home")
    with closing(repository), StrictDisk(swift / "home") as disk:
        yield Life(repository, disk, clock, swift / "cuts", request.param)


def row(number: int) -> Callable[[int], list[Record]]:
    return lambda step: [Record("history", 0.0, {"n": number}, step, step + 1)]


def test_of_a_recorder(life: Life) -> None:
    life.recorder._seal_at = 1500
    for _ in range(SECONDS):
        life.pass_second(lambda number: life.recorder.log({"n": number}))
        life.cut(aware=False)
    assert list(Register(life.repository.follower.database).segments(RUN))


def test_of_what_shell_commands_say(life: Life) -> None:
    voice = Voice(life.repository.path, RUN)
    for _ in range(SECONDS):
        life.pass_second(lambda number: voice.row({"n": number}, 0.0), lambda: voice.keep({"media/a.png": PICTURE}))
        life.cut(pictured=True, aware=False)


def test_of_what_others_say_in_the_run_of_a_command(life: Life) -> None:
    spool = life.recorder.spool
    for _ in range(SECONDS):
        life.pass_second(lambda number: spool.append(row(number)))
        life.recorder.keep()
        if life.second == 70:
            seal(life.repository, spool)
        life.cut()


@pytest.mark.parametrize("sealing", [False, True])
def test_of_a_program(life: Life, sealing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if sealing:
        monkeypatch.setattr(buffer, "SEAL_SIZE", 1500)

    class Wake:
        """Lets the thread's rounds follow each other at once; now and then it is woken before its time."""

        def wait(self, seconds: float) -> None:
            for _ in range(life.chance.randint(1, int(seconds))):
                life.pass_second(lambda number: said.row({"n": number}, 100), draw)
                life.cut(pictured=True)
            said._closed = life.second >= SECONDS

        def clear(self) -> None:
            pass

        set = clear

        def is_set(self) -> bool:
            return False

    def draw() -> None:
        said.put_file("media/a/b.png", life.incoming(), {"size": len(PICTURE)})

    spool = life.recorder.spool
    said = Buffer(spool, 0, lambda: seal(life.repository, spool), lambda found, taken: taken())
    said._thread, said._wake = threading.current_thread(), Wake()  # type: ignore[assignment]
    said._work()
    assert life.second >= SECONDS
    assert bool(list(Register(life.repository.follower.database).segments(RUN))) == sealing


def test_of_a_sealing_that_fails(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody appends to what is being sealed, so nobody makes it durable later."""
    from artcli.errors import SpaceError
    from artcli.flows.runs import seal as sealing

    def full(*_: object) -> None:
        raise SpaceError("disk-full", "full")

    monkeypatch.setattr(sealing, "_commit", full)
    life.recorder._seal_at = 500
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "SEAL_SIZE", 500)
        for _ in range(SECONDS):
            life.pass_second(lambda number: life.recorder.log({"n": number}))
    monkeypatch.undo()
    life.cut(aware=False)
