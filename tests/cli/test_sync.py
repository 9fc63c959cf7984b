"""`art sync`, `log-artifact --push` and `core.auto-push`: what is made in a field arrives at home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import art
from tests.kit.command_line import Art

__all__ = ["art"]


@pytest.fixture
def car(art: Art) -> Art:
    """A repository whose remote is the directory `nas`, and the directory `data` with a file."""
    assert art("init").code == art("remote", "add", "nas", "../nas").code == 0
    (art.directory / "data").mkdir()
    (art.directory / "data" / "1.bin").write_bytes(b"one" * 1000)
    return art


def at_home(car: Art) -> list[str]:
    """The versions that a machine at home sees."""
    home = Art(car.directory.parent)
    if not (home.directory / "home").exists():
        assert home("clone", "nas", "home").code == 0
    home = Art(car.directory.parent / "home")
    assert home("fetch").code == 0
    return home("ls", "dataset", "-q").lines if home("ls", "-q").out else []


@contextmanager
def away(car: Art) -> Iterator[None]:
    """While the remote cannot be reached."""
    nas = car.directory.parent / "nas"
    nas.rename(nas.with_name("away"))
    try:
        yield
    finally:
        nas.with_name("away").rename(nas)


def test_once(car: Art) -> None:
    assert car("sync").err.endswith("nas: nothing new\n")
    car("log-artifact", "dataset", "data")
    done = car("sync", "nas", "--json").json
    assert (done["pushed"], done["fetched"]) == (1, 0)
    assert done["sent"] > 50
    assert at_home(car) == ["dataset:v0"]
    with away(car):
        assert car("sync").code == 8
    assert car("sync", "nobody").code == 5


def test_a_version_that_came_second_is_told(car: Art) -> None:
    home = Art(car.directory.parent)
    assert home("clone", "nas", "home").code == 0
    home = Art(home.directory / "home")
    (home.directory / "own").write_bytes(b"of home")
    assert home("log-artifact", "dataset", "own", "--push").code == 0
    assert car("log-artifact", "dataset", "data").code == 0
    done = car("sync", "--json")
    assert done.json["renumbered"] == [{"from": "dataset:v0", "to": "dataset:v1"}]
    assert "dataset:v0 is dataset:v1 now" in done.err
    assert car("ls", "dataset", "-q").lines == ["dataset:v1", "dataset:v0"]
    assert car("sync", "--json").json["renumbered"] == []


def test_a_version_is_pushed_as_it_is_logged(car: Art) -> None:
    assert car("log-artifact", "dataset", "data", "--push", "-q").out == "dataset:v0\n"
    assert at_home(car) == ["dataset:v0"]
    (car.directory / "data" / "2.bin").write_bytes(b"two" * 1000)
    assert car("log-artifact", "--push=nas", "dataset", "data").code == 0
    assert at_home(car) == ["dataset:v1", "dataset:v0"]
    (car.directory / "data" / "3.bin").write_bytes(b"three" * 1000)
    with away(car):
        result = car("log-artifact", "dataset", "data", "--push", "--json")
        assert (result.code, result.json["ref"], result.error["code"]) == (3, "dataset:v2", "not-pushed")
        assert result.error["hint"] == "art push"
    assert car("push").code == 0
    assert len(at_home(car)) == 3
    assert car("log-artifact", "dataset", "data", "--push=nobody").code == 3


def test_whatever_is_logged_is_pushed_if_that_is_set(car: Art) -> None:
    assert car("config", "set", "core.auto-push", "true").code == 0
    assert car("log-artifact", "dataset", "data").code == 0
    assert at_home(car) == ["dataset:v0"]
    (car.directory / "data" / "2.bin").write_bytes(b"two" * 1000)
    with away(car):
        result = car("log-artifact", "dataset", "data")
        assert (result.code, result.err.count("\n")) == (0, 2)
        assert "art push brings it later" in result.err
    assert at_home(car) == ["dataset:v0"]
    assert car("log-artifact", "dataset", "data", "-n").code == 0
    assert at_home(car) == ["dataset:v0"]
    assert car("push").code == 0
    assert at_home(car) == ["dataset:v1", "dataset:v0"]


def test_it_is_set_and_there_is_no_remote(art: Art) -> None:
    (art.directory / "a").write_bytes(b"a")
    assert art("init").code == art("config", "set", "core.auto-push", "true").code == 0
    result = art("log-artifact", "a", "a")
    assert (result.code, "push" in result.err) == (0, False)


# --- for ever ---


class Keeper:
    """`art sync` as a process of its own."""

    def __init__(self, car: Art, words: Sequence[str]) -> None:
        self.log = car.directory.parent / f"keeper-{time.monotonic_ns()}.log"
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "artcli", "sync", *words], cwd=car.directory, stderr=file, stdout=file,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def keep(car: Art) -> Iterator[Callable[..., Keeper]]:
    kept: list[Keeper] = []

    def begin(*words: str) -> Keeper:
        kept.append(Keeper(car, words))
        return kept[-1]

    yield begin
    for keeper in kept:
        if keeper.process.poll() is None:
            keeper.process.kill()
            keeper.process.wait()


def until(what: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


WATCH = ("--watch", "0.3s", "--log", "dataset=data", "--quiet-for", "0.3s")


def test_it_logs_what_is_quiet_and_pushes_it(car: Art, keep: Callable[..., Keeper]) -> None:
    keeper = keep(*WATCH)
    until(lambda: "dataset:v0" in keeper.said() and "pushed" in keeper.said())
    assert at_home(car) == ["dataset:v0"]
    (car.directory / "data" / "sub").mkdir()
    (car.directory / "data" / "sub" / "2.bin").write_bytes(b"two" * 1000)
    until(lambda: "dataset:v1" in keeper.said())
    until(lambda: len(at_home(car)) == 2)
    assert keeper.end() == 0
    assert "stopped" in keeper.said()
    assert car("fsck").code == 0
    again = keep(*WATCH)
    until(lambda: "in step" in again.said())
    time.sleep(2)
    assert again.end(signal.SIGINT) == 0
    assert "dataset" not in again.said(), "what is in the last version is not logged again"


def test_what_is_being_written_is_left_alone(car: Art, keep: Callable[..., Keeper]) -> None:
    keeper = keep("--watch", "0.2s", "--log", "dataset=data", "--quiet-for", "2s")
    with (car.directory / "data" / "1.bin").open("ab") as file:
        for _ in range(15):
            file.write(b"more" * 100)
            file.flush()
            time.sleep(0.15)
            assert "dataset" not in keeper.said()
    until(lambda: "dataset:v0" in keeper.said())
    assert keeper.end() == 0


def test_it_survives_a_remote_that_comes_and_goes(car: Art, keep: Callable[..., Keeper]) -> None:
    with away(car):
        keeper = keep(*WATCH)
        until(lambda: "waits here" in keeper.said() and "dataset:v0" in keeper.said())
        time.sleep(1.5)
        assert keeper.said().count("waits here") == 1
    until(lambda: "pushed" in keeper.said())
    assert at_home(car) == ["dataset:v0"]
    assert keeper.end() == 0


def test_a_power_cut_at_any_moment_is_harmless(car: Art, keep: Callable[..., Keeper]) -> None:
    for number in range(4):
        (car.directory / "data" / f"{number}.bin").write_bytes(os.urandom(300_000))
        keeper = keep(*WATCH)
        time.sleep(0.8 + 0.2 * number)
        assert keeper.end(signal.SIGKILL) == -signal.SIGKILL
    keeper = keep(*WATCH)
    until(lambda: car("show", "dataset:latest", "--field", "entries").lines == ["4"])
    until(lambda: car("push", "-n", "--json").json["facts"] == 0)
    until(lambda: "in step" in keeper.said())  # it may have had nothing to do, and be still about to begin
    assert keeper.end() == 0
    assert car("fsck", "--full").code == 0
    assert at_home(car) == car("ls", "dataset", "-q").lines


def test_a_directory_that_is_not_there_yet(car: Art, keep: Callable[..., Keeper]) -> None:
    keeper = keep("--log", "dataset=later", "--quiet-for", "0.2s", "--watch", "0.3s")
    until(lambda: "in step" in keeper.said())
    assert f"dataset: there is no directory {car.directory / 'later'} yet" in keeper.said()
    (car.directory / "later").mkdir()
    time.sleep(1)
    (car.directory / "later" / "x").write_bytes(b"x")
    until(lambda: "dataset:v0" in keeper.said())
    assert keeper.end() == 0
