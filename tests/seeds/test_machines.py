"""Seed 001 on three machines: a car collects, a notebook trains, a laptop labels the best, the car drives in a field.

Real processes, a real server at home, and no wire but that: the programs of the document, with nothing set but
ART_REMOTE and ART_TOKEN. In the field there is no server at all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.flows.demo.shots import TABLE, label, shipped
from tests.seeds.test_programs import HERE, place
from tests.web.kit import Server

__all__ = ["place"]

CHECKOUT = HERE.parent.parent


class Machine:
    """A directory of its own, in which the document's programs and `art` run."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.environment = {
            "PYTHONPATH": f"{HERE / 'standin'}:{CHECKOUT}", "ART_USER": folder.name, "ART_CONFIG": os.devnull,
            **environment,
        }  # fmt: skip

    def program(self, name: str, *words: object) -> str:
        """What one of the programs prints, and says."""
        return self._run([HERE / "programs" / f"{name}.py", *words])

    def art(self, *words: object) -> str:
        """What `art` prints."""
        return self._run(["-m", "artcli", *words]).partition("\0")[0]

    def python(self, text: str) -> str:
        return self._run(["-c", text]).partition("\0")[0]

    def _run(self, words: list[object]) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, words)], cwd=self.folder, env={**os.environ, **self.environment},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return f"{done.stdout}\0{done.stderr}"

    def versions(self, name: str) -> list[str]:
        return self.art("ls", name, "-p", "racecar", "-q").split()


@pytest.fixture
def laptop(place: Path) -> Machine:
    made = Machine(place / "laptop")
    made.art("init", "--project", "racecar")
    return made


@pytest.fixture
def server(laptop: Machine, place: Path) -> Iterator[Server]:
    running = Server(laptop.folder, log=place / "serve.log")
    yield running
    _end(running)


def _end(server: Server) -> None:
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
    if server.process.stdout:
        server.process.stdout.close()


def _reaching(laptop: Machine, server: Server, name: str) -> dict[str, str]:
    token = laptop.art("token", "create", name, "--scope", "write", "-q").split()[0]
    return {"ART_REMOTE": server.url, "ART_TOKEN": token}


def test_car_notebook_laptop_and_a_field(laptop: Machine, server: Server, place: Path) -> None:
    camera = [place / f"{number:05d}_x{x:03d}_y{y:03d}.jpg" for number in range(5) for x, y in [label(TABLE, number)]]
    for number, path in enumerate(camera):
        path.write_bytes(shipped(TABLE, number).jpeg)

    # the car drives around the house, twice; each time what it saw is at home when the run ends
    car = Machine(place / "car", **_reaching(laptop, server, "car"))
    assert "doesn't exist yet" in car.program("collect_data", *camera[:2])
    assert laptop.versions("dataset") == ["dataset:v0"]
    assert "already exists" in car.program("collect_data", *camera[2:4])
    assert laptop.versions("dataset") == car.versions("dataset") == ["dataset:v1", "dataset:v0"]

    # a notebook somewhere, with an empty disk, trains; its machine is thrown away
    notebook = Machine(place / "notebook", **_reaching(laptop, server, "notebook"))
    said = notebook.program("train")
    assert "joined" in said
    assert "pushed" in said
    assert laptop.versions("model") == ["model:v0"]
    (place / "notebook").rename(place / "gone")

    # at home somebody looks, and says which is the one
    laptop.art("alias", "model:v0", "best", "-p", "racecar")
    why = laptop.art("why", "model:best", "-p", "racecar")
    assert "linear" in why
    assert "dataset:v1" in why

    # the car takes it along, and the server is gone
    car.art("pull")
    _end(server)
    car.environment["ART_PATIENCE"] = "1"
    optimize = car.program("optimize")
    assert "what is logged waits here" in optimize
    told = car.python(
        "import artcli\n"
        "best = artcli.Api(overrides={'project': 'racecar'}).artifact('model:best')\n"
        "run = best.logged_by()\n"
        "print(run.config['architecture'], round(run.summary['pixels_off'], 3) > 0, run.job_type)\n"
        "print([one.name for one in run.used_artifacts()], best.used_by()[0].job_type)\n"
    )
    assert told == "linear True train\n['dataset:v1'] optimize\n"
    assert car.art("use", "model:best", "--root", "deployed", "-p", "racecar") == f"{car.folder}/deployed\n"
    car.art("verify", "deployed")
    assert car.program("collect_data", camera[4])

    # back home: all of it arrives, under the numbers that home gives
    again = Server(laptop.folder, log=place / "again.log")
    try:
        del car.environment["ART_PATIENCE"]
        car.environment["ART_REMOTE"] = "home"
        car.art("remote", "set-url", "origin", again.url)
        del car.environment["ART_REMOTE"]
        car.art("sync")
    finally:
        _end(again)
    assert laptop.versions("model-trt") == ["model-trt:v0"]
    assert laptop.versions("dataset") == ["dataset:v2", "dataset:v1", "dataset:v0"]
    graph = laptop.art("graph", "model-trt:v0", "--explode", "-p", "racecar")
    assert all(word in graph for word in ("dataset:v1", "model:v0", "model-trt:v0", "optimize"))
    assert "sound" in laptop._run(["-m", "artcli", "fsck", "--full"])


def test_the_same_with_a_stick(laptop: Machine, place: Path) -> None:
    """No network anywhere: a directory on a stick, and a bundle for the way back."""
    stick = place / "stick"
    picture = place / "00000_x010_y020.jpg"
    picture.write_bytes(shipped(TABLE, 0).jpeg)
    car = Machine(place / "car", ART_REMOTE=str(stick))
    car.program("collect_data", picture)
    laptop.art("remote", "add", "stick", stick)
    laptop.art("pull", "stick")
    laptop.program("train")
    laptop.art("bundle", "create", place / "model.artb", "model:latest", "-p", "racecar")
    car.environment.pop("ART_REMOTE")
    stick.rename(place / "lost")
    car.art("pull", place / "model.artb")
    car.program("optimize")
    assert car.versions("model-trt") == ["model-trt:v0"]
