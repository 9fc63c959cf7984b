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
from artcli.catalog.runs.spool import Spool
from artcli.store.store import Store


class Part(NamedTuple):
    """A run of lines by one writer: a sealed segment, or what its spool holds."""

    run: str
    writer: str
    n: int
    """Number of the segment that it is or will be."""
    resumes: int
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
    return spool if (spool.folder / "head").exists() else None


def parts(repository: Repository, run: str) -> list[Part]:
    """What the run said, in order; follows the log."""
    spool = spool_of(repository, run)
    try:
        live = spool.parts() if spool else []
        writer = spool.head.writer if spool else ""
    except FileNotFoundError:  # sealed and cleared away this moment
        live, writer = [], ""
    repository.refresh()
    register = Register(repository.follower.database)
    sealed = list(register.segments(run))
    there = {(segment.writer, segment.n) for segment in sealed}
    found = [Part(run, item.writer, item.n, item.resumes, item, b"") for item in sealed]
    known = register.run(run)
    for number, lines in live:
        if (writer, number) not in there:
            found.append(Part(run, writer, number, known.resumes if known else 0, None, lines))
    return found


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
