"""Many processes that append to one log get as many numbers as they have entries, by every way to a place.

Quick with three processes of five; `soak`: ten of fifty.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from artcli.buckets.urls import open_bucket
from artcli.catalog.log import GENESIS, Log
from artcli.catalog.repository import Repository, read_place
from artcli.flows import remotes
from tests.kit.places import KINDS, NewPlace, container, new_place, s3, serve, ssh
from tests.kit.shown import CHECKOUT

__all__ = ["container", "new_place", "s3", "serve", "ssh"]

COUNTS = [pytest.param((3, 5), id="3x5"), pytest.param((10, 50), id="10x50", marks=pytest.mark.soak)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, new_place: NewPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new place."""
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "user.toml"))
    url = new_place(str(request.param), tmp_path / "served")
    repository, _ = Repository.init(tmp_path / "own")
    remotes.add(repository, "place", url)
    repository.close()
    return url


@pytest.mark.parametrize("counts", COUNTS)
def test_each_entry_has_its_number(place: str, counts: tuple[int, int]) -> None:
    processes, entries = counts
    bucket = open_bucket(place)
    id = read_place(bucket)
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.buckets.appender", place, id, f"racer{number}", str(entries)],
            cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    try:
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "ready\n"
        told = []
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
            racer.stdin.flush()
        for racer in racers:
            out, _ = racer.communicate(timeout=600)
            assert racer.returncode == 0
            told.append([int(number) for number in out.split()])
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    found = [fact for entry in Log(bucket, id).after(-1, GENESIS) for fact in entry.facts if fact.kind == "trial"]
    assert sorted(number for numbers in told for number in numbers) == list(range(processes * entries))
    said = Counter((fact.data["name"], fact.data["number"]) for fact in found)
    assert said == Counter((f"racer{name}", number) for name in range(processes) for number in range(entries))
