"""The spool of a live run: records of it that are not sealed yet, on this machine's disk.

    .art/local/spool/<run id>/
        head             JSON: run, project, writer, number of the next segment, next step, owner; replaced by rename
        lock             flock'd by whoever appends, and for moments by who seals
        sealer           flock'd by who seals
        <n>/events       records (`runs.records`) of the segment n, appended
        <n>/files/       files of the run that records name
        incoming/        files on their way there

Any number of processes append, each append under the lock, so that shell and Python share one counter of steps. A
writer is one spool: its segments are numbered, and the same segment sealed twice is the same segment. Sealing begins
with a head that says n + 1: from then on nothing is added to the folder n, and a crash at any moment leaves it to the
next who seals. The folder of a spool comes with its head and goes as a whole, both by rename. The owner is the process
whose end is the end of the run.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.folders import sync
from artcli.catalog.facts import timestamp
from artcli.catalog.runs import records
from artcli.catalog.runs.owners import Owner, is_alive, standing, this_process
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.steady import append, flocked, sync_file, sync_folder, told

__all__ = ["Head", "Owner", "Spool", "Unsealed", "is_alive", "new_head", "spools", "standing", "sweep", "this_process"]

TAIL = 4 * 1024
"""Bytes in which the last record is looked for first."""
LEFT_OVER = 3600.0
"""Seconds after which a folder that is not a spool yet, or no longer, belongs to nobody."""


class Head(NamedTuple):
    """What is known of a spool without reading its records."""

    run: str
    project: str
    writer: str
    segment: int
    """Number of the next segment."""
    next: int
    """Step of the next row, as of the last sealing."""
    owner: Owner | None
    """None: no process's end ends the run."""
    resumes: int = 0
    """How often the run had been resumed when this writer took it up."""
    since: str = ""
    """When that was."""


class Unsealed(NamedTuple):
    """What a spool holds."""

    head: Head
    parts: Sequence[tuple[int, Path]]
    """The number of the segment that it will be, and the file of its records, in order."""


class Spool:
    """The spool in a folder; safe among processes. All raise FileNotFoundError once it is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, root: Path, head: Head) -> Spool:
        """A new spool below `root`, on the disk when this returns; if another process was first, that one's."""
        spool = cls(root / head.run)
        made = root / f".{head.run}.{os.urandom(6).hex()}"
        try:
            with told():
                made.mkdir(parents=True)
                cls(made)._put(head)
                try:
                    os.rename(made, spool.folder)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                for folder in (root, root.parent):
                    sync_folder(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return spool

    @property
    def head(self) -> Head:
        found = self._read_head()
        if found is None:
            with self.locked():
                found = self._head()
        return found

    def own(self, owner: Owner | None) -> None:
        """Give the run to another process."""
        with self.locked():
            self._put(self._head()._replace(owner=owner))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the spool, among all processes."""
        with flocked(self.folder / "lock"):
            yield

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Alone with what is to be sealed; appending goes on."""
        with flocked(self.folder / "sealer"):
            yield

    # --- appending ---

    def append(
        self,
        make: Callable[[int], Iterable[Record]],
        *,
        durable: bool = False,
        files: Mapping[str, Path] | None = None,
    ) -> int:
        """Append the records that `make(next step)` gives; returns the bytes of records that are not being sealed.

        `durable`: on the disk when this returns, with all that was said before in the same part. `files`: path in the
        run → a finished file below `incoming`, which moves there. Raises `SpaceError` (`disk-full`): then nothing was
        said. ValueError, TypeError as `encode`.
        """
        with self.locked():
            lines = b"".join(records.encode(record) for record in make(self.next_step()))
            folder = self.folder / str(self._head().segment)
            with told():
                folder.mkdir(exist_ok=True)
                for name, path in (files or {}).items():
                    to = _inside(folder / "files", name)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(path, to)
                    if durable:
                        sync_file(to, folder)
                return append(folder / "events", lines, durable)

    def incoming(self) -> Path:
        """A path, not taken, where a file of the run may be written before `append` takes it."""
        folder = self.folder / "incoming"
        if not self.folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the spool is gone", str(self.folder))
        folder.mkdir(exist_ok=True)
        return folder / os.urandom(8).hex()

    def keep(self, names: Iterable[str] = ()) -> None:
        """Return when all that was said up to now is on the disk, and the files of these names."""
        with told():
            for number in self._numbers():
                folder = self.folder / str(number)
                for path in (_inside(folder / "files", name) for name in names):
                    sync_file(path, folder)
                sync_file(folder / "events", folder / "events")

    def next_step(self) -> int:
        """The step of the next row that names none; for whoever holds the lock."""
        for number in reversed(self._numbers()):
            last = _last(self.folder / str(number) / "events")
            if last is not None:
                return last.next
        return self._head().next

    # --- reading ---

    def unsealed(self) -> Unsealed:
        """What is not sealed, in order; needs no lock, so a file's last line may be in the middle of being written.

        Read it before the log: a part whose segment the log has by then is to be left out.
        """
        while True:
            head = self.head
            files = [(number, self.folder / str(number) / "events") for number in self._numbers()]
            found = [(number, path) for number, path in files if path.exists()]
            if self.head.writer == head.writer:
                return Unsealed(head, found)

    def parts(self) -> list[tuple[int, bytes]]:
        """The same with its lines: those that are whole."""
        return self.read()[1]

    def read(self) -> tuple[Head, list[tuple[int, bytes]]]:
        """As `parts`, with the head of their writer."""
        while True:
            unsealed, found = self.unsealed(), []
            for number, path in unsealed.parts:
                try:
                    found.append((number, records.whole_lines(path.read_bytes())))
                except FileNotFoundError:
                    continue  # sealed this moment
            if self.head.writer == unsealed.head.writer:
                return unsealed.head, found

    def file_folders(self) -> list[tuple[int, Path]]:
        """The folders of files that are not sealed, in order."""
        folders = [(number, self.folder / str(number) / "files") for number in self._numbers()]
        return [(number, folder) for number, folder in folders if folder.is_dir()]

    def size(self) -> int:
        """Bytes of records that are not sealed."""
        return sum(path.stat().st_size for _, path in self.unsealed().parts)

    def last_sign(self) -> float:
        """When something was last said here, in seconds since 1970, by the clock of this file system."""
        latest = (self.folder / "head").stat().st_mtime
        for _, path in self.unsealed().parts:
            try:
                latest = max(latest, path.stat().st_mtime)
            except FileNotFoundError:
                continue  # sealed this moment, and the head says when it was written
        return latest

    # --- sealing ---

    def begin_sealing(self) -> list[int]:
        """Numbers of what is to be sealed, to which nothing is added any more; for who holds `sealing`.

        It is on the disk when this returns that they are: a segment that the log has is never continued. What was said
        in them is there, too: should they not be sealed for long, nobody appends to them who would see to that.
        """
        with self.locked():
            head = self._head()
            if any(path.exists() for path in self.part(head.segment)):
                last_sign = self.last_sign()
                events, _ = self.part(head.segment)
                sync_file(events, events)  # its name is there since it was made
                head = head._replace(next=self.next_step(), segment=head.segment + 1)
                self._put(head, last_sign)
            return [number for number in self._numbers() if number < head.segment]

    def part(self, number: int) -> tuple[Path, Path]:
        """The file of records and the folder of files of what is to be sealed; either may not be there."""
        folder = self.folder / str(number)
        return folder / "events", folder / "files"

    def end_sealing(self, number: int) -> None:
        """The segment is in the log now."""
        shutil.rmtree(self.folder / str(number), ignore_errors=True)

    def remove(self, head: Head | None = None, *, discard: bool = False) -> bool:
        """Remove the spool, if nothing is in it (or `discard`) and its owner is that of `head`; False if it stays.

        Whoever waits to append to it finds it gone.
        """
        with self.locked():
            if head is not None and head.owner != self._head().owner:
                return False
            if not discard and any(path.exists() for number in self._numbers() for path in self.part(number)):
                return False
            gone = self.folder.with_name(f".{self.folder.name}.{os.urandom(6).hex()}")
            os.rename(self.folder, gone)
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _numbers(self) -> list[int]:
        return sorted(int(name) for name in os.listdir(self.folder) if name.isascii() and name.isdigit())

    def _read_head(self) -> Head | None:
        """The head; None if it is damaged."""
        try:
            found = json.loads((self.folder / "head").read_bytes())
            owner = found.pop("owner")
            return Head(**found, owner=Owner(*owner) if owner else None)
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # damaged: who holds the lock makes it anew
        return None

    def _head(self) -> Head:
        """The head, made anew if it is damaged; for whoever holds the lock.

        What is in such a spool is another writer's from now on, so that it is sealed, whatever was sealed before.
        """
        found = self._read_head()
        if found is None:
            numbers = self._numbers()
            lasts = [_last(self.folder / str(number) / "events") for number in numbers]
            step = max((last.next for last in lasts if last), default=0)
            found = new_head(self.folder.name, "", None, step)._replace(segment=max(numbers, default=0))
            self._put(found)
        return found

    def _put(self, head: Head, last_sign: float | None = None) -> None:
        """Replace the head; it is on the disk when this returns. `last_sign`: see there; now, if it is None."""
        scratch = self.folder / f"head.{os.urandom(6).hex()}"
        try:
            with told():
                with open(scratch, "w", encoding="utf-8") as file:
                    file.write(json.dumps(head._asdict()))
                    file.flush()
                    sync(file.fileno())
                if last_sign is not None:
                    os.utime(scratch, (last_sign, last_sign))
                os.replace(scratch, self.folder / "head")
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(self.folder)


def new_head(run: str, project: str, owner: Owner | None, next_step: int = 0, resumes: int = 0) -> Head:
    """The head of a spool to be."""
    return Head(run, project, os.urandom(8).hex(), 0, next_step, owner, resumes, timestamp(time.time()))


def spools(root: Path) -> list[Spool]:
    """All spools below `root`, by run."""
    try:
        names = sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return []  # no run has lived here
    return [Spool(root / name) for name in names if not name.startswith(".")]


def sweep(root: Path) -> None:
    """Remove what processes that were killed left of spools in the making, or on their way out."""
    try:
        names = [name for name in os.listdir(root) if name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return  # no run has lived here
    for name in names:
        try:
            if time.time() - (root / name).stat().st_mtime > LEFT_OVER:
                shutil.rmtree(root / name, ignore_errors=True)
        except FileNotFoundError:
            continue


def _inside(folder: Path, name: str) -> Path:
    """The path of that name below the folder; raises ValueError for one that is not below it."""
    path = Path(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise ValueError(f"no path of a run's file: {name!r}")
    return folder / path


def _last(path: Path) -> Record | None:
    """The last whole record of a file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            size = TAIL
            while True:
                start = max(0, end - size)
                file.seek(start)
                for line in reversed(file.read(end - start).split(b"\n")):
                    if line and (record := records.decode(line)) is not None:
                        return record
                if not start:
                    return None
                size *= 8
    except FileNotFoundError:
        return None
