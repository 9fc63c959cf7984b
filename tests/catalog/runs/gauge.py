"""A repository with runs that say things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.flows.runs.recorder import Beginning, Recorder


class Gauge:
    """A repository and its runs. Times are told, not taken: record n is said n seconds after 1,000,000,000."""

    def __init__(self, directory: Path) -> None:
        self.repository, _ = Repository.init(directory)
        self.now = 1e9

    @property
    def cache(self) -> Path:
        return self.repository.path / "cache" / "runs.db"

    def begin(self, **beginning: Any) -> Recorder:
        return Recorder.begin(self.repository, Beginning("uncategorized", **beginning))

    def say(self, recorder: Recorder, kind: str, **data: Any) -> None:
        self.now += 1
        recorder.say([Record(kind, self.now, data)])

    def log(self, recorder: Recorder, row: dict[str, Any], step: int | None = None) -> None:
        self.now += 1
        recorder.log(row, step, self.now)

    @contextmanager
    def another(self) -> Iterator[Repository]:
        """The repository as another process has it open."""
        repository = Repository(self.repository.path)
        try:
            yield repository
        finally:
            repository.close()
