"""Which bytes to fetch for many chunks: pack by pack, from front to back, neighbours together.

    take digests until a window is full; look them up                                      [1]
    group by pack, packs in the order in which they were first met; sort by offset         [2]
    join neighbours into ranges, over small gaps, while what they decode to stays small    [3]

The window bounds memory however many chunks are asked for. A chunk that no index knows, or that cannot lie where an
index says, comes in a range without pack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from artcli.content import Digest
from artcli.store.pack import Location, is_possible

WINDOW = 16 * 1024
"""Chunks looked up at a time: 1.3 GB of a long file."""

GAP = 64 * 1024
"""Bytes that nobody asked for, read all the same rather than beginning a new range."""

STORED = 2 * 1024 * 1024
LENGTH = 4 * 1024 * 1024
"""Bytes of a range, and of its chunks once decoded, from which it is not joined further."""


SMALL = 256 * 1024
"""A range of up to this many bytes is fetched together with others, where every question costs time;"""
POOL = 4 * 1024 * 1024
"""of so many bytes,"""
POOL_COUNT = 256
"""and so many ranges, at most."""


class Range(NamedTuple):
    """Bytes `start` to `end` of a pack and the chunks in them; `pack` is empty for chunks that lie nowhere."""

    pack: Digest
    start: int
    end: int
    chunks: list[tuple[Digest, Location | None]]


def ranges(
    find: Callable[[Digest], Location | None],
    digests: Iterable[Digest],
    prepare: Callable[[list[Digest]], None] | None = None,
) -> Iterator[Range]:
    """The ranges that hold `digests`; each digest comes as often as it is given.

    `prepare` is told what will be looked up, a window at a time, where that saves questions.
    """
    rest = iter(digests)
    while window := list(islice(rest, WINDOW)):
        if prepare is not None:
            prepare(window)
        yield from _window(find, window)


def pools(parts: Iterable[Range]) -> Iterator[list[Range]]:
    """Ranges that are fetched together: small ones wait for others, longer ones come alone and at once."""
    waiting: list[Range] = []
    size = 0
    for part in parts:
        length = part.end - part.start
        if length > SMALL:
            yield [part]
            continue
        waiting.append(part)
        size += length
        if size >= POOL or len(waiting) >= POOL_COUNT:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _window(find: Callable[[Digest], Location | None], window: list[Digest]) -> Iterator[Range]:
    by_pack: dict[Digest, list[tuple[int, Digest, Location]]] = {}
    for digest in window:
        location = find(digest)
        if location is None or not is_possible(location):
            yield Range(b"", 0, 0, [(digest, None)])
        else:
            by_pack.setdefault(location.pack, []).append((location.offset, digest, location))
    for pack, wanted in by_pack.items():
        wanted.sort()
        yield from _join(pack, wanted)


def _join(pack: Digest, wanted: list[tuple[int, Digest, Location]]) -> Iterator[Range]:
    start = end = length = 0
    chunks: list[tuple[Digest, Location | None]] = []
    for offset, digest, location in wanted:
        far = offset > end + GAP or offset + location.stored > start + STORED or length > LENGTH
        if chunks and far:
            yield Range(pack, start, end, chunks)
            chunks = []
        if not chunks:
            start, end, length = offset, offset, 0
        chunks.append((digest, location))
        end = max(end, offset + location.stored)
        length += location.length
    yield Range(pack, start, end, chunks)
