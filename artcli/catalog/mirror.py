"""The mirror of another place's log: its entries, byte for byte, on this machine.

A log only grows and its entries are chained, so a mirror is brought up to date by asking for the entry after the last
one it has: one question where there is no news. Where there are some, more of them are asked for together. Whole
segments come at once; of those the mirror keeps the segment and its last entry, which is enough for `Log.after`. What
does not follow what is here already is not taken.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from artcli.buckets.bucket import Piece, get_many
from artcli.buckets.disk import DiskBucket
from artcli.catalog.following import START, Head
from artcli.catalog.log import (
    ENTRY_SIZE,
    SEGMENT,
    SEGMENT_SIZE,
    Log,
    LogEntry,
    check_follows,
    damaged,
    decode,
    decode_segment,
    entry_key,
    segment_key,
)
from artcli.errors import ConflictError, IntegrityError
from artcli.threads import ahead

WIDTH = 1024
"""Entries that are asked for together, once there were as many: a push is one, a clone of a young place is hundreds."""
SHORT = 64 * 1024
"""Bytes that are asked for of each; what is longer is asked for again, as a whole,"""
MOST_LONG = 64
"""so many of them together."""
WRITERS = 8
"""Threads that write entries: each waits for the disk."""


def mirror_of(path: Path, place: str) -> Log:
    """The mirror of this place's log in the repository whose `.art` folder is `path`."""
    return Log(DiskBucket(folder_of(path, place), create=True), place)


def is_mirrored(path: Path, place: str) -> bool:
    """Whether anything of this place was ever fetched."""
    return folder_of(path, place).is_dir()


def folder_of(path: Path, place: str) -> Path:
    """Where the repository with the `.art` folder `path` keeps what it has of this place."""
    return path / "mirrors" / place


def cache_of(path: Path, place: str) -> Path:
    """Where that repository keeps the fold of the mirror."""
    return path / "cache" / f"place-{place}.db"


def fetch(remote: Log, mirror: Log, head: Head) -> Head:
    """Copy what the log `remote` has after `head`, the last entry of `mirror`; returns what is the last one now.

    Raises `IntegrityError` (`damaged-log`) at an entry that is damaged, of another place, or does not follow the one
    before; what came before it is kept.
    """
    width = 1
    while True:
        n = head.n + 1
        width = min(width, SEGMENT - n % SEGMENT) if n % SEGMENT else 1
        found = _ask(remote, range(n, n + width))
        if found[0] is None:
            return head
        before = head
        if n % SEGMENT == 0:
            head = _segments(remote, mirror, head)
        if head == before:
            head = _entries(remote, mirror, head, found)
            if None in found:
                return head
            width = min(4 * width, WIDTH)


def _ask(remote: Log, numbers: Sequence[int]) -> list[bytes | None]:
    """The entries of these numbers, None where there is none; not all of them where too many are long."""
    keys = [entry_key(n) for n in numbers]
    found = get_many(remote.bucket, [Piece(key, 0, SHORT) for key in keys])
    long = [at for at, data in enumerate(found) if data is not None and len(data) == SHORT]
    asked = long[:MOST_LONG]
    whole = get_many(remote.bucket, [Piece(keys[at], 0, ENTRY_SIZE + 1) for at in asked]) if asked else []
    for at, data in zip(asked, whole, strict=True):
        found[at] = data
    return found[: long[MOST_LONG]] if len(long) > MOST_LONG else found


def has_news(remote: Log, head: Head) -> bool:
    """Whether `remote` goes on after `head`, its last entry here: one question.

    Raises `ConflictError` (`remote-rolled-back`) if it does not even reach that far.
    """
    numbers = [n for n in (head.n, head.n + 1) if n >= 0]
    found = get_many(remote.bucket, [Piece(entry_key(n), 0, 1) for n in numbers])
    if head.n >= 0 and found[0] is None:
        raise _rolled_back(head)
    return found[-1] is not None


def check_reaches(remote: Log, head: Head) -> None:
    """Raise `ConflictError` (`remote-rolled-back`) unless `remote` still has the entry that was its last one here."""
    if head.n < 0:
        return
    entry = remote.read(head.n)
    if entry is None or entry.digest != head.digest:
        raise _rolled_back(head)


def _rolled_back(head: Head) -> ConflictError:
    return ConflictError(
        "remote-rolled-back",
        f"the log of the remote no longer has entry {head.n} as it was seen here",
        facts=["an old copy of it was put in place, or files were deleted there"],
        hint="art help remote-rolled-back",
    )


def check_ends(remote: Log, head: Head) -> None:
    """Raise `IntegrityError` (`damaged-log`) if `remote`, of which `head` seems to be the last entry, goes on behind a
    hole.
    """
    try:
        later = next(iter(remote.bucket.list("log/", entry_key(head.n + 1))), None)
    except ConflictError as error:
        if error.slug != "not-listed":
            raise
        return  # a plain web server
    if later is not None and remote.read(head.n + 1) is None:
        raise damaged(head.n + 1, f"it is missing, and later ones are there: {later.key}")


def fetch_anew(remote: Log, path: Path) -> Log:
    """Copy the whole log `remote` to a place beside the mirror that the repository with the `.art` folder `path` has.

    `replace` gives it the mirror's place. Raises as `fetch`.
    """
    fresh = _fresh(path, remote.place)
    shutil.rmtree(fresh, ignore_errors=True)
    found = Log(DiskBucket(fresh, create=True), remote.place)
    fetch(remote, found, START)
    return found


def replace(path: Path, place: str) -> None:
    """Let what `fetch_anew` brought be the mirror; the old one is in `lost+found` then.

    Whoever has the old one open must open it anew.
    """
    old = folder_of(path, place)
    kept = path / "lost+found" / "mirrors"
    kept.mkdir(parents=True, exist_ok=True)
    number = next(number for number in count(1) if not (kept / f"{place}.{number}").exists())
    os.rename(old, kept / f"{place}.{number}")
    os.rename(_fresh(path, place), old)


def forget(path: Path, place: str) -> None:
    """Remove all that the repository with the `.art` folder `path` has of a place that is no remote any more."""
    for folder in (folder_of(path, place), path / "cache" / f"place-{place}"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in [path / "local" / "seen" / f"{place}.mirror", *(path / "cache").glob(f"place-{place}*.*")]:
        file.unlink(missing_ok=True)


def _fresh(path: Path, place: str) -> Path:
    return path / "mirrors" / f"{place}.fresh"


def _entries(remote: Log, mirror: Log, head: Head, found: Iterable[bytes | None]) -> Head:
    """Keep the entries that follow `head`, up to the first that is not there."""
    sound: list[tuple[int, bytes]] = []
    try:
        for data in found:
            if data is None:
                break
            entry = decode(head.n + 1, data)
            _check(remote, entry, head)
            head = Head(entry.n, entry.digest)
            sound.append((entry.n, data))
    finally:
        for n, kept in zip(sound, ahead(lambda item: mirror.add(*item), sound, workers=WRITERS), strict=True):
            if not kept:
                raise damaged(n[0], "the mirror has another one")
    return head


def _check(remote: Log, entry: LogEntry, head: Head) -> None:
    if entry.place != remote.place:
        raise damaged(entry.n, f"it belongs to another place, {entry.place}")
    check_follows(entry, head.digest)


def _segments(remote: Log, mirror: Log, head: Head) -> Head:
    """Copy the segments that begin after `head`, as far as they are there and to be believed."""
    first = (head.n + 1) // SEGMENT
    listed = _listed(remote, first)
    for numbers in _together(first, listed):
        pieces = []
        for number in numbers:
            pieces.append(Piece(segment_key(number), 0, listed[segment_key(number)]))
            pieces.append(Piece(entry_key(number * SEGMENT + SEGMENT - 1), 0, ENTRY_SIZE + 1))
        found = iter(get_many(remote.bucket, pieces))
        for number in numbers:
            reached = _segment(remote, mirror, head, number, next(found), next(found))
            if reached is None:
                return head
            head = reached
    return head


def _listed(remote: Log, first: int) -> dict[str, int]:
    """Segments from number `first` on, by their keys, and their sizes."""
    after = segment_key(first - 1) if first else ""
    try:
        return {item.key: item.size for item in remote.bucket.list("segments/", after) if item.size <= SEGMENT_SIZE}
    except ConflictError as error:
        if error.slug != "not-listed":
            raise
        return {segment_key(first): SEGMENT_SIZE}  # a plain web server: perhaps there is one


def _together(first: int, listed: Mapping[str, int]) -> Iterator[list[int]]:
    """The numbers of segments from `first` on without a gap, so many at a time as memory can hold."""
    numbers: list[int] = []
    size = 0
    for number in count(first):
        more = listed.get(segment_key(number))
        if numbers and (more is None or size + more > SEGMENT_SIZE):
            yield numbers
            numbers, size = [], 0
        if more is None:
            return
        numbers.append(number)
        size += more


def _segment(remote: Log, mirror: Log, head: Head, number: int, data: bytes | None, last: bytes | None) -> Head | None:
    """Keep a segment, and the entry that is its last; None if it is not to be believed."""
    if data is None or last is None:
        return None
    try:
        for entry in decode_segment(number, data):
            _check(remote, entry, head)
            head = Head(entry.n, entry.digest)
        if decode(head.n, last).digest != head.digest:
            return None
    except IntegrityError:
        return None  # the entries themselves decide
    mirror.bucket.add(segment_key(number), data)
    mirror.bucket.add(entry_key(head.n), last)
    return head
