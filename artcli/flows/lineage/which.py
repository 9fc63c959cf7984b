"""Which version some bytes are, however they came to this machine.

    a directory     the version it holds all of, else the one that a working copy was made of, else the most alike
    a file          the version it was brought from, else the newest that has a file of these bytes, else the one that
                    has a large file with most of its chunks

Nothing but the bytes is believed: that a directory once was made to hold a version only says where to look first. What
no live version has may still be one that lies in the trash.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.finding import find_file
from artcli.catalog.fold import PURGED, TRASH
from artcli.catalog.manifest import Entry, chunk_list
from artcli.catalog.repository import Repository
from artcli.catalog.resolve import Resolved
from artcli.catalog.runs.register import Register
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import NotFoundError
from artcli.flows import side
from artcli.flows.contents import is_large
from artcli.flows.diff import ADDED, ALIKE, DELETED, MOST_CHUNKS, Comparison, Counts
from artcli.flows.meant import copy_around
from artcli.flows.side import Side, Unkept
from artcli.progress import Progress
from artcli.store.chunker import cut

UNMODIFIED, MODIFIED, UNKNOWN = "unmodified", "modified", "unknown"
MOST = 20
"""Versions of one artifact among which the most alike is looked for."""
_DIFFERENCES = 50_000
"""Paths that are compared of each of them."""
_BLOCK = 1 << 20


class Known(NamedTuple):
    """What was found out about a path."""

    state: str
    """`unmodified`, `modified`, `unknown`."""
    version: Version | None = None
    path: bytes | None = None
    """In the version; None: the whole of it."""
    run: str | None = None
    """Id of the run that logged the version first."""
    run_name: str | None = None
    added: int = 0
    modified: int = 0
    deleted: int = 0
    """Files of a directory that are different."""
    shared: float | None = None
    """Of a large file that is modified: the share of its bytes that the version's file has too."""


class Bytes(NamedTuple):
    """A file's or stream's content, looked at once."""

    digest: Digest
    size: int
    chunks: dict[Digest, int]
    """Digests and lengths."""


def which(
    repository: Repository, path: Path, *, most: int = MOST, workers: int | None = None,
    progress: Progress | None = None,
) -> Known:  # fmt: skip
    """What a file or directory is; `most`: among how many versions of an artifact the most alike is looked for.

    Raises `NotFoundError` (`no-such-path`), `OSError` of a file that cannot be read.
    """
    path = Path(os.path.abspath(path))
    if path.is_dir():
        return _made_by(repository, _directory(repository, path, most, workers, progress))
    if not path.is_file():
        raise NotFoundError("no-such-path", f"there is no file or directory {path}", hint="art status")
    with path.open("rb") as file:
        looked = look(iter(lambda: file.read(_BLOCK), b""))
    return _made_by(repository, _of_bytes(repository, looked, path))


def which_bytes(repository: Repository, blocks: Iterable[Buffer]) -> Known:
    """What the bytes of a stream are."""
    return _made_by(repository, _of_bytes(repository, look(blocks), None))


def look(blocks: Iterable[Buffer]) -> Bytes:
    """Read a content once: its digest, its size, its chunks."""
    hasher = blake3()
    size = 0

    def heard() -> Iterator[Buffer]:
        nonlocal size
        for block in blocks:
            hasher.update(block)
            size += len(block)
            yield block

    chunks: dict[Digest, int] = {}
    for batch in cut(heard()):
        if len(chunks) < MOST_CHUNKS:
            chunks.update((digest_of(chunk), len(chunk)) for chunk in batch)
    return Bytes(hasher.digest(), size, chunks)


def _made_by(repository: Repository, known: Known) -> Known:
    if known.version is None:
        return known
    makers = Register(repository.follower.database).producers(known.version.id)
    return known._replace(run=makers[0].id, run_name=makers[0].name) if makers else known


# --- files ---


def _of_bytes(repository: Repository, looked: Bytes, path: Path | None) -> Known:
    brought = _brought(repository, path) if path is not None else None
    if brought is not None and (brought[1].digest, brought[1].size) == (looked.digest, looked.size):
        return Known(UNMODIFIED, brought[0], brought[1].path)
    catalog, store = repository.catalog, repository.store

    def same(entry: Entry) -> bool:
        return entry.digest == looked.digest and entry.size == looked.size

    found = find_file(catalog, store, same)
    if found is not None:
        return Known(UNMODIFIED, found.version, found.entry.path)
    if brought is None and (gone := find_file(catalog, store, same, (TRASH,))):
        return Known(UNMODIFIED, gone.version, gone.entry.path)
    if brought is not None:
        shared = _shared(repository, looked, brought[1]) if is_large(brought[1]) else None
        return Known(MODIFIED, brought[0], brought[1].path, shared=shared)
    return _alike(repository, looked)


def _brought(repository: Repository, path: Path) -> tuple[Version, Entry] | None:
    """What a working copy should have at `path`."""
    around = copy_around(repository, path)
    version = repository.catalog.version(around[0].version) if around else None
    if around is None or version is None or version.state == PURGED:
        return None
    entry = manifest.find(repository.store, version.root, around[1])
    return (version, entry) if entry is not None and entry.kind <= manifest.EXECUTABLE else None


def _alike(repository: Repository, looked: Bytes) -> Known:
    """The newest version with a large file that has most of the same chunks."""
    catalog, store = repository.catalog, repository.store
    if not any(digest in store for digest in looked.chunks):
        return Known(UNKNOWN)
    best: tuple[float, Digest] = 0.0, b""

    def compare(entry: Entry) -> bool:
        nonlocal best
        if is_large(entry):
            best = max(best, (_shared(repository, looked, entry), entry.digest), key=lambda pair: pair[0])
        return False

    find_file(catalog, store, compare)
    found = find_file(catalog, store, lambda entry: entry.digest == best[1]) if best[0] >= ALIKE else None
    return Known(MODIFIED, found.version, found.entry.path, shared=best[0]) if found else Known(UNKNOWN)


def _shared(repository: Repository, looked: Bytes, entry: Entry) -> float:
    """The share of the larger of two contents that both have."""
    there = dict(chunk_list(repository.store, entry))
    same = sum(length for digest, length in looked.chunks.items() if digest in there)
    return same / max(looked.size, entry.size, 1)


# --- directories ---


def _directory(
    repository: Repository, path: Path, most: int, workers: int | None, progress: Progress | None
) -> Known:  # fmt: skip
    pages = Unkept(repository.store)
    there = side.of_directory(repository, pages, path, str(path), workers=workers, progress=progress)
    digest = there.root.content.hex()
    same = repository.catalog.with_digest(digest)
    around = copy_around(repository, path)
    held = repository.catalog.version(around[0].version) if around else None
    if same and there.root.entries and (held is None or held.id not in {version.id for version in same}):
        return Known(UNMODIFIED, same[0])
    if around is not None and held is not None and held.state != PURGED:
        inside = around[1] or None
        try:
            return _compared(pages, there, held, inside)
        except NotFoundError:
            pass  # the version has no such folder: what the directory is made of says more than where it lies
    if there.root.entries and (gone := _in_trash(repository, digest)):
        return Known(UNMODIFIED, gone)
    version = _nearest(repository, pages, there, most)
    return _compared(pages, there, version, None) if version else Known(UNKNOWN)


def _in_trash(repository: Repository, digest: str) -> Version | None:
    """The newest version in the trash that has this digest."""
    found = [version for version in repository.catalog.versions(states=(TRASH,)) if version.digest == digest]
    return max(found, key=lambda version: version.time, default=None)


def _compared(pages: Unkept, there: Side, version: Version, path: bytes | None) -> Known:
    counts = Counts()
    for change in Comparison(side.of_version(pages, Resolved(version, path, None)), there).changes():
        counts.add(change)
    if not counts.total:
        return Known(UNMODIFIED, version, path)
    added, deleted = counts.counts[ADDED], counts.counts[DELETED]
    return Known(
        MODIFIED, version, path, added=added, deleted=deleted, modified=counts.total - added - deleted
    )  # fmt: skip


def _nearest(repository: Repository, pages: Unkept, there: Side, most: int) -> Version | None:
    """The live version that has the most in common with a directory: an artifact by its newest, then one of that."""
    catalog = repository.catalog
    newest = [summary.latest for summary in catalog.summaries() if summary.latest]
    first = _most_alike(pages, there, newest)
    if first is None:
        return None
    versions = [version for version in catalog.versions(first.artifact) if version.id != first.id]
    return _most_alike(pages, there, [first, *versions[::-1][: max(0, most - 1)]])


def _most_alike(pages: Unkept, there: Side, versions: Iterable[Version]) -> Version | None:
    best: tuple[float, Version | None] = 0.0, None
    for version in versions:
        others = sum(
            before is not None for before, _ in islice(manifest.diff(pages, version.root, there.root), _DIFFERENCES)
        )
        alike = version.entries - others
        share = alike / max(1, version.entries + there.root.entries - alike)
        if alike > 0 and share > best[0]:
            best = share, version
    return best[1]
