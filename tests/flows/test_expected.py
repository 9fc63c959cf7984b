"""Totals that are found out while the reading goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from artcli.files.sources import Source
from artcli.flows import expected
from artcli.flows.log_artifact import Request, log_artifact
from artcli.flows.revise import Changes
from artcli.progress import Silent
from tests.flows.workshop import PROJECT, Workshop
from tests.kit.trees import Leaf, plant
from tests.store.material import noise

FILES: dict[str, Leaf] = {f"{number // 10}/{number}": noise(300 + number) for number in range(40)}
SIZE = sum(300 + number for number in range(40))


class Patient(Silent):
    """Waits, at each step, for whoever counts."""

    def __init__(self) -> None:
        self.expected: list[tuple[int | None, int | None]] = []
        self.done = 0

    def expect(self, *, files: int | None = None, size: int | None = None) -> None:
        self.expected.append((files, size))

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        self.done += size
        for thread in threading.enumerate():
            if thread.name == "art-expected":
                thread.join(10)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def log(shop: Workshop, path: Path, **request: object) -> Patient:
    progress = Patient()
    sources = [Source(bytes(path), path.name.encode() if path.is_file() else b"")]
    log_artifact(shop.repository, Request("data", PROJECT, sources, workers=2, **request), progress)  # type: ignore[arg-type]
    return progress


def test_a_directory_is_counted_beside_the_reading(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected, "PATIENCE", 0.0)
    folder = tmp_path / "tree"
    plant(folder, FILES)
    time.sleep(0.15)  # a file younger than that could be written again without a trace in its times
    assert log(shop, folder).expected == [(40, SIZE)]
    (folder / "0" / "1").write_bytes(noise(1000, "changed"))
    (folder / "more").write_bytes(noise(500, "more"))
    time.sleep(0.15)
    assert log(shop, folder).expected == [(2, 1500)]  # what is known is not read again
    assert not log(shop, folder).expected


def test_a_quick_log_counts_nothing(shop: Workshop, tmp_path: Path) -> None:
    plant(tmp_path / "tree", {"a": b"a", "b": b"b"})
    before = threading.active_count()
    progress = log(shop, tmp_path / "tree")
    assert (progress.expected, threading.active_count()) == ([], before)


def test_files_and_what_is_added_are_known_at_once(shop: Workshop, tmp_path: Path) -> None:
    plant(tmp_path / "tree", FILES)
    assert log(shop, tmp_path / "tree" / "0" / "7").expected == [(1, 307)]
    assert log(shop, tmp_path / "tree", base="data", changes=Changes((b"7",))).expected == [(40, SIZE)]


def test_it_ends_with_the_log() -> None:
    begun, ended = threading.Event(), threading.Event()

    def walk(pause: expected.Pause) -> tuple[int, int]:
        begun.set()
        try:
            while True:
                time.sleep(0.001)
                pause()
        finally:
            ended.set()

    with expected.Expected(Patient(), walk) as progress:
        progress._due = 0.0
        progress.advance(files=1)
        assert begun.wait(5)
    assert ended.wait(5)
