"""What a shell script says in a run: a row of metrics, a part of its config or summary, a file.

A script says such things ten thousand times, each time in a new process. So this goes straight to the run's spool:
neither the log nor its database is opened while the run lives on this machine. Only for a run that is elsewhere, over
or called by its name, and when the spool is full, is the repository looked at.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from artcli.catalog import spec
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import Spool
from artcli.errors import LockedError, SpaceError, UsageError
from artcli.flows.runs.rows import SEAL_SIZE, history, is_due

Make = Callable[[int], Iterable[Record]]
Files = Mapping[str, "bytes | Path"]
"""Path in the run → content, or the file that has it."""


class Voice:
    """Says things in the run that `word` means, in the repository `folder` (its `.art`)."""

    def __init__(self, folder: Path, word: str, project: str = "") -> None:
        self._folder = folder
        self._word = word
        self._project = project
        self._spool: Spool | None = None
        if spec.RUN.fullmatch(word):  # a word that can be no id must not lead to another folder
            self._spool = Spool(folder / "local" / "spool" / word)

    def row(self, row: Mapping[str, Any], at: float, step: int | None = None, files: Files | None = None) -> bool:
        """Log a row of history; False if its step is over. `at`: seconds since 1970."""
        return self.rows([(row, step, at)], files) == 0

    def rows(self, rows: Iterable[tuple[Mapping[str, Any], int | None, float]], files: Files | None = None) -> int:
        """Log rows of (values, step, seconds since 1970) at once; how many were dropped, their steps being over."""
        dropped: list[int | None] = []
        kept = list(rows)

        def make(step: int) -> list[Record]:
            dropped.clear()
            made = _records(files, step)
            for row, own, at in kept:
                record = history(row, own, step, at)
                if record is None:
                    dropped.append(own)
                else:
                    made.append(record)
                    step = record.next
            return made

        self.say(make, files)
        return len(dropped)

    def set(self, kind: str, values: Mapping[str, Any], at: float) -> None:
        """Set keys of `config` or `summary`."""
        self.say(lambda step: [Record(kind, at, values, next=step)])

    def keep(self, files: Files) -> None:
        """Keep files with the run."""
        self.say(lambda step: _records(files, step), files)

    def say(self, make: Make, files: Files | None = None) -> None:
        """Append records, given the next step, and the files that they speak of.

        Raises `NotFoundError` (`no-such-run`), `SpaceError` (`disk-full`), `UsageError` (`unfit-value`).
        """
        try:
            self._say(make, files)
        except (ValueError, TypeError) as error:
            message = f"a value that no run can keep: {error}"
            raise UsageError("unfit-value", message, hint="art help unfit-value") from error

    def _say(self, make: Make, files: Files | None) -> None:
        if self._spool is not None:
            try:
                size = self._said(self._spool, make, files)
            except FileNotFoundError:
                pass  # no spool by this name here: the repository knows what the word means
            else:
                if size >= SEAL_SIZE:
                    self._seal(self._spool)
                return
        self._take_up(make, files)

    def _said(self, spool: Spool, make: Make, files: Files | None) -> int:
        incoming = {name: _incoming(spool, content) for name, content in (files or {}).items()}
        return spool.append(make, durable=bool(files) or is_due(spool.folder), files=incoming)

    def _seal(self, spool: Spool) -> None:
        from artcli.catalog.repository import Repository
        from artcli.flows.runs.seal import seal

        repository = Repository.open(self._folder, self._folder)
        try:
            seal(repository, spool, least=SEAL_SIZE)
        except (SpaceError, LockedError):
            pass  # nothing is lost: whoever says something next tries again
        finally:
            repository.close()

    def _take_up(self, make: Make, files: Files | None) -> None:
        """Say it in a run that has no spool by this name here; if the run is over, all of it is sealed at once."""
        from artcli.catalog.repository import Repository
        from artcli.flows.runs.choose import choose
        from artcli.flows.runs.recorder import Recorder
        from artcli.flows.runs.seal import end

        repository = Repository.open(self._folder, self._folder)
        try:
            run = choose(repository, self._word, self._project)
            recorder = Recorder.attach(repository, run.id)
            self._spool = recorder.spool
            self._said(recorder.spool, make, files)
            if run.outcome is not None:
                end(repository, recorder.spool, [])
        finally:
            repository.close()


def _records(files: Files | None, step: int) -> list[Record]:
    now = time.time()
    return [
        Record("file", now, {"path": name, "size": _size(content)}, next=step)
        for name, content in (files or {}).items()
    ]  # fmt: skip


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _incoming(spool: Spool, content: bytes | Path) -> Path:
    """The content, where the spool can take it from."""
    path = spool.incoming()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)
    return path
