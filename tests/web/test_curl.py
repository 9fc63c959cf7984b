"""The script of the README for a car without art: the real curl, a real server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.kit.scripted import answer, saying
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


def test_a_model_that_comes_half_is_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Authorization: Bearer none\n")
    (tmp_path / "trips").mkdir()
    (tmp_path / "send-trips").write_text(script())
    tag = 'ETag: "b3-1"'
    whole = answer(200, b"weights" * 1000, tag)
    half = answer(200, b"weights" * 1000, tag, "Connection: close")[:-3500]
    gone = answer(304, b"", tag)
    with saying([half, whole, half, gone]) as server:
        for code, there in ((18, False), (0, True), (18, True), (0, True)):
            command = ["sh", "-eu", "send-trips", server.url, "jetracer"]
            assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == code
            assert (tmp_path / "model.onnx").exists() == there
            assert not there or (tmp_path / "model.onnx").read_bytes() == b"weights" * 1000
        assert [b'"b3-1"' in head for head in server.heard] == [False, False, True, True]
