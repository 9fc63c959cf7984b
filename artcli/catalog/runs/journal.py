"""The journal: all that a run said, in order, whether it is sealed already or still in the spool of this machine.

Writers are read one after the other, in the order in which they took the run up; the records of one writer stand in the
order in which they were said. History is put in order by step by whoever shows it; of config and summary the last word
counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.repository import Repository
from artcli.catalog.runs import records
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register, Segment
from artcli.catalog.runs.spool import Head, Spool
from artcli.store.store import Store


class Part(NamedTuple):
    """A run of lines by one writer: a sealed segment, or what its spool holds."""

    run: str
    writer: str
    n: int
    """Number of the segment that it is or will be."""
    resumes: int
    """How often the run had been resumed when the writer took it up."""
    since: str
    """When that was, by the writer's clock."""
    segment: Segment | None
    """None for what is not sealed."""
    lines: bytes
    """The lines that are not sealed; empty for a segment, whose lines are chunks of the store."""


def spool_root(repository: Repository) -> Path:
    """The folder of the spools of a repository."""
    return repository.path / "local" / "spool"


def spool_of(repository: Repository, run: str) -> Spool | None:
    """The run's spool on this machine, if it has one."""
    spool = Spool(spool_root(repository) / run)
    return spool if spool.folder.is_dir() else None


def parts(repository: Repository, run: str) -> list[Part]:
    """What the run said, in order; follows the log."""
    live: list[tuple[int, bytes]] = []
    head: Head | None = None
    try:
        head, live = Spool(spool_root(repository) / run).read()
    except (FileNotFoundError, NotADirectoryError):
        pass  # sealed and cleared away, or never here
    repository.refresh()
    sealed = list(Register(repository.follower.database).segments(run))
    there = {(segment.writer, segment.n) for segment in sealed}
    found = [Part(run, item.writer, item.n, item.resumes, item.since, item, b"") for item in sealed]
    for number, lines in live if head else []:
        if head and (head.writer, number) not in there:
            found.append(Part(run, head.writer, number, head.resumes, head.since, None, lines))
    return sorted(found, key=lambda part: (part.resumes, part.since, part.writer, part.n))


def file_places(repository: Repository, run: str) -> list[bytes | Path]:
    """Where the run's files are, in order, so that the last place that has a path counts.

    Root pages of manifests, and folders of this machine for what is not sealed. Follows the log.
    """
    folders: list[tuple[int, Path]] = []
    writer = ""
    try:
        spool = Spool(spool_root(repository) / run)
        writer, folders = spool.head.writer, spool.file_folders()
    except (FileNotFoundError, NotADirectoryError):
        pass  # sealed and cleared away, or never here
    repository.refresh()
    sealed = list(Register(repository.follower.database).segments(run))
    there = {(segment.writer, segment.n) for segment in sealed}
    places: list[bytes | Path] = [segment.page for segment in sealed if segment.page]
    return places + [folder for number, folder in folders if (writer, number) not in there]


def read(store: Store, part: Part, *, console: bool = False) -> Iterator[Record]:
    """The records of a part: without what was said on the console, or (`console`) that alone.

    Raises IntegrityError where a chunk is missing or damaged.
    """
    if part.segment is None:
        for record in records.decode_all(part.lines):
            if (record.kind == "console") == console:
                yield record
        return
    digests: Sequence[bytes] = part.segment.console if console else part.segment.records
    for digest in digests:
        yield from records.decode_all(store.get(digest))


def everything(repository: Repository, run: str, *, console: bool = False) -> Iterator[Record]:
    """All records of a run, in order."""
    found = parts(repository, run)
    store = repository.store
    for part in found:
        yield from read(store, part, console=console)
