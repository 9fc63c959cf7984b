"""The audit trail: who changed what is said about artifacts and versions, from what to what; and whether it is whole.

The trail is the log itself. Each entry holds the digest of the one before, so nothing in it can be altered, left out or
put in without breaking the chain; the newest entry's digest vouches for all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from artcli.buckets.bucket import Missing
from artcli.catalog.log import GENESIS, SEGMENT, check_follows, damaged, damaged_segment
from artcli.catalog.repository import Repository
from artcli.progress import Progress, Silent


class Chain(NamedTuple):
    """A log whose chain holds."""

    entries: int
    facts: int
    digest: str
    """The digest of the newest entry, in hex; kept elsewhere, it proves later that this history was not rewritten."""


def verify_chain(repository: Repository, progress: Progress | None = None) -> Chain:
    """Read every entry and segment of the log and check its chain.

    Raises `IntegrityError` (`damaged-log`, `damaged-segment`, `damaged-fact`) at the first that is wrong.
    """
    progress = progress or Silent()
    log = repository.log
    total = repository.follower.head.n + 1
    progress.phase("checking the log", files=total)
    n, digest, facts = 0, GENESIS, 0
    before = digest
    while (entry := log.read(n)) is not None:
        check_follows(entry, digest)
        n, digest, facts = n + 1, entry.digest, facts + len(entry.facts)
        if n % SEGMENT == 0:
            _verify_segment(repository, n // SEGMENT - 1, before, digest)
            before = digest
        progress.advance(files=1)
    if n < total:
        raise damaged(n, "it is missing")
    return Chain(n, facts, digest)


def _verify_segment(repository: Repository, number: int, before: str, after: str) -> None:
    """The segment holds the very entries between these digests."""
    try:
        digest = before
        for entry in repository.log.segment(number):
            check_follows(entry, digest)
            digest = entry.digest
        if digest != after:
            raise damaged_segment(number, "it has other entries than the log")
    except Missing:
        pass  # segments save reads; the log is whole without them
