"""What there is to measure, and what one run of the harness is asked to do."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]  # one measurement: work, tool, round, then columns; the line of JSON that is kept of it


class Work(NamedTuple):
    """A work, the rivals its limit names, and those that take part at full size only."""

    title: str
    judged: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


WORKS = {
    "W1": Work("add a model of float32", ("borg",), ("hf-xet", "restic", "dvc")),
    "W5-model": Work("bring the model back", ("restic",), ("borg", "hf-xet", "dvc")),
    "tuned": Work("add its fine-tuned copy", (), ("borg", "hf-xet", "restic")),
    "W4": Work("1 KiB inserted, 64 KiB overwritten", ("hf-xet",)),
    "W2": Work("add many files", ("borg", "hf-xet"), ("restic", "dvc")),
    "W5-images": Work("bring the files back", ("restic",), ("borg", "dvc")),
    "W3": Work("add again, 1 changed and 5 new", ("restic", "borg"), ("hf-xet", "dvc")),
    "W3-same": Work("add again, unchanged", ("scan",), ("restic", "borg")),
    "W6": Work("switch to another version in place", ("dvc",)),
    "W6-same": Work("already in place", ("scan",), ("dvc",)),
    "push": Work("bring many files to a directory that is shared", ("restic",)),
    "push-delta": Work("bring the next version there, 1 changed and 5 new", ("restic",)),
    "clone": Work("bring the files from there, on a machine that has nothing", ("restic",)),
    "clone-full": Work("make a store of one's own of all that is there", ("restic",)),
    "http-push": Work("bring 4,000 files to a server", ("restic",)),
    "http-get": Work("bring them from the server, on a machine that has nothing", ("restic",)),
    "http-clone": Work("make a repository there first, then bring them", ("restic",)),
    "wire": Work("bytes on the wire, in both directions"),
    "server": Work("art serve and one client"),
    "server-16": Work("art serve and sixteen clients that clone and push"),
    "CSV": Work("add a table of CSV", (), ("borg", "hf-xet", "restic")),
    "start": Work("start-up"),
    "fsync": Work("calls of fsync"),
    "million": Work("ten times as many files"),
    "run-import": Work("import the Python API", ("wandb", "trackio")),
    "run-short": Work("import, begin a run, end it", ("wandb", "trackio")),
    "run-log": Work("100,000 calls of log", ("wandb", "trackio")),
    "run-whole": Work("100,000 calls of log, and the end of the run", ("wandb", "trackio")),
    "run-artifact": Work("log_artifact of 20,000 small files, from Python", ("wandb", "trackio")),
    "run-download": Work("use_artifact().download() of them", ("wandb", "trackio")),
    "run-again": Work("use_artifact().download() again, in place", ("wandb", "trackio")),
}
SCENES = {
    "model": ("W1", "W5-model", "tuned", "W4"),
    "images": ("W2", "W5-images", "W3", "W3-same", "W6", "W6-same"),
    "directory": ("push", "push-delta", "clone", "clone-full"),
    "http": ("http-push", "http-get", "http-clone", "wire", "server", "server-16"),
    "table": ("CSV",),
    "start": ("start",),
    "fsync": ("fsync",),
    "million": ("million",),
    "recorders": (
        *("run-import", "run-short", "run-log", "run-whole"),
        *("run-artifact", "run-download", "run-again"),
    ),
}


@dataclass
class Plan:
    """What one run of the harness is asked to do."""

    size: str
    root: Path
    works: Sequence[str]
    tools: Sequence[str]
    chosen: bool = False  # the tools were named on the command line: all of them take part in every work
    repeats: int = 3
    edits: int = 15
    starts: int = 15
    calm: float = 0.0
    touched: int = 0  # bytes of memory that are taken and given back before each measurement
    timeout: float = 900.0
    profile: str | None = None


def median(rows: Iterable[Row], column: str) -> float | None:
    """The median of what the rows have in this column; None if none has it."""
    values = [row[column] for row in rows if row.get(column) is not None and "failed" not in row]
    return statistics.median(values) if values else None
