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
STREAMS = ("stdout", "stderr")


def pieces(repository: Repository, run: str, stream: str | None = None) -> Iterator[Record]:
    """Console records of a run (of one stream), in order."""
    return _of(journal.everything(repository, run, console=True), stream)


def follow(
    repository: Repository, run: str, stream: str | None = None, sleep: Callable[[float], object] = time.sleep
) -> Iterator[Record]:
    """The same, then what comes, until the run is over."""
    seen: dict[tuple[str, int], int] = {}
    while True:
        ended = not _runs(repository, run)
        for part in journal.parts(repository, run):
            key = part.writer, part.n
            if part.segment is not None and seen.get(key, 0) < 0:
                continue
            new = list(journal.read(repository.store, part, console=True))[seen.get(key, 0) :]
            # a sealed part is whole, and holds what its spool held in the same order
            seen[key] = seen.get(key, 0) + len(new) if part.segment is None else -1
            yield from _of(new, stream)
        if ended:
            return
        sleep(POLL)


def tail(found: Iterable[Record], lines: int) -> str:
    """The last lines of what was said, of all streams together."""
    last: deque[str] = deque(maxlen=max(lines, 0))
    rest = ""
    for record in found:
        *whole, rest = (rest + text(record)).split("\n")
        last.extend(line + "\n" for line in whole)
    if rest:
        last.append(rest)
    return "".join(last)


def text(record: Record) -> str:
    """What a console record says."""
    return str(record.data.get("text", ""))


def _of(found: Iterable[Record], stream: str | None) -> Iterator[Record]:
    return (record for record in found if stream is None or record.data.get("stream") == stream)


def _runs(repository: Repository, run: str) -> bool:
    repository.refresh()
    known = Register(repository.follower.database).run(run)
    return known is not None and outcome(repository, known) == RUNNING
