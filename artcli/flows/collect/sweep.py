"""Dust: what commands that were killed have left, and what nothing names. Taking it needs no writing.

With the lock held alone no pack is on its way into the log, so a pack or an index that no live index or fact names will
never be named.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.buckets.exclusive import LOCK
from artcli.buckets.scratch import TEMPORARY
from artcli.content import Digest

PACK = re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{62})")
INDEX = re.compile(r"index/([0-9a-f]{64})")

TEMPORARY_AGE = 60.0
"""Seconds that a temporary file must have lain untouched, for file systems where the owner's lock cannot be seen."""


MARGIN = 256 * 1024
"""Bytes left free on the disk."""


class Found(NamedTuple):
    """Packs or indexes that are there, by name: size in bytes and time of writing."""

    packs: dict[Digest, tuple[int, float]]
    indexes: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(size for size, _ in self.packs.values()) + sum(self.indexes.values())


def look(bucket: Bucket) -> Found:
    """What packs and indexes there are; what is named otherwise is none of ours and left alone."""
    packs = {
        bytes.fromhex(match[2]): (item.size, item.time)
        for item in bucket.list("packs/")
        if (match := PACK.fullmatch(item.key))
    }
    indexes = {match[1]: item.size for item in bucket.list("index/") if (match := INDEX.fullmatch(item.key))}
    return Found(packs, indexes)


def dust(found: Found, live_packs: Set[Digest], live_indexes: Set[str]) -> Found:
    """Those of `found` that nothing names."""
    return Found(
        {pack: item for pack, item in found.packs.items() if pack not in live_packs},
        {name: size for name, size in found.indexes.items() if name not in live_indexes},
    )


def room(bucket: Bucket, found: Found) -> float:
    """Bytes that new packs may take: what is free on the disk, less what new indexes and log entries will need."""
    if not isinstance(bucket, DiskBucket):
        return math.inf
    status = os.statvfs(bucket.root)
    return status.f_bavail * status.f_frsize - sum(found.indexes.values()) - MARGIN


def temporary_size(bucket: Bucket) -> tuple[int, int]:
    """(files, bytes) in the folder for temporary files."""
    if not isinstance(bucket, DiskBucket):
        return 0, 0
    return _measure(bucket.root / TEMPORARY)


def sweep_temporary(bucket: Bucket) -> tuple[int, int]:
    """Remove what killed writers have left there; returns (files, bytes)."""
    if not isinstance(bucket, DiskBucket):
        return 0, 0
    files, size = temporary_size(bucket)
    bucket.sweep_temporary(TEMPORARY_AGE)
    files_after, size_after = temporary_size(bucket)
    return max(0, files - files_after), max(0, size - size_after)


def _measure(folder: Path) -> tuple[int, int]:
    try:
        with os.scandir(folder) as entries:
            sizes = [
                entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if entry.is_file(follow_symlinks=False) and entry.name != LOCK
            ]
    except FileNotFoundError:
        return 0, 0
    return len(sizes), sum(sizes)
