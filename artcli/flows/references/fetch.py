"""The bytes of references: streamed, compared with what was recorded of them, begun again where the line broke.

What the source says is compared before the first byte is given, size and digest with the last. A source that does not
answer is asked again for what is still missing, until a minute has passed without a byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from blake3 import blake3

from artcli.catalog.manifest import SIZE_LIMIT, Entry
from artcli.content import Buffer
from artcli.errors import IntegrityError, NetworkError
from artcli.flows.references import reference
from artcli.flows.references.known import Known
from artcli.flows.references.reference import Reference
from artcli.flows.references.source import Opened, Patience, Source, patiently, source_of

SLUGS = frozenset(
    {"no-such-source", "source-denied", "source-unreachable", "source-changed", "damaged-reference", "unknown-source",
     "extra-missing"}
)  # fmt: skip
"""Errors that are the reference's own: others may still be brought."""


def whole(entry: Entry, known: Known) -> Iterator[Buffer]:
    """All bytes of a reference; what they are is known afterwards.

    Raises what `SLUGS` names; `IntegrityError` (`source-changed`) perhaps only after the last byte.
    """
    recorded = reference.of(entry)
    source = source_of(recorded)
    hasher, size = blake3(), 0
    for block in _blocks(source, recorded, 0, SIZE_LIMIT):
        hasher.update(block)
        size += len(block)
        yield block
    digest = hasher.digest()
    if recorded.digest is not None:
        if digest != recorded.digest:
            raise changed(recorded.uri, "its bytes are others")
        return
    before = known.digest(entry) if recorded.is_checked else None
    if before is not None and before != (size, digest):
        raise changed(recorded.uri, "its bytes are others")
    known.learn(entry, size, digest)


def part(entry: Entry, start: int, end: int) -> Iterator[Buffer]:
    """Bytes `start` to `end` (exclusive) of a reference, fewer where it ends before; raises as `whole`."""
    recorded = reference.of(entry)
    return _blocks(source_of(recorded), recorded, start, end)


def size_of(entry: Entry) -> int | None:
    """How many bytes it has: as it was recorded, else as the source says; None if nobody says it. Raises as `whole`."""
    recorded = reference.of(entry)
    if recorded.size is not None:
        return recorded.size
    source = source_of(recorded)
    opened = patiently(lambda: source.open(recorded, 0))
    _close(opened)
    return opened.now.size


def _blocks(source: Source, recorded: Reference, start: int, end: int) -> Iterator[Buffer]:
    at, patience = start, Patience()
    limit = min(end, SIZE_LIMIT)
    first: Reference | None = None
    while at < limit or first is None:
        try:
            opened = source.open(recorded, at)
            with closing(opened.blocks):  # type: ignore[type-var]  # generators, as `Opened` says
                compare(recorded, opened.now)
                if first is not None:
                    compare(first, opened.now)
                first = opened.now
                for block in opened.blocks:
                    wanted = block if len(block) <= limit - at else memoryview(block)[: limit - at]
                    at += len(wanted)
                    patience.moved()
                    yield wanted
                    if at >= limit:
                        break
            total = next((size for size in (first.size, recorded.size) if size is not None), at)
            if at >= min(limit, total):
                break
            raise NetworkError("source-unreachable", f"it ended before its end: {recorded.uri}")
        except NetworkError as error:
            patience.wait(error)
    if end == SIZE_LIMIT and recorded.size is not None and at != recorded.size:
        raise changed(recorded.uri, f"it has {at:,} bytes, not {recorded.size:,}")


def _close(opened: Opened) -> None:
    blocks: Any = opened.blocks
    blocks.close()


def compare(recorded: Reference, now: Reference) -> None:
    """Raise `IntegrityError` (`source-changed`) where the source says something else than was recorded.

    What it does not say is no difference; when it was written counts only where there is nothing better.
    """
    if recorded.size is not None and now.size is not None and recorded.size != now.size:
        raise changed(recorded.uri, f"it has {now.size:,} bytes, not {recorded.size:,}")
    if recorded.etag is not None and now.etag is not None:
        if _bare(recorded.etag) != _bare(now.etag):
            raise changed(recorded.uri, "its etag is another one")
    elif recorded.modified is not None and now.modified is not None and recorded.modified != now.modified:
        raise changed(recorded.uri, f"it was written {now.modified}, and the one that is meant {recorded.modified}")


def _bare(etag: str) -> str:
    """Servers that pack answers on the way call the same file weak or not, as it comes; Azure lists without quotes."""
    return etag.removeprefix("W/").strip('"')


def changed(uri: str, why: str) -> IntegrityError:
    """It is not what was recorded."""
    return IntegrityError("source-changed", f"it has changed since it was added: {uri}", facts=[why])
