"""Packs and indexes written anew, without what is dead. Whatever is here is dust until the log names it.

Frames move as they are, each decoded and compared with its digest before: damage is never carried into a new pack. A
pack with damage in a marked chunk stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from functools import partial
from typing import NamedTuple

from artcli.buckets.bucket import Bucket
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.flows.careful import load_pack
from artcli.flows.collect.marks import Marks
from artcli.flows.collect.plan import Plan
from artcli.progress import Progress
from artcli.store.index import index_key, merge_indexes
from artcli.store.pack import DATA, Frame, Location, Row, read_table
from artcli.store.store import Store, verified
from artcli.store.writer import Writer
from artcli.threads import ahead

WORKERS = 2


class Moved(NamedTuple):
    """What was written."""

    indexes: list[str]
    """Names of new indexes."""
    stay: set[Digest]
    """Packs that could not be read and stay."""
    packs: list[Digest]
    """New packs."""
    fresh: list[str]
    """Those of the indexes that list new packs alone."""


class Loaded(NamedTuple):
    """The marked chunks of one pack."""

    pack: Digest
    kind: int
    frames: list[Frame]
    failure: IntegrityError | None


def write_anew(bucket: Bucket, marks: Marks, plan: Plan, progress: Progress) -> Moved:
    """Write the packs, then the indexes; raises `SpaceError`."""
    with Store(bucket, ()).writer() as writer:  # which knows no chunk, so that it takes each
        stay = _move_packs(bucket, marks, plan.rewritten, writer, progress)
        flushed = writer.flush()
    names = list(flushed.add)
    progress.phase("writing indexes")
    doomed = plan.doomed - stay
    for index in plan.indexes:
        rows = next(rows for other, rows in marks.rows() if other is index)
        file = merge_indexes([_kept(rows, doomed)])
        if file.rows:
            bucket.add(index_key(file.name), file.buffers)
            names.append(file.name)
    return Moved(names, stay, list(map(bytes.fromhex, flushed.packs)), flushed.add)


def _kept(rows: Iterable[tuple[Row, int]], doomed: Set[Digest]) -> Iterator[Row]:
    return (row for row, mark in rows if mark and row.pack not in doomed)


def _move_packs(bucket: Bucket, marks: Marks, packs: list[Digest], writer: Writer, progress: Progress) -> set[Digest]:
    progress.phase("moving chunks")
    stay = set()
    for loaded in ahead(partial(load, bucket, marks), packs, workers=WORKERS, depth=WORKERS):
        if loaded.failure is not None:
            stay.add(loaded.pack)
            progress.warn(f"a pack with damage stays as it is: {loaded.failure.message}")
            continue
        for frame in loaded.frames:
            if loaded.kind == DATA:
                writer.add(frame)
            else:
                writer.put(verified(frame.digest, _place(loaded.pack, frame), frame.data[0]))
        progress.advance(size=sum(frame.stored for frame in loaded.frames))
    return stay


def load(bucket: Bucket, marks: Marks, pack: Digest) -> Loaded:
    """The marked chunks of a pack, each verified."""
    frames = []
    try:
        memory, data = load_pack(bucket, pack)
        table = read_table(memory, pack)
        for row in table.rows():
            location = Location(*row[1:6])
            if marks.at(location, row.digest):
                stored = bytes(data[row.offset : row.offset + row.stored])
                verified(row.digest, location, stored)
                frames.append(Frame(row.digest, row.codec, row.length, row.stored, [stored]))
    except IntegrityError as error:
        return Loaded(pack, DATA, [], error)
    return Loaded(pack, table.kind, frames, None)


def _place(pack: Digest, frame: Frame) -> Location:
    return Location(pack, 0, frame.stored, frame.length, frame.codec)
