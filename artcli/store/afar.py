"""Indexes of a place that is far away: small ones are kept here whole, of a large one only what is needed is read.

    open     the first 16 KiB of each that is not here yet, which is a small one as a whole    one round
             what small ones have more; fan-out and pack names of large ones                   one round
    find     the digests that begin as one that is looked for                                  one round
             the locations of those that are there                                             one round

A round is one `get_many`, however many chunks are looked for in however many indexes. What is here whole was compared
with its name. What is read in part cannot be: its parts are checked against each other, and nothing that it says is
believed further than any index is, which can name a wrong place and never wrong bytes.

Looking up very many chunks one by one would cost more than the index. So once the bytes that were and would be read
of one come to half of it, it is fetched whole.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Generator, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from artcli.buckets.bucket import Bucket, Piece, get_many
from artcli.buckets.folders import sync
from artcli.content import DIGEST_SIZE, Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store.index import HEAD_SIZE, VERIFIED_SIZE, Index, Shape, damaged, index_key
from artcli.store.partial import Asking, PartialIndex, checked, in_step

FIRST = 16 * 1024
"""Bytes that are read of an index of which nothing is known."""
SMALL = 1024 * 1024
"""An index of up to this many bytes is fetched whole: 21,000 chunks."""
WHOLE = 2 * 1024**3
"""The longest index that is fetched whole."""
STEP = 4 * 1024 * 1024
"""Bytes of a long index that are asked for together."""

LEFT_OVER = 3600.0
"""Seconds after which a file that was not written to its end is removed."""
PART = ".part"
"""Ends the name of the file with fan-out and pack names of a large index."""
MOST_PACKS = 1 << 20
STEPS = 4
"""Steps of a long index that are asked for, and in memory, at once."""


class Afar:
    """The indexes of the place that `bucket` is, with what is here of them in `folder`. Any thread may use it."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder

    def open(self, names: Sequence[str]) -> tuple[list[Index | PartialIndex], list[IntegrityError]]:
        """The indexes of those names, those that are here whole first, and what is wrong with others.

        What is kept here of indexes of other names goes.
        """
        self._tidy(frozenset(names))
        found: dict[str, Index | PartialIndex] = {}
        for name in names:
            if (kept := self._kept(name)) is not None:
                found[name] = kept
        failed = in_step(self._bucket, {name: self._begin(name, found) for name in names if name not in found})
        indexes = [found[name] for name in names if name in found]
        return sorted(indexes, key=lambda index: isinstance(index, PartialIndex)), list(failed.values())

    def look_for(self, indexes: Sequence[PartialIndex], digests: Sequence[Digest]) -> dict[str, Index | IntegrityError]:
        """See to it that each of `indexes` knows of each of `digests` whether it has it.

        Returns what takes the place of an index: itself as a whole, or what is wrong with it.
        """
        news: dict[str, Index | IntegrityError] = {}
        askings = {}
        for index in indexes:
            unknown = index.unknown(digests)
            if not unknown:
                continue
            if index.shape.size <= WHOLE and index.read + index.cost(unknown) > index.shape.size // 2:
                try:
                    news[index.name] = self.whole(index.name, index.shape.size)
                    continue
                except IntegrityError as error:
                    news[index.name] = error
                    continue
                except OSError:
                    pass  # there is no room for it
            askings[index.name] = index.look_for(unknown)
        return {**news, **in_step(self._bucket, askings)}

    def whole(self, name: str, size: int | None = None) -> Index:
        """The index of that name as a whole, verified; `size`: how long it is, if that is known.

        Raises IntegrityError `missing-index`, `damaged-index`; OSError if it cannot be kept.
        """
        kept = self._kept(name)
        if isinstance(kept, Index):
            return kept
        if size is None:
            head = Piece(index_key(name), 0, HEAD_SIZE)
            size = Shape.of(name, checked(name, [head], get_many(self._bucket, [head]))[0]).size
        if size > WHOLE:
            raise damaged(name, f"it says that it has {size:,} bytes")
        hasher = blake3()
        with self._fresh(name) as file:
            for data in self._read_whole(name, size):
                hasher.update(data)
                file.write(data)
            if hasher.hexdigest() != name:
                raise damaged(name, "its bytes are not those it is named by")
            file.flush()
            sync(file.fileno())
        return Index(name, self._map(name))

    def _read_whole(self, name: str, size: int) -> Iterator[bytes]:
        starts = range(0, size, STEP)
        for at in range(0, len(starts), STEPS):
            pieces = [Piece(index_key(name), start, min(STEP, size - start)) for start in starts[at : at + STEPS]]
            yield from checked(name, pieces, get_many(self._bucket, pieces))

    # what is read of an index of which nothing is here

    def _begin(self, name: str, found: dict[str, Index | PartialIndex]) -> Asking:
        first = Piece(index_key(name), 0, FIRST)
        (data,) = yield [first]
        if data is None:
            raise IntegrityError("missing-index", f"an index is not there: {name}")
        shape = Shape.of(name, data)
        if shape.size > SMALL:
            found[name] = yield from self._begin_large(name, shape, data)
            return
        if shape.size > FIRST:
            more = Piece(index_key(name), FIRST, shape.size - FIRST)
            data += checked(name, [more], (yield [more]))[0]
        if len(data) != shape.size:
            raise damaged(name, "it is not as long as its counts say")
        index = Index(name, memoryview(data))
        index.verify()
        found[name] = index
        self._keep(name, data)

    def _begin_large(
        self, name: str, shape: Shape, first: bytes
    ) -> Generator[list[Piece], list[bytes | None], PartialIndex]:
        check_packs(name, shape)
        pieces = [
            Piece(index_key(name), FIRST, max(0, shape.digests - FIRST)),
            Piece(index_key(name), shape.pack_names, shape.size - shape.pack_names),
        ]
        more, names = checked(name, pieces, (yield pieces))
        head = (first + more)[: shape.digests]
        index = PartialIndex(name, shape, head[HEAD_SIZE:], names, self._bucket)
        self._keep(name + PART, head + names + digest_of(head + names))
        return index

    # what is kept here

    def _kept(self, name: str) -> Index | PartialIndex | None:
        """What is here of the index, if it is sound."""
        for file, read in ((name, _read_index), (name + PART, self._read_part)):
            try:
                return read(name, self._map(file))
            except (OSError, ValueError, IntegrityError):
                continue  # not there; or empty or damaged, for the power went: it is fetched anew
        return None

    def _read_part(self, name: str, view: memoryview) -> PartialIndex:
        parts, digest = view[:-DIGEST_SIZE], view[-DIGEST_SIZE:]
        shape = Shape.of(name, parts)
        if digest_of(parts) != digest:
            raise damaged(name, "what is kept of it here is damaged")
        return PartialIndex(name, shape, parts[HEAD_SIZE : shape.digests], parts[shape.digests :], self._bucket)

    def _map(self, file: str) -> memoryview:
        with open(self._folder / file, "rb") as opened:
            return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))

    def _keep(self, file: str, data: bytes) -> None:
        """Keep a file for the next time, if that can be done."""
        try:
            with self._fresh(file) as opened:
                opened.write(data)
        except OSError:
            pass  # a medium that cannot be written, or is full: it is read again the next time

    @contextmanager
    def _fresh(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which has that name in the folder once the block has ended well."""
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{name}.{os.getpid()}-{os.urandom(4).hex()}"
        try:
            with open(fresh, "xb") as file:
                yield file
            os.replace(fresh, self._folder / name)
        finally:
            fresh.unlink(missing_ok=True)

    def _tidy(self, names: Set[str]) -> None:
        """Remove what is kept of other indexes, of those that are here whole by now, and what was cut off."""
        try:
            there = {entry.name: entry.stat().st_mtime for entry in os.scandir(self._folder)}
            for file, written in there.items():
                name, _, kind = file.partition(".")
                is_superfluous = name not in names or (kind and name in there)
                if is_superfluous and (kind in ("", "part") or time.time() - written > LEFT_OVER):
                    (self._folder / file).unlink(missing_ok=True)
        except OSError:
            pass  # nothing is there yet, or nothing may be changed


def _read_index(name: str, view: memoryview) -> Index:
    index = Index(name, view)
    if len(view) <= VERIFIED_SIZE:
        index.verify()
    return index


def packs_of(bucket: Bucket, names: Sequence[str]) -> dict[str, list[Digest]]:
    """The packs that each of these indexes lists, in two rounds for all; without those that are gone or damaged."""
    found: dict[str, list[Digest]] = {}

    def asking(name: str) -> Asking:
        head = Piece(index_key(name), 0, HEAD_SIZE)
        shape = Shape.of(name, checked(name, [head], (yield [head]))[0])
        check_packs(name, shape)
        rest = Piece(index_key(name), shape.pack_names, shape.size - shape.pack_names)
        found[name] = shape.split_names(name, checked(name, [rest], (yield [rest]))[0])[0]

    in_step(bucket, {name: asking(name) for name in names})
    return found


def check_packs(name: str, shape: Shape) -> None:
    """Raise IntegrityError `damaged-index` if it cannot list as many packs as it says."""
    if shape.packs > min(shape.rows, MOST_PACKS):
        raise damaged(name, f"it says that it lists {shape.packs:,} packs")
