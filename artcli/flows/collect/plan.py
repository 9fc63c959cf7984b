"""What gc does to packs and indexes, decided from the marks.

    a pack without a marked row                  is deleted
    a pack of which an eighth or more is dead,
    and a block of the disk or more              is written anew, without the dead
    an index with a row that is dead, or that
    lies in one of these packs                   is written anew, without those rows

So afterwards the live indexes list what is reached and nothing else. That matters to writers: a page that an index
lists is whole, with all that is below it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Set
from itertools import accumulate
from typing import NamedTuple

from artcli.content import DIGEST_SIZE, Digest
from artcli.errors import IntegrityError
from artcli.flows.collect.marks import TRASHED, Marks
from artcli.store.index import Index
from artcli.store.pack import PREFIX, pack_key

DEAD_SHARE = 8
"""A pack is written anew if one part in this many is dead, and at least"""
DEAD_SIZE = 4096
"""bytes."""

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
    """Packs whose marked chunks move to new ones, those first that were written first."""
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


def make_plan(marks: Marks, packs: Mapping[Digest, tuple[int, float]], room: float) -> Plan:
    """Decide. `packs`: size in bytes and time of all packs there are; `room`: bytes that new packs may take.

    Raises `IntegrityError` (`missing-pack`) if a pack of marked chunks is not there.
    """
    needed: dict[Digest, int] = {}
    trash_size = 0
    dead: dict[Index, int] = {}
    for index, rows in marks.rows():
        dead[index] = marks.unreached(index)
        for row, mark in rows:
            if mark:
                needed[row.pack] = needed.get(row.pack, 0) + row.stored + ROW
                if mark == TRASHED:
                    trash_size += row.stored
    for pack in needed:
        if pack not in packs:
            raise IntegrityError("missing-pack", f"pack {pack.hex()} is not there")
    listed = {pack for index in dead for pack in index.packs}
    deleted = [pack for pack in listed if pack in packs and pack not in needed]
    wasteful = [pack for pack, size in needed.items() if is_wasteful(packs[pack][0], size)]
    wasteful.sort(key=needed.__getitem__)  # those first that take the least room
    taken = list(accumulate(needed[pack] for pack in wasteful))
    fitting = bisect_right(taken, room)
    rewritten, postponed = wasteful[:fitting], wasteful[fitting:]
    rewritten.sort(key=lambda pack: (packs[pack][1], pack_key(pack)))
    wanted = needed[postponed[0]] if postponed else 0
    doomed = {*deleted, *rewritten}
    indexes = [index for index, count in dead.items() if count or not doomed.isdisjoint(index.packs)]
    gain = sum(packs[pack][0] for pack in doomed) - sum(needed[pack] for pack in rewritten)
    gain += INDEX_ROW * sum(dead.values())
    return Plan(deleted, rewritten, indexes, len(postponed), wanted, gain, trash_size)


def is_wasteful(size: int, needed: int) -> bool:
    """Whether a pack of `size` bytes is worth writing anew for the `needed` bytes in it, rows of the table included."""
    dead = size - ENDS - needed
    return dead >= DEAD_SIZE and dead * DEAD_SHARE >= size
