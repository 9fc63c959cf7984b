"""What the suite of failures shares: a nursery of processes, and larger counts for the long runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.nursery import Nursery


@pytest.fixture(autouse=True)
def far_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests; and no look into git's, which costs a process."""
    monkeypatch.setenv("ART_USER", "tester")
    monkeypatch.setenv("ART_CONFIG", "/nonexistent")


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Path]:
    """A directory where fsync costs nothing, if there is one: a kill, unlike a power cut, loses nothing written."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    directory = Path(tempfile.mkdtemp(prefix="art-test-", dir="/dev/shm"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery
