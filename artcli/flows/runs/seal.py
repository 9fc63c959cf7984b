"""Sealing: what a spool holds becomes chunks that a fact names, and the spool is emptied.

    1. the spool's head says the next number: nothing is added any more to what is to be sealed, appending goes on
    2. records, console and files become chunks of the store; flush
    3. commit: the index, the segments, and what else the caller has to say (how the run ended)
    4. what was sealed is removed from the spool

Any process may do it, at any time. A crash before 3 leaves the parts with their numbers, and the next sealing takes
them up; one after 3 is told by the log, which has these numbers of this writer already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from artcli import lock
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import PURGED
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs import journal, records
from artcli.catalog.runs.liveness import is_abandoned
from artcli.catalog.runs.owners import ALIVE, GONE, UNKNOWN, standing
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.spool import Head, Spool, spools, sweep
from artcli.errors import ArtError
from artcli.store.codec import MAX_LENGTH
from artcli.store.writer import Flushed, Writer

TRIES = 10
"""How often what is appended while a run ends is sealed after it."""

Also = Callable[[Catalog], Iterable[Draft]]


def seal(repository: Repository, spool: Spool, also: Sequence[Draft] | Also = (), least: int = 0) -> None:
    """Seal what the spool holds and commit `also` in the same entry of the log, if there is a spool or none.

    With fewer than `least` bytes in it nothing is done: of many who find a spool full, one seals it.
    Raises `ArtError`, `SpaceError` if it cannot be written: then nothing is lost, and the next sealing does it again.
    """
    more = also if callable(also) else lambda _: also
    with ExitStack() as stack:
        try:
            stack.enter_context(spool.sealing())
            stack.enter_context(repository.writing())
            if least and spool.size() < least:
                return
            head, numbers = spool.head, spool.begin_sealing()
        except FileNotFoundError:
            if spool.folder.exists():
                raise
            repository.commit(lambda catalog, make: [make(draft) for draft in more(catalog)])
            return
        known = {(item.writer, item.n) for item in Register(repository.follower.database).segments(head.run)}
        with repository.store.writer() as writer:
            new = [number for number in numbers if (head.writer, number) not in known]
            segments = [_segment(writer, spool, head, number) for number in new]
            flushed = writer.flush()
        _commit(repository, flushed, segments, more)
        for number in numbers:
            spool.end_sealing(number)


def end(repository: Repository, spool: Spool, also: Sequence[Draft]) -> None:
    """Seal all, say `also`, and remove the spool; what others append meanwhile is sealed after it."""
    seal(repository, spool, also)
    try:
        for _ in range(TRIES):
            if spool.remove():
                return
            seal(repository, spool)
    except FileNotFoundError:
        return  # removed by another process


def seal_dead(repository: Repository, *, everything: bool = False) -> list[str]:
    """Seal the spools whose owner is gone (or all), and say of runs that nobody ended that they crashed.

    Returns the runs that were found crashed. Costs a look into one folder where there is no spool.
    """
    root = journal.spool_root(repository)
    found = [spool for spool in spools(root) if _settle(repository, spool, everything)]
    sweep(root)
    return [spool.folder.name for spool in found]


def settle(repository: Repository) -> list[str]:
    """As `seal_dead`, for commands that have something else to do: what cannot be sealed now is left to the next."""
    root = journal.spool_root(repository)
    found = []
    for spool in spools(root):
        try:
            # gc may take its time: not ours
            with lock.held(repository.path / "local" / "gc.lock", alone=False, wait=0):
                if _settle(repository, spool, False):
                    found.append(spool.folder.name)
        except (ArtError, OSError):
            continue  # somebody works at it, or the disk is full: the spool stays, and the next command tries again
    sweep(root)
    return found


def _settle(repository: Repository, spool: Spool, everything: bool) -> bool:
    """Do what is to be done with one spool; True if its run was found crashed."""
    try:
        head = spool.head
        stands = standing(head.owner) if head.owner else UNKNOWN
        if stands == ALIVE and not everything:
            return False
        run = _run(repository, head)
        if run is None or run.state == PURGED:
            if stands == GONE or (run is not None and stands != ALIVE):
                spool.remove(head, discard=True)  # it never began, or all that it said is to be gone
            return False
        if stands == GONE:
            return _bury(repository, spool, head)
        if everything or is_abandoned(spool):
            seal(repository, spool)
            if run.outcome is not None and stands != ALIVE:
                spool.remove(head)
    except FileNotFoundError:
        pass  # another process was first
    return False


def _bury(repository: Repository, spool: Spool, head: Head) -> bool:
    """Seal and remove the spool of an owner that is gone; True if it had left its run without an end."""
    crashed: list[Draft] = []

    def ending(catalog: Catalog) -> list[Draft]:
        run = Register(catalog.database).run(head.run)
        if run is None or run.outcome is not None or not _owned(spool, head):
            crashed.clear()
            return []
        crashed[:] = [Draft("finish", {"run": head.run, "outcome": "crashed"})]
        return crashed

    seal(repository, spool, ending)
    spool.remove(head)
    return bool(crashed)


def _owned(spool: Spool, head: Head) -> bool:
    """Whether nobody has taken the run up meanwhile."""
    try:
        return spool.head.owner == head.owner
    except FileNotFoundError:
        return False  # it was sealed and removed


def _run(repository: Repository, head: Head) -> Run | None:
    found = Register(repository.follower.database).run(head.run)
    if found is None:
        repository.refresh()  # it has begun this moment
        found = Register(repository.follower.database).run(head.run)
    return found


def _commit(repository: Repository, flushed: Flushed, segments: Sequence[dict[str, Any]], also: Also) -> None:
    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        drafts = []
        if flushed.add or flushed.remove:
            drafts.append(Draft("index", {"add": flushed.add, "remove": flushed.remove}))
        drafts += [Draft("segment", segment) for segment in segments]
        return [make(draft) for draft in (*drafts, *also(catalog))]

    repository.commit(plan)


def _segment(writer: Writer, spool: Spool, head: Head, number: int) -> dict[str, Any]:
    """The data of the fact about a part, whose chunks are in the writer's hands."""
    events, files = spool.part(number)
    said, console = _put_records(writer, events)
    segment: dict[str, Any] = {
        "run": head.run, "writer": head.writer, "n": number, "resumes": head.resumes, "since": head.since,
        "records": said,
    }  # fmt: skip
    if console:
        segment["console"] = console
    if files.is_dir() and (page := _put_files(writer, files)):
        segment["page"] = page
    return segment


def _put_records(writer: Writer, events: Path) -> tuple[list[str], list[str]]:
    """Digests of the chunks of records, and of those of console records."""
    kinds: tuple[list[str], list[str]] = ([], [])
    lines: tuple[list[bytes], list[bytes]] = ([], [])
    sizes = [0, 0]

    def put(kind: int) -> None:
        if lines[kind]:
            kinds[kind].append(writer.put(b"".join(lines[kind])).hex())
        lines[kind].clear()
        sizes[kind] = 0

    for line in _lines(events):
        named = records.kind(line)
        if named is None:
            continue
        kind = int(named == "console")
        if sizes[kind] + len(line) > MAX_LENGTH:
            put(kind)
        lines[kind].append(line)
        sizes[kind] += len(line)
    put(0)
    put(1)
    return kinds


def _lines(events: Path) -> Iterator[bytes]:
    """Whole lines."""
    try:
        with open(events, "rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return  # a part of files alone


def _put_files(writer: Writer, folder: Path) -> str | None:
    """The root page of the manifest of a folder; None if there is nothing in it."""
    import os

    from artcli.catalog import manifest
    from artcli.files.ignore import Rules
    from artcli.files.sources import Source
    from artcli.files.walk import Scan
    from artcli.flows.ingest import Ingest
    from artcli.progress import Silent

    ingest = Ingest(writer, None, workers=1, progress=Silent())
    scan: Scan[object] = Scan([Source(os.fsencode(folder))], Rules.everything())
    root = manifest.build(writer, (entry for _, entry in ingest.edits(scan) if entry is not None))
    return root.page.hex() if root.entries else None
