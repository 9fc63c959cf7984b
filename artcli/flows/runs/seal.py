"""Sealing: what a spool holds becomes chunks that a fact names, and the spool is emptied.

    1. under the spool's lock: `events` and `files/` are moved aside               (appending goes on in a new file)
    2. records, console and files become chunks of the store; flush
    3. commit: the index, the segment, and what else the caller has to say (how the run ended)
    4. what was moved aside is removed

Any process may do it, at any time. A crash before 3 leaves what was moved aside, and the next sealing takes it up; a
crash after 3 is seen by the number of the segment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artcli.catalog import manifest
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs import journal, records
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.spool import Spool, is_alive, spools
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.files.walk import Scan
from artcli.flows.ingest import Ingest
from artcli.progress import Silent
from artcli.store.codec import MAX_LENGTH
from artcli.store.writer import Flushed, Writer


def seal(repository: Repository, spool: Spool, also: Sequence[Draft] = ()) -> None:
    """Seal what the spool holds and commit `also` in the same entry of the log.

    Raises `ArtError`, `SpaceError` if it cannot be written: then nothing is lost, and the next sealing does it again.
    """
    with _alone(spool) as mine, repository.writing():
        pending = mine and spool.begin_sealing()
        if not pending:
            if also:
                repository.commit(lambda _, make: [make(draft) for draft in also])
            return
        head = spool.head
        with repository.store.writer() as writer:
            said, console = _put_records(writer, (spool.sealing / "events").read_bytes())
            page = _put_files(writer, spool.sealing / "files")
            flushed = writer.flush()
        segment = {"run": head.run, "writer": head.writer, "n": head.segment, "records": said}
        if console:
            segment["console"] = console
        if page:
            segment["page"] = page
        _commit(repository, flushed, segment, also)
        spool.end_sealing()


def seal_dead(repository: Repository, *, everything: bool = False) -> list[str]:
    """Seal the spools whose owner is gone (or all), and say of runs that nobody ended that they crashed.

    Returns the runs that were found crashed.
    """
    crashed = []
    for spool in spools(journal.spool_root(repository)):
        try:
            head = spool.head
            dead = head.owner is not None and not is_alive(head.owner)
            if not dead:
                if everything:
                    seal(repository, spool)
                continue
            run = Register(repository.follower.database).run(head.run)
            open_ended = run is not None and run.outcome is None
            seal(repository, spool, [Draft("finish", {"run": head.run, "outcome": "crashed"})] if open_ended else [])
        except FileNotFoundError:
            continue  # another process was first
        spool.remove()
        if open_ended:
            crashed.append(head.run)
    return crashed


def _commit(repository: Repository, flushed: Flushed, segment: dict[str, object], also: Sequence[Draft]) -> None:
    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        drafts = []
        if flushed.add or flushed.remove:
            drafts.append(Draft("index", {"add": flushed.add, "remove": flushed.remove}))
        there = Register(catalog.database).segments(str(segment["run"]))
        if not any((item.writer, item.n) == (segment["writer"], segment["n"]) for item in there):
            drafts.append(Draft("segment", segment))
        return [make(draft) for draft in (*drafts, *also)]

    repository.commit(plan)


def _put_records(writer: Writer, data: bytes) -> tuple[list[str], list[str]]:
    """Digests of the chunks of records, and of those of console records."""
    lines: tuple[list[bytes], list[bytes]] = ([], [])
    for line in data.split(b"\n"):
        record = records.decode(line) if line else None
        if record is not None:
            lines[record.kind == "console"].append(line + b"\n")
    said, console = ([writer.put(piece).hex() for piece in records.split(some, MAX_LENGTH)] for some in lines)
    return said, console


def _put_files(writer: Writer, folder: Path) -> str | None:
    """The root page of the manifest of a folder; None if there is nothing in it."""
    if not folder.is_dir():
        return None
    ingest = Ingest(writer, None, workers=1, progress=Silent())
    scan: Scan[object] = Scan([Source(os.fsencode(folder))], Rules.everything())
    root = manifest.build(writer, (entry for _, entry in ingest.edits(scan) if entry is not None))
    return root.page.hex() if root.entries else None


@contextmanager
def _alone(spool: Spool) -> Iterator[bool]:
    """Whether this process may seal now; False while another one does."""
    descriptor = os.open(spool.folder / "sealer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield spool.folder.exists()
    finally:
        os.close(descriptor)
