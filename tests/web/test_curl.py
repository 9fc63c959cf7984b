"""The script of the README for a car without art: the real curl, a real server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.kit.shown import CHECKOUT
from tests.web.conftest import Serve
from tests.web.test_tokens import token


def script() -> str:
    found = re.search(r"```bash\n(#!/bin/sh.*?)```", (CHECKOUT / "README.md").read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def team(art: Art) -> Art:
    """Where the server is; it has a model."""
    (art.directory / "model.onnx").write_bytes(b"weights" * 1000)
    art("init", "--project", "jetracer")
    assert art("log-artifact", "model", "model.onnx", "--alias", "best").code == 0
    return art


def test_a_car_with_nothing_but_curl(serve: Serve, team: Art, tmp_path: Path) -> None:
    assert len(script().splitlines()) <= 11
    text = token(team, "car", "--scope", "write", "--project", "jetracer")
    server = serve(team.directory)
    car = tmp_path / "car"
    (car / "trips").mkdir(parents=True)
    (car / "token").write_text(f"Authorization: Bearer {text}\n")
    (car / "send-trips").write_text(script())

    def run() -> None:
        command = ["sh", "-eu", "send-trips", server.url, "jetracer"]
        done = subprocess.run(command, cwd=car, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def drive(name: str) -> None:
        (car / "trips" / name).mkdir()
        for number in range(3):
            (car / "trips" / name / f"{number}.jpg").write_bytes(name.encode() * 1000 + bytes([number]))

    run()
    assert (car / "model.onnx").read_bytes() == b"weights" * 1000
    drive("monday")
    drive("tuesday two")
    (car / "trips" / "tuesday two").rename(car / "trips" / "tuesday-2")
    run()
    assert sorted(path.name for path in (car / "sent").iterdir()) == ["monday", "tuesday-2"]
    assert team("ls", "shots", "-q").lines == ["shots:v1", "shots:v0"]
    (car / "sent" / "monday").rename(car / "trips" / "monday")  # it went off before it heard
    before = (car / "model.onnx").stat().st_mtime_ns
    run()
    assert team("ls", "shots", "-q").lines == ["shots:v1", "shots:v0"]
    assert (car / "model.onnx").stat().st_mtime_ns == before, "what is here already is not fetched again"
    assert team("use", "shots:tuesday-2", "--root", "out").code == 0
    assert len(list((team.directory / "out").rglob("*.jpg"))) == 6
    server.stop()
    drive("wednesday")
    done = subprocess.run(["sh", "-eu", "send-trips", server.url, "jetracer"], cwd=car, capture_output=True, text=True)
    assert done.returncode != 0
    assert (car / "trips" / "wednesday").is_dir(), "what was not heard stays"
