"""The log: numbered entries, each a batch of facts, chained by digests. Adding entry n is the only commit there is.

Whoever adds `log/<n // 1000>/<n>` first has won n; the others read it and try n + 1. An entry holds the digest of the
one before, so a log can only grow; it carries a checksum bound to its own key, so that swapping two entries is damage.
Every thousand entries are also kept together in a segment, so that a new reader needs few reads.

    entry    = header line, fact lines…, checksum line        each ends with a newline
    header   = {"format":1,"place":…,"n":…,"previous":<64 hex of entry n−1, 64 zeros for 0>}
    checksum = {"checksum":<64 hex: BLAKE3 of key, NUL, all lines before>}
    segment  = zstd frame of 1,000 × (u32 length, entry), then 32 bytes: BLAKE3 of key, NUL, the frame
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from artcli.buckets.bucket import Bucket, Missing
from artcli.catalog import facts
from artcli.catalog.facts import Fact
from artcli.content import DIGEST_SIZE, bound_digest, digest_of
from artcli.errors import ArtError, ConflictError, IntegrityError, NetworkError

FORMAT = 1
SEGMENT = 1000
"""Entries in a segment."""
ENTRY_SIZE = 1 << 20
"""Bytes of the longest entry."""
SEGMENT_SIZE = 64 << 20
"""Bytes of the largest segment; where a thousand entries take more, they have none."""
GENESIS = "0" * 64
"""What entry 0 has for `previous`."""
PATIENCE = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 30)
"""Seconds between tries to read an entry that is there and not yet to be seen (NFS, some object stores)."""


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
    data = body + _checksum(n, body)
    if len(data) > ENTRY_SIZE:
        raise ConflictError(
            "batch-too-large", f"a log entry of {len(data)} bytes is over {ENTRY_SIZE}", hint="art help batch-too-large"
        )
    return data


def decode(n: int, data: bytes) -> LogEntry:
    """Read and check an entry's bytes; raises `IntegrityError` (`damaged-log`, `damaged-fact`, `newer-format`)."""
    body, newline, last = data[:-1].rpartition(b"\n")
    body += newline
    try:
        if len(data) > ENTRY_SIZE:
            raise ValueError("it is too long")
        if last + data[-1:] != _checksum(n, body):
            raise ValueError("its checksum does not match")
        first, *lines = body[:-1].split(b"\n")
        header = json.loads(first)
        if header["format"] != FORMAT:
            raise newer_format(header["format"])
        if header["n"] != n:
            raise ValueError(f"it says that it is entry {header['n']}")
        previous, place = str(header["previous"]), str(header["place"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(n, str(error)) from error
    return LogEntry(n, digest_of(data).hex(), previous, place, tuple(facts.parse(line) for line in lines))


def _checksum(n: int, body: bytes) -> bytes:
    return b'{"checksum":"' + bound_digest(entry_key(n), body).hex().encode() + b'"}\n'


class Log:
    """The log in one bucket. It keeps nothing in memory: the fold does."""

    def __init__(self, bucket: Bucket, place: str, mirror: Bucket | None = None) -> None:
        """`mirror`: has the entries too, as far as they were fetched, and is nearer."""
        self.bucket = bucket
        self.place = place
        self._mirror = mirror

    def read(self, n: int) -> LogEntry | None:
        """Entry `n`, or None if the log ends before it; raises `IntegrityError` (`damaged-log`)."""
        try:
            entry = decode(n, self.bucket.get(entry_key(n), 0, ENTRY_SIZE + 1))
        except Missing:
            return None
        if entry.place != self.place:
            raise damaged(n, f"it belongs to another place, {entry.place}")
        return entry

    def after(self, n: int, digest: str) -> Iterator[LogEntry]:
        """The entries that follow entry `n` (−1: all), whose digest is `digest`; whole segments are read at once.

        A damaged entry is taken from its segment, and a damaged segment is passed over for its entries.
        Raises `IntegrityError` (`damaged-log`) where neither has it, or the chain breaks.
        """
        while True:
            batch = self._sealed(n + 1) if (n + 1) % SEGMENT == 0 else iter(())
            first = next(batch, None)
            if first is None:
                try:
                    first = self.read(n + 1)
                except IntegrityError:
                    batch = self._sealed(n + 1)
                    first = next(batch, None)
                    if first is None:
                        raise
            if first is None:
                return
            entry: LogEntry | None = first
            while entry is not None:
                check_follows(entry, digest)
                yield entry
                n, digest = entry.n, entry.digest
                entry = next(batch, None)

    def entry(self, n: int, previous: str, made: Sequence[Fact]) -> tuple[LogEntry, bytes]:
        """Entry `n` with these facts, and its bytes; nothing is written. Raises as `encode`."""
        data = encode(n, previous, self.place, [fact.line for fact in made])
        return LogEntry(n, digest_of(data).hex(), previous, self.place, tuple(made)), data

    def add(self, n: int, data: bytes) -> bool:
        """Try to commit these bytes as entry `n`; False if somebody else has won `n`.

        "Already there" may be our own entry whose success was not heard: the bytes decide. Raises `NetworkError`
        (`outcome-unknown`) if they cannot be read.
        """
        if not self.bucket.add(entry_key(n), data) and self._there(n) != data:
            return False
        if n % SEGMENT == SEGMENT - 1:
            self._seal_gladly(n // SEGMENT)
        elif n % SEGMENT == 0 and n and not self._is_sealed(n // SEGMENT - 1):
            self._seal_gladly(n // SEGMENT - 1)  # its writer has died in between
        return True

    def append(self, n: int, previous: str, made: Sequence[Fact]) -> LogEntry | None:
        """Try to commit facts as entry `n` after the entry of digest `previous`; None if somebody else has won `n`."""
        entry, data = self.entry(n, previous, made)
        return entry if self.add(n, data) else None

    def _there(self, n: int) -> bytes:
        for pause in (*PATIENCE, 0):
            try:
                return self.bucket.get(entry_key(n), 0, ENTRY_SIZE + 1)
            except Missing:
                time.sleep(pause)
        raise NetworkError(
            "outcome-unknown", f"log entry {n} is there and cannot be read", hint="art help outcome-unknown"
        )

    # Segments

    def seal(self, number: int) -> bool:
        """Write segment `number`, if its entries are there, sound and not too many bytes; True if it exists then.

        Raises `IntegrityError` for damaged entries.
        """
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3).compressobj()
        parts, size = [], 0
        for n in range(number * SEGMENT, (number + 1) * SEGMENT):
            try:
                data = self._nearest(n)
            except Missing:
                return False
            decode(n, data)
            parts.append(compressor.compress(struct.pack("<I", len(data)) + data))
            size += len(parts[-1])
            if size > SEGMENT_SIZE - ENTRY_SIZE:
                return False
        frame = b"".join([*parts, compressor.flush()])
        key = segment_key(number)
        self.bucket.add(key, [frame, bound_digest(key, frame)])
        return True

    def _nearest(self, n: int) -> bytes:
        """The bytes of entry `n`, of the mirror if it has them: a thousand answers from far away take a minute."""
        for bucket in filter(None, (self._mirror, self.bucket)):
            try:
                return bucket.get(entry_key(n), 0, ENTRY_SIZE + 1)
            except Missing:
                continue
        raise Missing(entry_key(n))

    def segment(self, number: int) -> Iterator[LogEntry]:
        """The entries of segment `number`; raises `Missing`, or `IntegrityError` (`damaged-segment`)."""
        return decode_segment(number, self.bucket.get(segment_key(number), 0, SEGMENT_SIZE + 1))

    def _sealed(self, n: int) -> Iterator[LogEntry]:
        """The entries of a segment from entry `n` on, as far as it is there and sound."""
        try:
            for entry in self.segment(n // SEGMENT):
                if entry.n >= n and entry.place == self.place:
                    yield entry
        except (Missing, IntegrityError):
            return  # the entries themselves decide

    def _is_sealed(self, number: int) -> bool:
        try:
            return bool(self.bucket.get(segment_key(number), 0, 1))
        except Missing:
            return False

    def _seal_gladly(self, number: int) -> None:
        try:
            self.seal(number)
        except (OSError, ArtError):
            pass  # the entry is committed, and a segment only saves reads


def decode_segment(number: int, data: bytes) -> Iterator[LogEntry]:
    """The entries in the bytes of segment `number`; raises `IntegrityError` (`damaged-segment`)."""
    import zstandard

    frame, digest = memoryview(data)[:-DIGEST_SIZE], memoryview(data)[-DIGEST_SIZE:]
    if bound_digest(segment_key(number), frame) != digest:
        raise damaged_segment(number, "its checksum does not match")
    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(frame)
        for n in range(number * SEGMENT, (number + 1) * SEGMENT):
            (size,) = struct.unpack("<I", reader.read(4))
            if size > ENTRY_SIZE:
                raise ValueError("an entry is too long")
            yield decode(n, reader.read(size))
        if reader.read(1):
            raise ValueError("it has a tail")
    except (ValueError, struct.error, zstandard.ZstdError, IntegrityError) as error:
        raise damaged_segment(number, str(error)) from error


def check_follows(entry: LogEntry, digest: str) -> None:
    """Raise `IntegrityError` (`damaged-log`) unless `entry` says that it follows the entry of this digest."""
    if entry.previous != digest:
        raise damaged(entry.n, "it does not follow the entry before it")


def newer_format(found: object) -> IntegrityError:
    return IntegrityError(
        "newer-format",
        f"this repository has format {found}, and this art knows format {FORMAT}",
        hint="pipx upgrade artcli",
    )


def damaged(n: int, why: str) -> IntegrityError:
    """The error for an entry that is not what it must be."""
    return IntegrityError("damaged-log", f"log entry {n} is damaged: {why}", hint="art fsck")


def damaged_segment(number: int, why: str) -> IntegrityError:
    """The error for a segment that is not what it must be."""
    return IntegrityError("damaged-segment", f"segment {number} of the log is damaged: {why}", hint="art fsck")
