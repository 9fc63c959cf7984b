"""What gc does to packs and indexes, decided from the marks.

    a pack without a marked row                  is deleted
    a pack of which an eighth or more is dead,
    and a block of the disk or more              is written anew, without the dead
    small packs, where there are eight of a kind are written anew, together
    an index with a row that is dead, or that
    lies in one of these packs                   is written anew, without those rows

So afterwards the live indexes list what is reached and nothing else. That matters to writers: a page that an index
lists is whole, with all that is below it. Packs that are small remain seven at most of a kind, since those that are
written anew come to full packs and one that is not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from itertools import accumulate
from typing import NamedTuple

from artcli.content import DIGEST_SIZE, Digest
from artcli.errors import IntegrityError
from artcli.flows.collect.marks import TRASHED, Marks
from artcli.store.index import Index
from artcli.store.pack import PREFIX, TARGET, pack_key

DEAD_SHARE = 8
"""A pack is written anew if one part in this many is dead, and at least"""
DEAD_SIZE = 4096
"""bytes."""

SMALL_SIZE = TARGET // 4
"""A pack of fewer bytes is small."""
SMALL_COUNT = 8
"""As many of a kind are joined: ten thousand versions of one file each must not stay ten thousand packs."""

ROW = DIGEST_SIZE + 9
"""Bytes of a chunk in the table of its pack."""
ENDS = PREFIX + 16
"""Bytes of a pack beside its frames and the rows of its table."""
INDEX_ROW = DIGEST_SIZE + 17


class Plan(NamedTuple):
    """Nothing of it is done yet."""

    deleted: list[Digest]
    """Packs that go."""
    rewritten: list[Digest]
    """Packs whose marked chunks move to new ones, those first that were written first. Much of them is dead, or they
    are small."""
    indexes: list[Index]
    """Indexes that are written anew."""
    postponed: int
    """Packs for whose writing anew there is no room."""
    wanted: int
    """Bytes of room that the smallest of them needs."""
    gain: int
    """Bytes that this frees, nearly."""
    trash_size: int
    """Bytes of the chunks that the trash alone holds."""

    @property
    def doomed(self) -> Set[Digest]:
        return {*self.deleted, *self.rewritten}

    @property
    def empty(self) -> bool:
        return not self.indexes


def make_plan(
    marks: Marks, packs: Mapping[Digest, tuple[int, float]], room: float, also: Set[Digest] = frozenset()
) -> Plan:
    """Decide. `packs`: size in bytes and time of all packs there are; `room`: bytes that new packs may take; `also`:
    packs that must go, whatever is in them.

    Raises `IntegrityError` (`missing-pack`) if a pack of marked chunks is not there.
    """
    needed: dict[Digest, int] = {}
    kinds: dict[Digest, int] = {}
    trash_size = 0
    dead: dict[Index, int] = {}
    for index, rows in marks.rows():
        dead[index] = marks.unreached(index)
        for row, mark in rows:
            if mark:
                needed[row.pack] = needed.get(row.pack, 0) + row.stored + ROW
                kinds[row.pack] = row.kind
                if mark == TRASHED:
                    trash_size += row.stored
    for pack in needed:
        if pack not in packs:
            raise IntegrityError("missing-pack", f"pack {pack.hex()} is not there")
    listed = {pack for index in dead for pack in index.packs}
    deleted = [pack for pack in listed if pack in packs and pack not in needed]
    wasteful = {pack for pack, size in needed.items() if pack in also or is_wasteful(packs[pack][0], size)}
    rewritten, postponed = _fitting(wasteful, needed, room)
    if not postponed:
        small = {pack for pack in needed if packs[pack][0] < SMALL_SIZE} - wasteful
        left = room - sum(needed[pack] for pack in rewritten)
        rewritten += _joined(_fitting(small, needed, left)[0], kinds, {kinds[pack] for pack in rewritten})
    rewritten.sort(key=lambda pack: (packs[pack][1], pack_key(pack)))
    wanted = needed[postponed[0]] if postponed else 0
    doomed = {*deleted, *rewritten}
    indexes = [index for index, count in dead.items() if count or not doomed.isdisjoint(index.packs)]
    gain = sum(packs[pack][0] for pack in doomed) - sum(needed[pack] for pack in rewritten)
    gain += INDEX_ROW * sum(dead.values())
    return Plan(deleted, rewritten, indexes, len(postponed), wanted, gain, trash_size)


def _fitting(packs: Iterable[Digest], needed: Mapping[Digest, int], room: float) -> tuple[list[Digest], list[Digest]]:
    """The packs for whose writing anew there is room, and the others; those first that take the least."""
    ordered = sorted(packs, key=needed.__getitem__)
    fitting = bisect_right(list(accumulate(needed[pack] for pack in ordered)), room)
    return ordered[:fitting], ordered[fitting:]


def _joined(small: list[Digest], kinds: Mapping[Digest, int], begun: Set[int]) -> list[Digest]:
    """Those of the small packs that are to be joined; `begun`: the kinds of which packs are written anyhow."""
    counts = Counter([*(kinds[pack] for pack in small), *begun])
    return [pack for pack in small if counts[kinds[pack]] >= SMALL_COUNT]


def is_wasteful(size: int, needed: int) -> bool:
    """Whether a pack of `size` bytes is worth writing anew for the `needed` bytes in it, rows of the table included."""
    dead = size - ENDS - needed
    return dead >= DEAD_SIZE and dead * DEAD_SHARE >= size
