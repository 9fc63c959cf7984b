"""The bytes of a version's files, in order, verified, for whoever writes them to a stream.

    small files: a few MiB of them at a time; a thread reads their chunks pack by pack     (several batches ahead)
    a large file: its chunks in groups; threads read and decode them ahead of whoever takes them
    a part of a file: only the chunks that it lies in, and only the pages of the chunk list that name them

Each chunk is compared with its digest, a whole file with the digest of its entry when its last byte has been given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from blake3 import blake3

from artcli import processes
from artcli.catalog import manifest
from artcli.catalog.manifest import Entry, PageSource
from artcli.catalog.manifest.chunks import ListPage, open_list, open_list_child
from artcli.catalog.manifest.entry import chunk_rows
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError
from artcli.flows import decoding
from artcli.memory import keep_freed_memory
from artcli.progress import Progress, Silent
from artcli.store.chunker import MOST
from artcli.store.ranges import ranges
from artcli.store.store import Store
from artcli.threads import ahead

GROUP = 4 << 20
"""Bytes of a large file that one job decodes."""
BATCH = 2 << 20
BATCH_FILES = 256
"""Bytes and number of small files that one job reads."""

Limit = Callable[[int], int]
"""Of the bytes that are best together, how many may be: for whoever serves many at the same time."""


def unlimited(size: int) -> int:
    """The limit of whoever serves one."""
    return size


class _Piece(NamedTuple):
    """A chunk and the part of it that is wanted."""

    digest: Digest
    length: int
    start: int
    end: int


class Opened(NamedTuple):
    """An entry with its bytes, to be taken before the next entry is asked for."""

    entry: Entry
    parts: Iterable[Buffer]
    """Of a file; of a symbolic link its target, of a reference its JSON; nothing of a directory."""


def is_large(entry: Entry) -> bool:
    """Whether a file is more than one chunk."""
    return bool(entry.chunks or entry.list)


def files(
    store: Store,
    pages: PageSource,
    entries: Iterable[Entry],
    *,
    workers: int,
    progress: Progress | None = None,
    limit: Limit = unlimited,
) -> Iterator[Opened]:
    """Each of `entries`, in their order, with its bytes; raises as `file`."""
    keep_freed_memory()
    progress = progress or Silent()

    def read(batch: list[Entry]) -> Entry | list[Opened]:
        return batch[0] if is_large(batch[0]) else _read_small(store, batch)

    for done in ahead(read, _batches(entries, limit), workers=workers):
        if isinstance(done, Entry):
            yield Opened(done, file(store, pages, done, workers=workers, progress=progress, limit=limit))
            progress.advance(files=1)
            continue
        for opened in done:
            yield opened
            progress.advance(files=1, size=opened.entry.size)


def _batches(entries: Iterable[Entry], limit: Limit) -> Iterator[list[Entry]]:
    """Small files together, each large one alone."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        large = is_large(entry)
        if batch and (large or size >= limit(BATCH) or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        if large:
            yield [entry]
        else:
            batch.append(entry)
            size += entry.size
    if batch:
        yield batch


def _read_small(store: Store, batch: list[Entry]) -> list[Opened]:
    wanted = {entry.digest: entry for entry in batch if entry.data is None and entry.size}
    found: dict[Digest, Buffer] = {}
    for part in ranges(store.find, wanted, store.prepare):
        for digest, data in store.fetch_range(part):
            if isinstance(data, IntegrityError):
                raise touched(data, wanted[digest])
            found[digest] = data
    opened = []
    for entry in batch:
        data = found.get(entry.digest, b"") if entry.data is None else entry.data
        check_size(entry, data)
        opened.append(Opened(entry, (data,) if data else ()))
    return opened


def file(
    store: Store,
    pages: PageSource,
    entry: Entry,
    *,
    workers: int,
    start: int = 0,
    end: int | None = None,
    progress: Progress | None = None,
    proven: bool = True,
    limit: Limit = unlimited,
) -> Iterator[Buffer]:
    """Bytes `start` to `end` (exclusive; None: to its end) of a file, in order.

    Unless `proven`, a whole file's bytes are only known to be right when there are no more: half the hashing, for
    whoever throws away what was not right to its end.

    Raises `IntegrityError`: `missing-chunk`, `damaged-chunk`, `damaged-manifest`, and of a whole file `damaged-file`
    after its last byte, if that is not the file which its digest names.
    """
    end = entry.size if end is None else min(end, entry.size)
    if entry.data is not None:
        yield entry.data[start:end]
        return
    if end - start > GROUP:
        keep_freed_memory()
    whole = (start, end) == (0, entry.size)
    hasher = blake3()
    each = proven or not whole

    def groups() -> Iterator[list[_Piece]]:
        return _groups(_pieces(pages, entry, start, end), limit)

    def decode(group: list[_Piece]) -> list[Buffer]:
        return _decode(store, entry, group, proven=each)

    decoded: Iterable[list[Buffer]] | None = None
    if not each and workers > 1 and entry.size >= decoding.LARGE and _may_fork(store, next(groups())):

        def groups_apart() -> Iterator[list[_Piece]]:
            store.keep_to_own()  # in the process: two must not speak on one connection
            return groups()

        with suppress(processes.NoProcess):
            made = decoding.decoded(groups_apart, decode, workers=workers, most=GROUP + MOST)
            decoded = ([data] for data in made)
    if decoded is None:
        decoded = ahead(decode, groups(), workers=workers)
    for parts in decoded:
        for data in parts:
            if whole:
                hasher.update(data)
            yield data
        if progress is not None:
            progress.advance(size=sum(map(len, parts)))
    if whole and entry.size and hasher.digest() != entry.digest:
        raise IntegrityError(
            "damaged-file", f"the chunks of a file do not make up its digest: {manifest.shown(entry.path)}"
        )


def _may_fork(store: Store, group: list[_Piece]) -> bool:
    """Whether processes may read the file: not where it seems to be elsewhere, for they do not look there."""
    return store.forks and all(store.holds(piece.digest) for piece in group) and processes.are_possible()


def _decode(store: Store, entry: Entry, group: list[_Piece], *, proven: bool) -> list[Buffer]:
    """The wanted parts of a group of chunks, in order."""
    found: dict[Digest, Buffer] = {}
    for part in ranges(store.find, dict.fromkeys(piece.digest for piece in group), store.prepare):
        for digest, data in store.fetch_range(part, proven=proven):
            if isinstance(data, IntegrityError):
                raise touched(data, entry)
            found[digest] = data
    parts = []
    for digest, length, start, end in group:
        data = found[digest]
        if len(data) != length:
            raise _wrong_size(entry)
        parts.append(data if end - start == length else memoryview(data)[start:end])
    return parts


def _groups(pieces: Iterable[_Piece], limit: Limit) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    size = 0
    for piece in pieces:
        group.append(piece)
        size += piece.length
        if size >= limit(GROUP):
            yield group
            group, size = [], 0
    if group:
        yield group


def _pieces(pages: PageSource, entry: Entry, start: int, end: int) -> Iterator[_Piece]:
    """The chunks of a file that bytes `start` to `end` lie in."""
    if start >= end:
        return
    if entry.list:
        chunks = _listed(pages, open_list(pages, entry), 0, start, end)
    else:
        chunks = _placed(chunk_rows(entry.chunks) if entry.chunks else [(entry.digest, entry.size)], 0)
    for digest, length, offset in chunks:
        if offset < end and offset + length > start:
            yield _Piece(digest, length, max(0, start - offset), min(length, end - offset))


def _placed(chunks: Iterable[tuple[Digest, int]], offset: int) -> Iterator[tuple[Digest, int, int]]:
    for digest, length in chunks:
        yield digest, length, offset
        offset += length


def _listed(pages: PageSource, page: ListPage, offset: int, start: int, end: int) -> Iterator[tuple[Digest, int, int]]:
    """The chunks (digest, length, offset) below a list page that begins at `offset`; pages aside are not read."""
    yield from _placed(page.chunks, offset)
    for row in page.rows:
        if offset < end and offset + row.size > start:
            yield from _listed(pages, open_list_child(pages, row, page.level), offset, start, end)
        offset += row.size


def check_size(entry: Entry, data: Buffer) -> None:
    """Raise `IntegrityError` (`damaged-manifest`) if a file of one chunk has not the size that its entry states."""
    if entry.kind <= manifest.EXECUTABLE and len(data) != entry.size:
        raise _wrong_size(entry)


def _wrong_size(entry: Entry) -> IntegrityError:
    return IntegrityError("damaged-manifest", f"a chunk has not the size of its file: {manifest.shown(entry.path)}")


def touched(error: IntegrityError, entry: Entry) -> IntegrityError:
    """The error of a chunk, with a file that needs it."""
    return IntegrityError(
        error.slug, error.message, facts=[f"needed for {manifest.shown(entry.path)}", *error.facts], hint="art fsck"
    )
