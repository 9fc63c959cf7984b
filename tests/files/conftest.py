from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from artcli.files import listing, reader


class Clock:
    """The clock of walks and readers, ahead of the real one by some seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 3600.0
        self.slept: list[float] = []
        real: Callable[[], int] = time.time_ns
        monkeypatch.setattr(listing.time, "time_ns", lambda: real() + int(self.ahead * 1e9))
        monkeypatch.setattr(reader.time, "sleep", self.slept.append)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """An hour has passed: what was just written is old enough to be believed."""
    return Clock(monkeypatch)
