"""What a run said on its console, so far and, if wanted, as it goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.liveness import RUNNING, outcome
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.register import Register

POLL = 0.3
"""Seconds between two looks for more."""


def pieces(repository: Repository, run: str, stream: str | None = None) -> Iterator[Record]:
    """Console records of a run (of one stream), in order."""
    return _of(journal.everything(repository, run, console=True), stream)


def last(repository: Repository, run: str, lines: int, stream: str | None = None) -> Iterator[Record]:
    """As `tail` of `pieces`, of which no more is read than is told."""
    kept: list[Record] = []
    ends = 0
    for part in reversed(journal.parts(repository, run)):
        found = list(_of(journal.read(repository.store, part, console=True), stream))
        kept[:0] = found
        ends += sum(text(record).count("\n") for record in found)
        if ends > lines:
            break
    return tail(kept, lines)


def follow(
    repository: Repository, run: str, stream: str | None = None, sleep: Callable[[float], object] = time.sleep,
    last: int | None = None,
) -> Iterator[Record]:  # fmt: skip
    """The same (of what is there, if wanted the last lines only), then what comes, until the run is over."""
    seen: dict[tuple[str, int], int] = {}
    ended = not _runs(repository, run)
    there = _new(repository, run, seen)
    yield from _of(there, stream) if last is None else tail(_of(there, stream), last)
    while not ended:
        sleep(POLL)
        ended = not _runs(repository, run)
        yield from _of(_new(repository, run, seen), stream)


def _new(repository: Repository, run: str, seen: dict[tuple[str, int], int]) -> Iterator[Record]:
    """Console records that are not `seen`: how many of each part, -1 for all."""
    for part in journal.parts(repository, run):
        key = part.writer, part.n
        if part.segment is not None and seen.get(key, 0) < 0:
            continue
        new = list(journal.read(repository.store, part, console=True))[seen.get(key, 0) :]
        # a sealed part is whole, and holds what its spool held in the same order
        seen[key] = seen.get(key, 0) + len(new) if part.segment is None else -1
        yield from new


def tail(found: Iterable[Record], lines: int) -> Iterator[Record]:
    """The last lines of what was said, of all streams together; of the first record perhaps a part."""
    kept: deque[Record] = deque()
    ends = 0
    for record in found:
        kept.append(record)
        ends += text(record).count("\n")
        while ends - (first := text(kept[0]).count("\n")) > lines:
            kept.popleft()
            ends -= first
    said = "".join(map(text, kept))
    wanted = "\n".join(said.split("\n")[-lines - said.endswith("\n") :]) if lines else ""
    left_out = len(said) - len(wanted)
    for record in kept:
        piece = text(record)[left_out:]
        left_out = max(0, left_out - len(text(record)))
        if piece:
            yield record._replace(data={**record.data, "text": piece})


def text(record: Record) -> str:
    """What a console record says."""
    return str(record.data.get("text", ""))


def _of(found: Iterable[Record], stream: str | None) -> Iterator[Record]:
    return (record for record in found if stream is None or record.data.get("stream") == stream)


def _runs(repository: Repository, run: str) -> bool:
    repository.refresh()
    known = Register(repository.follower.database).run(run)
    return known is not None and outcome(repository, known) == RUNNING
