"""The log made whole: each lost entry taken from where it still is, proven by the chain.

    sources of an entry      its segment; a donor; the cache, which remembers facts; itself, if one bit is wrong
    what proves it           it follows the entry before, and the entry behind (or the mark) names its digest

An entry that nobody has is lost for good. Those behind it cannot follow it any more: they are moved away, and their
facts, byte for byte, are added anew. A log whose newest entries are lost for good is accepted as it is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path

from artcli.buckets.disk import DiskBucket
from artcli.catalog.following import Head
from artcli.catalog.log import ENTRY_SIZE, GENESIS, SEGMENT, Log, LogEntry, decode, encode, entry_key, segment_key
from artcli.catalog.repository import CONFIG, encode_config
from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.flows.careful import read
from artcli.flows.fsck.bits import BitSearch
from artcli.flows.fsck.cache_check import Remembered
from artcli.flows.fsck.donors import Giver, encoded, sealed
from artcli.flows.fsck.findings import Mended
from artcli.flows.fsck.log_check import LogState
from artcli.flows.fsck.lost_found import move_away


def repair_config(bucket: DiskBucket, place: str) -> Mended:
    """Make the config anew."""
    move_away(bucket, CONFIG)
    bucket.add(CONFIG, encode_config(place))
    return Mended("config", CONFIG, "made anew")


class LogRepair:
    """The repair of one log, whose `state` was examined just now."""

    def __init__(
        self, path: Path, bucket: DiskBucket, state: LogState, donors: Sequence[Giver], bits: BitSearch
    ) -> None:
        self.path = path
        self.bucket = bucket
        self.state = state
        self.place = state.place or ""
        self.donors = donors
        self.bits = bits
        self.remembered = Remembered(path)
        self.lost_in_between = False
        """An entry with others behind it is lost for good."""
        self.lost_at_end = False
        """The newest entries are lost for good."""

    def run(self) -> Iterator[Mended]:
        """Repair it; afterwards the chain holds from the first entry to the last."""
        state = self.state
        target = max(state.last, state.mark.n)
        if state.rolled_back and state.mark.n <= state.last:
            target = state.last  # another history than the one seen: nothing is missing from this one
        wanted = sorted({*state.bad, *range(state.last + 1, target + 1)})
        self.remembered.recall(wanted)
        for first, last in _runs(wanted):
            restored = yield from self._restore(first, last)
            if restored <= last:
                yield from self._go_on_without(restored)
                break
        if state.rolled_back or self.lost_in_between or self.lost_at_end:
            (self.path / "local" / "seen" / self.place).unlink(missing_ok=True)
            if state.rolled_back and not self.lost_at_end and state.mark.n <= state.last:
                yield Mended("log", entry_key(state.mark.n), "taken for the truth, though another log was seen", True)
        yield from self._segments()

    # --- entries that somebody has ---

    def _restore(self, first: int, last: int) -> Generator[Mended, None, int]:
        """Restore a run of lost entries, as far as that goes; returns the first that could not be (last + 1: none)."""
        found = self._proven(first, last, remembering=True)
        if len(found) < last - first + 1:
            found = self._proven(first, last, remembering=False)
        for n, (data, source) in enumerate(found, first):
            move_away(self.bucket, entry_key(n))
            self.bucket.add(entry_key(n), data)
            yield Mended("log", entry_key(n), source)
        return first + len(found)

    def _proven(self, first: int, last: int, *, remembering: bool) -> list[tuple[bytes, str]]:
        """Bytes of the entries from `first` on, each with its source, up to one that cannot be had.

        The cache has no checksums: what comes from it counts only if the chain in the end comes out right.
        """
        previous = self._digest(first - 1)
        found: list[tuple[bytes, str]] = []
        for n in range(first, last + 1):
            expected = self._expected(n)
            for data, source in self._candidates(n, previous, remembering):
                digest = self._follows(n, data, previous)
                if digest is not None and expected in (None, digest):
                    found.append((data, source))
                    previous = digest
                    break
            else:
                return [] if remembering else found
        if remembering and self._expected(last) is None:
            return []
        return found

    def _expected(self, n: int) -> str | None:
        known = self.state.expected.get(n)
        mark, head = self.state.mark, self.remembered.head
        if known is None and n == mark.n:
            return mark.digest
        if known is None and head is not None and n == head.n:
            return head.digest
        return known

    def _candidates(self, n: int, previous: str, remembering: bool) -> Iterator[tuple[bytes, str]]:
        for entry in sealed(self.bucket, n):
            if entry.n == n:
                yield encoded(entry), "taken from its segment"
        for donor in self.donors:
            if (data := donor.entry(n)) is not None:
                yield data, f"taken from {donor.name}"
        if corrected := self._corrected(n, previous):
            yield corrected, "its own bytes, of which one bit was wrong"
        if remembering and (lines := self.remembered.lines.get(n)):
            yield encode(n, previous, self.place, lines), "taken from the cache"

    def _corrected(self, n: int, previous: str) -> bytes | None:
        """The entry's own bytes, if turning one bit makes them an entry that follows."""
        try:
            data = read(self.bucket, entry_key(n), 0, ENTRY_SIZE + 1)
        except IntegrityError:
            return None
        return self.bits.search(data, lambda changed: self._follows(n, bytes(changed), previous) is not None)

    def _follows(self, n: int, data: bytes, previous: str) -> str | None:
        """The digest of an entry of this log that follows the one before it; None if it is not that."""
        try:
            entry = decode(n, data)
        except IntegrityError:
            return None
        return entry.digest if (entry.place, entry.previous) == (self.place, previous) else None

    def _digest(self, n: int) -> str:
        return digest_of(self.bucket.get(entry_key(n))).hex() if n >= 0 else GENESIS

    # --- entries that nobody has ---

    def _go_on_without(self, lost: int) -> Iterator[Mended]:
        """Entry `lost` cannot be had: add what stands behind it anew, if anything does."""
        state = self.state
        head = Head(lost - 1, self._digest(lost - 1))
        log = Log(self.bucket, self.place)
        gone, again = 0, 0
        for n in range(lost, state.last + 1):
            entry = self._old_entry(n)
            if entry is None:
                move_away(self.bucket, entry_key(n))
                gone += 1
                continue
            if head.n + 1 == n:
                move_away(self.bucket, entry_key(n))
            # an earlier repair that was cut off may have added them already: a fold takes each fact once
            added = log.append(head.n + 1, head.digest, entry.facts)
            assert added is not None, "the lock is held"
            head = Head(added.n, added.digest)
            again += 1
            if head.n < n:
                move_away(self.bucket, entry_key(n))
        for number in state.segments:
            if number >= lost // SEGMENT:
                move_away(self.bucket, segment_key(number))
        yield self._statement(lost, gone, again)

    def _statement(self, lost: int, gone: int, again: int) -> Mended:
        state = self.state
        names = [version.ref for n in sorted(state.holes) for version in self.remembered.versions.get(n, [])]
        which = f" (with {', '.join(names)})" if names else ""
        if again:
            self.lost_in_between = True
            what = (
                f"{gone} entries of the log are lost for good{which}; the {again} behind were added anew. Versions that"
                " came with what is lost are gone, and later ones of the same names may have other numbers"
            )
        else:
            self.lost_at_end = True
            end = max(state.last, state.mark.n)
            what = f"entries {lost} to {end} of the log are lost for good{which}, and what they said never happened"
        return Mended("log", entry_key(lost), what, lost=True)

    def _old_entry(self, n: int) -> LogEntry | None:
        try:
            found = [read(self.bucket, entry_key(n), 0, ENTRY_SIZE + 1)]
        except IntegrityError:
            found = []
        for data in chain(found, (data for data, _ in self._candidates(n, "", False))):
            try:
                entry = decode(n, data)
            except IntegrityError:
                continue
            if entry.place == self.place and self.state.expected.get(n) in (None, entry.digest):
                return entry
        return None

    # --- segments ---

    def _segments(self) -> Iterator[Mended]:
        for number in self.state.bad_segments:
            if move_away(self.bucket, segment_key(number)):
                yield Mended("segment", segment_key(number), "moved away")
        log = Log(self.bucket, self.place)
        number = 0
        while (self.path / entry_key((number + 1) * SEGMENT - 1)).is_file():
            key = segment_key(number)
            if not (self.path / key).exists() and log.seal(number):
                yield Mended("segment", key, "made anew")
            number += 1


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers that follow each other, as (first, last)."""
    runs: list[tuple[int, int]] = []
    for n in numbers:
        if runs and runs[-1][1] == n - 1:
            runs[-1] = (runs[-1][0], n)
        else:
            runs.append((n, n))
    return runs
