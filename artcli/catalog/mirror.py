"""The mirror of another place's log: its entries, byte for byte, on this machine.

A log only grows and its entries are chained, so a mirror is brought up to date by asking for the entry after the last
one it has: one question where there is no news. Whole segments come at once; of those the mirror keeps the segment and
its last entry, which is enough for `Log.after`. What does not follow what is here already is not taken.
"""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

from artcli.buckets.bucket import Missing
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


def mirror_of(path: Path, place: str) -> Log:
    """The mirror of this place's log in the repository whose `.art` folder is `path`."""
    return Log(DiskBucket(_folder(path, place), create=True), place)


def is_mirrored(path: Path, place: str) -> bool:
    """Whether anything of this place was ever fetched."""
    return _folder(path, place).is_dir()


def _folder(path: Path, place: str) -> Path:
    return path / "mirrors" / place


def fetch(remote: Log, mirror: Log, head: Head) -> Head:
    """Copy what the log `remote` has after `head`, the last entry of `mirror`; returns what is the last one now.

    Raises `IntegrityError` (`damaged-log`) at an entry that is damaged, of another place, or does not follow the one
    before; what came before it is kept.
    """
    while True:
        found = _entry(remote, head)
        if found is None:
            return head
        entry, data = found
        head = (_segment(remote, mirror, head) if entry.n % SEGMENT == 0 else None) or _keep(mirror, entry, data)


def check_reaches(remote: Log, head: Head) -> None:
    """Raise `ConflictError` (`remote-rolled-back`) unless `remote` still has the entry that was its last one here."""
    if head.n < 0:
        return
    entry = remote.read(head.n)
    if entry is None or entry.digest != head.digest:
        raise ConflictError(
            "remote-rolled-back",
            f"the log of the remote no longer has entry {head.n} as it was seen here",
            facts=["an old copy of it was put in place, or files were deleted there"],
            hint="art help remote-rolled-back",
        )


def fetch_anew(remote: Log, path: Path) -> Log:
    """Copy the whole log `remote` to a place beside the mirror that the repository with the `.art` folder `path` has.

    `replace` gives it the mirror's place. Raises as `fetch`.
    """
    fresh = _fresh(path, remote.place)
    shutil.rmtree(fresh, ignore_errors=True)
    found = Log(DiskBucket(fresh, create=True), remote.place)
    fetch(remote, found, START)
    return found


def replace(path: Path, place: str) -> Log:
    """Let what `fetch_anew` brought be the mirror; returns the old one, which is in `lost+found` now.

    Whoever has the old one open must open it anew.
    """
    old = _folder(path, place)
    kept = path / "lost+found" / "mirrors"
    kept.mkdir(parents=True, exist_ok=True)
    number = next(number for number in count(1) if not (kept / f"{place}.{number}").exists())
    os.rename(old, kept / f"{place}.{number}")
    os.rename(_fresh(path, place), old)
    return Log(DiskBucket(kept / f"{place}.{number}"), place)


def _fresh(path: Path, place: str) -> Path:
    return path / "mirrors" / f"{place}.fresh"


def _entry(remote: Log, head: Head) -> tuple[LogEntry, bytes] | None:
    n = head.n + 1
    try:
        data = remote.bucket.get(entry_key(n), 0, ENTRY_SIZE + 1)
    except Missing:
        return None
    entry = decode(n, data)
    _check(remote, entry, head)
    return entry, data


def _check(remote: Log, entry: LogEntry, head: Head) -> None:
    if entry.place != remote.place:
        raise damaged(entry.n, f"it belongs to another place, {entry.place}")
    check_follows(entry, head.digest)


def _keep(mirror: Log, entry: LogEntry, data: bytes) -> Head:
    if not mirror.add(entry.n, data):
        raise damaged(entry.n, "the mirror has another one")
    return Head(entry.n, entry.digest)


def _segment(remote: Log, mirror: Log, head: Head) -> Head | None:
    """Copy the segment that begins after `head`; None if there is none, or it is not to be believed."""
    number = (head.n + 1) // SEGMENT
    try:
        data = remote.bucket.get(segment_key(number), 0, SEGMENT_SIZE + 1)
        for entry in decode_segment(number, data):
            _check(remote, entry, head)
            head = Head(entry.n, entry.digest)
        last = remote.bucket.get(entry_key(head.n), 0, ENTRY_SIZE + 1)
        if decode(head.n, last).digest != head.digest:
            return None
    except (Missing, IntegrityError):
        return None  # the entries themselves decide
    mirror.bucket.add(segment_key(number), data)
    mirror.bucket.add(entry_key(head.n), last)
    return head
