"""A large file's chunks are decoded in processes, while this one hashes and writes what they have made of them.

    each process: every n-th group of chunks, read and decoded, laid into a slot of memory that both see
    this one:     the groups in order; a slot is filled again when whoever took the group asks for the next

Decoding lets go of Python's lock some six times a chunk, and hashing and writing twice: in threads they wait for it.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from artcli import processes
from artcli.content import Buffer

G = TypeVar("G")

LARGE = 64 << 20
"""Bytes of a file that is worth processes."""
SLOTS = 3
"""Groups of one process that are decoded before they are wanted."""


def decoded(
    groups: Callable[[], Iterable[G]], decode: Callable[[G], Iterable[Buffer]], *, workers: int, most: int
) -> Iterator[memoryview]:
    """What `decode` makes of each of the `groups`, `most` bytes at the most, good until the next is asked for.

    `groups()` is called in each of the `workers` processes, from now on. Raises as `processes.dealt`.
    """
    views = _decoded(groups, decode, workers, most)
    next(views)
    return views


def _decoded(
    groups: Callable[[], Iterable[G]], decode: Callable[[G], Iterable[Buffer]], workers: int, most: int
) -> Iterator[memoryview]:
    memory = [mmap.mmap(-1, SLOTS * most) for _ in range(workers)]
    credits = [os.pipe() for _ in range(workers)]

    def deal(number: int) -> Iterator[tuple[int, int]]:
        forbid()
        for count, group in enumerate(islice(groups(), number, None, workers)):
            if count >= SLOTS and not os.read(credits[number][0], 1):
                return  # nobody takes any more
            start = end = count % SLOTS * most
            for data in decode(group):
                memory[number][end : end + len(data)] = data
                end += len(data)
            yield start, end

    def forbid() -> None:
        """Give no more credit: whoever waits for it learns so when no process can give it."""
        for _, give in credits:
            os.close(give)

    try:
        made = processes.dealt(deal, workers=workers, ending=forbid)
        yield memoryview(b"")  # they have begun
        for count, (start, end) in enumerate(made):
            number = count % workers
            with memoryview(memory[number]) as whole, whole[start:end] as view:
                yield view
            os.write(credits[number][1], b"\0")
    finally:
        for take, _ in credits:
            os.close(take)
