"""The log from its files: every entry, its chain, its segments, and how far it was once seen.

    for each number up to the last that is listed or in a segment
        the file's entry: whole, of this place, following the entry before it
        the segment's entry, where there is a segment: the same
    the high-water mark: an entry that the log has

An entry that is lost is taken from its segment for what comes after; without that the fold goes on behind the hole.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from artcli.buckets.bucket import Bucket
from artcli.catalog.fold import Fold
from artcli.catalog.following import START, Head
from artcli.catalog.log import ENTRY_SIZE, GENESIS, SEGMENT, Log, LogEntry, decode, entry_key, segment_key
from artcli.errors import IntegrityError
from artcli.flows.careful import read
from artcli.flows.fsck.findings import Finding

ENTRY = re.compile(r"log/(\d{7})/(\d{10})")
PLACE = re.compile("[0-9a-f]{32}")
SEGMENT_FILE = re.compile(r"segments/(\d{10})")


class LogState:
    """What is known of a log."""

    def __init__(self, bucket: Bucket, place: str | None, mark: Head) -> None:
        self.bucket = bucket
        self.place = place
        """None while the config is lost and no entry has told it."""
        self.mark = mark
        self.last = -1
        """The last entry that should be there, by what is on the disk."""
        self.entries = 0
        """Entries that are there and sound."""
        self.head: Head | None = START
        """The last entry and its digest, None if it is lost."""
        self.bad: dict[int, IntegrityError] = {}
        """Entries that are damaged or missing."""
        self.expected: dict[int, str] = {}
        """Digests of these, where the entry behind or the mark tells."""
        self.holes: list[int] = []
        """Those of them that nothing here can tell."""
        self.segments: set[int] = set()
        """Segments that are there."""
        self.bad_segments: dict[int, IntegrityError] = {}
        self.rolled_back: str | None = None
        """Why this is not the log that was once seen, if it is not."""

    @property
    def log(self) -> Log:
        return Log(self.bucket, self.place or "")

    def findings(self) -> Iterator[Finding]:
        """Its damage."""
        for n, error in sorted(self.bad.items()):
            yield Finding("log", entry_key(n), error.slug, error.message)
        for number, error in sorted(self.bad_segments.items()):
            yield Finding("segment", segment_key(number), error.slug, error.message)
        if self.rolled_back:
            yield Finding("log", entry_key(self.mark.n), "log-rolled-back", self.rolled_back)


def read_mark(path: Path, place: str | None) -> Head:
    """How far this machine has seen the log of the repository `path`."""
    try:
        found = json.loads((path / "local" / "seen" / (place or "")).read_bytes())
        return Head(int(found["n"]), str(found["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return START


def place_by_mark(path: Path) -> str | None:
    """The id of the place whose mark is here, if there is one mark: for when config and log tell nothing."""
    try:
        names = [name for name in os.listdir(path / "local" / "seen") if PLACE.fullmatch(name)]
    except OSError:
        return None  # this machine has not used the repository yet
    return names[0] if len(names) == 1 else None


def examine_log(path: Path, bucket: Bucket, place: str | None, fold: Fold, mark: Head | None = None) -> LogState:
    """Read the whole log and let `fold` follow it; `mark`: how far it was seen, if that is not in `path`.

    Raises `IntegrityError` `newer-format`.
    """
    state = LogState(bucket, place, mark or read_mark(path, place))
    listed = (int(match[2]) for item in bucket.list("log/") if (match := ENTRY.fullmatch(item.key)))
    last = max(listed, default=-1)
    state.segments = {int(match[1]) for item in bucket.list("segments/") if (match := SEGMENT_FILE.fullmatch(item.key))}
    fold.database.execute("BEGIN")
    try:
        _Reading(path, state, fold).run(last)
    finally:
        fold.database.execute("COMMIT")
    return state


class _Reading:
    """One reading of the log, from the first entry to the last."""

    def __init__(self, path: Path, state: LogState, fold: Fold) -> None:
        self.path = path
        self.state = state
        self.fold = fold
        self.digest: str | None = GENESIS  # of the entry before; None behind a hole
        self.sealed: Iterator[LogEntry] = iter(())

    def run(self, last_listed: int) -> None:
        state = self.state
        n = 0
        while n <= last_listed or n in self._sealed_numbers():
            state.last = n
            if n % SEGMENT == 0:
                self.sealed = self._segment(n // SEGMENT)
            self._entry(n)
            n += 1
        if state.place is None:
            state.place = place_by_mark(self.path)
            state.mark = read_mark(self.path, state.place)
        self._judge_mark()

    def _sealed_numbers(self) -> range:
        """Numbers up to the end of the last segment that is sound so far."""
        there = self.state.segments - set(self.state.bad_segments)
        return range((max(there, default=-1) + 1) * SEGMENT)

    def _entry(self, n: int) -> None:
        state = self.state
        copy = next(self.sealed, None)
        entry = self._file(n)
        if isinstance(entry, IntegrityError):
            state.bad[n] = entry
        elif self.digest not in (None, entry.previous):
            state.bad[n] = IntegrityError("damaged-log", f"log entry {n} does not follow the entry before it")
        elif copy is not None and copy.digest != entry.digest:
            self._distrust(n // SEGMENT, f"it holds another entry {n}")
        if n in state.bad and copy is not None and self.digest in (None, copy.previous):
            entry = copy
        if isinstance(entry, IntegrityError):
            state.holes.append(n)
            state.head = self.digest = None
            return
        state.entries += n not in state.bad
        if n - 1 in state.bad:
            state.expected[n - 1] = entry.previous
        state.head, self.digest = Head(n, entry.digest), entry.digest
        if n == state.mark.n and entry.digest != state.mark.digest:
            state.rolled_back = f"entry {n} of the log is not the one that this machine has seen"
        self.fold.follow([entry])

    def _file(self, n: int) -> LogEntry | IntegrityError:
        state = self.state
        try:
            entry = decode(n, read(state.bucket, entry_key(n), 0, ENTRY_SIZE + 1))
        except IntegrityError as error:
            if error.slug == "newer-format":
                raise
            return error
        if state.place is None:
            state.place = entry.place  # the config is lost: the first entry tells
            state.mark = read_mark(self.path, entry.place)
        if entry.place != state.place:
            return IntegrityError("damaged-log", f"log entry {n} belongs to another repository")
        return entry

    def _segment(self, number: int) -> Iterator[LogEntry]:
        if number not in self.state.segments:
            return
        try:
            read(self.state.bucket, segment_key(number), 0, 1)
            for entry in Log(self.state.bucket, "").segment(number):
                if self.state.place not in (None, entry.place):
                    return self._distrust(number, "it belongs to another repository")
                yield entry
        except IntegrityError as error:
            self.state.bad_segments[number] = error

    def _distrust(self, number: int, why: str) -> None:
        error = IntegrityError("damaged-segment", f"segment {number} of the log is damaged: {why}")
        self.state.bad_segments[number] = error
        self.sealed = iter(())

    def _judge_mark(self) -> None:
        state = self.state
        if state.mark.n in state.bad:
            state.expected.setdefault(state.mark.n, state.mark.digest)
        if state.mark.n > state.last:
            state.rolled_back = (
                f"the log ends at entry {state.last}, and this machine has seen it reach entry {state.mark.n}"
            )
