"""The log: numbered entries, each a batch of facts, chained by digests. Adding entry n is the only commit there is.

Whoever adds `log/<n // 1000>/<n>` first has won n; the others read it and try n + 1. An entry holds the digest of the one
before, so a log can only grow; it carries a checksum bound to its own key, so that swapping two entries is damage. Every
thousand entries are also kept together in a segment, so that a new reader needs few reads.

    entry   = header line, fact lines…, checksum line        each ends with a newline
    header  = {"format":1,"place":…,"n":…,"previous":<64 hex of entry n−1, 64 zeros for 0>}
    checksum = {"checksum":<64 hex: BLAKE3 of key, NUL, all lines before>}
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from artcli.buckets.bucket import Bucket, Missing
from artcli.catalog import facts
from artcli.catalog.facts import Fact
from artcli.content import bound_digest, digest_of
from artcli.errors import ConflictError, IntegrityError

FORMAT = 1
SEGMENT = 1000
"""Entries in a segment."""
ENTRY_SIZE = 1 << 20
"""Bytes of the longest entry."""
GENESIS = "0" * 64
"""What entry 0 has for `previous`."""


class LogEntry(NamedTuple):
    n: int
    digest: str
    """64 hex digits: the BLAKE3 of the entry's bytes; entry n + 1 holds it."""
    previous: str
    place: str
    facts: tuple[Fact, ...]


def entry_key(n: int) -> str:
    return f"log/{n // SEGMENT:07d}/{n:010d}"


def segment_key(number: int) -> str:
    return f"segments/{number:010d}"


def encode(n: int, previous: str, place: str, lines: Sequence[bytes]) -> bytes:
    """The bytes of an entry; raises `ConflictError` (`batch-too-large`) beyond `ENTRY_SIZE`."""
    header = json.dumps({"format": FORMAT, "place": place, "n": n, "previous": previous}, separators=(",", ":"))
    body = b"\n".join([header.encode(), *lines, b""])
    checksum = bound_digest(entry_key(n), body).hex()
    data = body + b'{"checksum":"' + checksum.encode() + b'"}\n'
    if len(data) > ENTRY_SIZE:
        raise ConflictError("batch-too-large", f"a log entry of {len(data)} bytes is over {ENTRY_SIZE}")
    return data


def decode(n: int, data: bytes) -> LogEntry:
    """Read and check an entry's bytes; raises `IntegrityError` (`damaged-log`, `newer-format`)."""
    body, _, last = data.rstrip(b"\n").rpartition(b"\n")
    body += b"\n"
    try:
        if len(data) > ENTRY_SIZE or not data.endswith(b"}\n"):
            raise ValueError("truncated or too long")
        if json.loads(last) != {"checksum": bound_digest(entry_key(n), body).hex()}:
            raise ValueError("checksum does not match")
        first, *lines = body[:-1].split(b"\n")
        header = json.loads(first)
        if header["format"] != FORMAT:
            raise newer_format(header["format"])
        if header["n"] != n:
            raise ValueError(f"says it is entry {header['n']}")
        previous, place = str(header["previous"]), str(header["place"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(n, str(error)) from error
    return LogEntry(n, digest_of(data).hex(), previous, place, tuple(facts.parse(line) for line in lines))


class Log:
    """The log in one bucket. It keeps nothing in memory: the fold does."""

    def __init__(self, bucket: Bucket, place: str) -> None:
        self.bucket = bucket
        self.place = place

    def read(self, n: int) -> LogEntry | None:
        """Entry `n`, or None if the log ends before it."""
        try:
            return decode(n, self.bucket.get(entry_key(n), 0, ENTRY_SIZE + 1))
        except Missing:
            return None

    def after(self, n: int, digest: str) -> Iterator[LogEntry]:
        """The entries that follow entry `n` (−1: all), whose digest is `digest`; whole segments are read at once.

        Raises `IntegrityError` (`damaged-log`) where the chain breaks.
        """
        while True:
            batch = self._segment((n + 1) // SEGMENT) if (n + 1) % SEGMENT == 0 else ()
            if not batch:
                entry = self.read(n + 1)
                if entry is None:
                    return
                batch = (entry,)
            for entry in batch:
                if entry.previous != digest:
                    raise _damaged(entry.n, "it does not follow the entry before it")
                yield entry
                n, digest = entry.n, entry.digest

    def append(self, n: int, previous: str, made: Sequence[Fact]) -> LogEntry | None:
        """Try to commit facts as entry `n` after the entry of digest `previous`; None if somebody else has won `n`.

        "Already there" may be our own entry whose success was not heard: the bytes decide.
        """
        data = encode(n, previous, self.place, [fact.line for fact in made])
        if not self.bucket.add(entry_key(n), data) and self.bucket.get(entry_key(n)) != data:
            return None
        if n % SEGMENT == SEGMENT - 1:
            self.seal(n // SEGMENT)
        return LogEntry(n, digest_of(data).hex(), previous, self.place, tuple(made))

    def seal(self, number: int) -> None:
        """Write segment `number`, all of whose entries must be there; if it exists already, nothing happens."""
        import zstandard

        parts = []
        for n in range(number * SEGMENT, (number + 1) * SEGMENT):
            data = self.bucket.get(entry_key(n))
            parts += [struct.pack("<I", len(data)), data]
        self.bucket.add(segment_key(number), zstandard.ZstdCompressor(level=3).compress(b"".join(parts)))

    def _segment(self, number: int) -> tuple[LogEntry, ...]:
        """The entries of a segment; empty if there is none, or if it is damaged: the entries themselves decide then."""
        try:
            return self.segment(number)
        except (Missing, IntegrityError):
            return ()

    def segment(self, number: int) -> tuple[LogEntry, ...]:
        """The entries of segment `number`; raises `Missing`, or `IntegrityError` (`damaged-segment`)."""
        import zstandard

        data = self.bucket.get(segment_key(number))
        try:
            reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(data)
            entries = []
            for n in range(number * SEGMENT, (number + 1) * SEGMENT):
                (size,) = struct.unpack("<I", reader.read(4))
                if size > ENTRY_SIZE:
                    raise ValueError("an entry is too long")
                entries.append(decode(n, reader.read(size)))
            if reader.read(1):
                raise ValueError("it has a tail")
        except (ValueError, struct.error, zstandard.ZstdError, IntegrityError) as error:
            raise IntegrityError("damaged-segment", f"segment {number} of the log is damaged: {error}") from error
        return tuple(entries)


def newer_format(found: object) -> IntegrityError:
    return IntegrityError(
        "newer-format",
        f"this repository has format {found}, and this art knows format {FORMAT}",
        hint="pipx upgrade artcli",
    )


def _damaged(n: int, why: str) -> IntegrityError:
    return IntegrityError("damaged-log", f"log entry {n} is damaged: {why}", hint="art fsck")
