"""The spool of a live run: records of it that are not sealed yet, on this machine's disk.

    .art/local/spool/<run id>/
        head          JSON: run, project, writer, number of the next segment, next step, owner; replaced by rename
        lock          flock'd by whoever appends or seals
        events        records (`runs.records`), appended
        files/        files of the run that records name
        sealing/      `events` and `files/` as they were when sealing began; gone once a fact names what they became

Any number of processes append, each append under the lock, so that shell and Python share one counter of steps. A
writer is one spool: its segments are numbered, and the same segment sealed twice is the same segment. The owner is the
process whose end is the end of the run; it is known by its pid and its start, which together are never used again
before the next boot.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.runs import records
from artcli.catalog.runs.records import Record

TAIL = 64 * 1024
"""Bytes in which the last record is looked for first."""


class Owner(NamedTuple):
    """A process of this machine."""

    pid: int
    started: str
    """Its start, in ticks since boot."""
    boot: str
    """Id of the boot; empty where the system has none."""


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


class Spool:
    """The spool in a folder; safe among processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder / "events"
        self.files = folder / "files"
        self.sealing = folder / "sealing"

    @classmethod
    def create(cls, root: Path, run: str, project: str, owner: Owner | None, next_step: int = 0) -> Spool:
        """A new spool for the run below `root`; the folder that is there already, if another process was first."""
        spool = cls(root / run)
        spool.folder.mkdir(parents=True, exist_ok=True)
        with spool.locked():
            if not (spool.folder / "head").exists():
                spool._put(Head(run, project, os.urandom(8).hex(), 0, next_step, owner))
        return spool

    @property
    def head(self) -> Head:
        """Raises FileNotFoundError if the spool is gone or was never finished."""
        found = json.loads((self.folder / "head").read_bytes())
        owner = found.pop("owner")
        return Head(**found, owner=Owner(*owner) if owner else None)

    def own(self, owner: Owner | None) -> None:
        """Give the run to another process."""
        with self.locked():
            self._put(self.head._replace(owner=owner))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the spool, among all processes."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def append(self, make: Callable[[int], Iterable[Record]], *, durable: bool = False) -> int:
        """Append the records that `make(next step)` gives; returns the size of what is not sealed, in bytes.

        `durable`: on the disk when this returns.
        """
        with self.locked():
            lines = b"".join(records.encode(record) for record in make(self.next_step()))
            descriptor = os.open(self.events, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                end = os.fstat(descriptor).st_size
                if end and not self._ends_whole(end):
                    lines = b"\n" + lines  # a torn line must not take the next one with it
                try:
                    _write(descriptor, lines)
                except OSError:
                    os.ftruncate(descriptor, end)  # a full disk: nothing half-said
                    raise
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return end + len(lines)

    def next_step(self) -> int:
        """The step of the next row that names none; for whoever holds the lock."""
        for source in (self.events, self.sealing / "events"):
            last = _last(source)
            if last is not None:
                return last.next
        return self.head.next

    def parts(self) -> list[tuple[int, bytes]]:
        """What is not sealed, in order: the number of the segment that it is or will be, and its lines.

        Read this before the log: a part whose segment the log has by then is to be left out.
        """
        with self.locked():
            number = self.head.segment
            paths = [path for path in (self.sealing / "events", self.events) if path.exists()]
            if len(paths) == 1 and paths[0] == self.events and self.sealing.exists():
                number += 1  # sealed, but not yet cleared away
            return [(number + at, path.read_bytes()) for at, path in enumerate(paths)]

    def size(self) -> int:
        """Bytes of records that are not sealed."""
        return self.events.stat().st_size if self.events.exists() else 0

    def begin_sealing(self) -> bool:
        """Move what there is aside; False if there is nothing to seal. Only one process may seal at a time."""
        with self.locked():
            self.sealing.mkdir(exist_ok=True)
            if not (self.sealing / "events").exists() and self.events.exists():
                head = self.head._replace(next=self.next_step())
                if self.files.exists():
                    os.rename(self.files, self.sealing / "files")
                os.rename(self.events, self.sealing / "events")
                self._put(head)
            return (self.sealing / "events").exists()

    def end_sealing(self) -> None:
        """What was moved aside is in the log now."""
        with self.locked():
            self._put(self.head._replace(segment=self.head.segment + 1))
            shutil.rmtree(self.sealing)

    def remove(self) -> None:
        """The run is over and all of it is sealed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ends_whole(self, end: int) -> bool:
        with self.events.open("rb") as file:
            file.seek(end - 1)
            return file.read(1) == b"\n"

    def _put(self, head: Head) -> None:
        scratch = self.folder / f"head.{os.getpid()}"
        scratch.write_text(json.dumps(head._asdict()))
        os.replace(scratch, self.folder / "head")


def spools(root: Path) -> Sequence[Spool]:
    """All spools below `root`, by run."""
    if not root.is_dir():
        return []
    return [Spool(folder) for folder in sorted(root.iterdir()) if (folder / "head").exists()]


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


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


# --- owners ---


def this_process(pid: int | None = None) -> Owner | None:
    """The process of this pid (default: this one); None if there is none."""
    pid = os.getpid() if pid is None else pid
    started = _started(pid)
    return Owner(pid, started, _boot()) if started else None


def is_alive(owner: Owner) -> bool:
    """Whether that very process still runs."""
    return owner.boot == _boot() and _started(owner.pid) == owner.started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When the process started, in the system's own words; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _started_elsewhere(pid)
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _started_elsewhere(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    import subprocess  # macOS

    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
