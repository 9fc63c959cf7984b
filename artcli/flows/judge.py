"""Whether a file of the user's is what an entry says, and whether the repository holds its bytes at all."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from blake3 import blake3

from artcli.catalog.manifest import INLINE, Entry, Finder, PageSource, Root
from artcli.content import Digest, digest_of
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Seen
from artcli.store.chunker import SMALL, cut
from artcli.store.store import Store


class Judgement(NamedTuple):
    alike: bool
    """The file has the entry's kind and bytes."""
    held: bool
    """Its bytes are in the store, or are those of an entry that some version has at its path."""


class Entries:
    """The entries of a few versions, for what has its bytes in them and in no chunk: links, and files up to `INLINE`.

    Any thread may ask.
    """

    def __init__(self, pages: PageSource, roots: Iterable[Root]) -> None:
        self._pages = pages
        self._roots = {root.page: root for root in roots}
        self._finders: list[Finder] = []
        self._lock = threading.Lock()

    def hold(self, path: bytes, digest: Digest) -> bool:
        """Whether one of the versions has just this at `path`; no if its list of files cannot be read."""
        with self._lock:
            try:
                while self._roots:
                    self._finders.append(Finder(self._pages, self._roots.popitem()[1]))
                found = [finder.find(path) for finder in self._finders]
            except ArtError:
                return False
        return any(entry is not None and entry.digest == digest for entry in found)


def judge(
    seen: Seen, wanted: Entry | None, before: Entry | None, store: Store, entries: Entries | None = None
) -> Judgement:
    """Compare what lies on the disk with the entry wanted there, and look for its bytes in the store and `entries`.

    A file that cannot be read, or that changes meanwhile, is neither alike nor held.
    """
    if seen.kind == DIRECTORY:
        return Judgement(wanted is not None and wanted.kind == DIRECTORY, True)
    try:
        if wanted is not None and (wanted.kind, wanted.size) == (seen.kind, _size(seen)):
            digest = file_digest(seen)
            if digest == wanted.digest:
                return Judgement(True, True)
        return Judgement(False, _is_held(seen, wanted, before, store, entries))
    except (OSError, reader.Changed):
        return Judgement(False, False)


def file_digest(seen: Seen) -> Digest:
    """The digest that an entry for this file or link would have; raises `OSError`, `reader.Changed`."""
    if seen.kind == SYMLINK:
        return digest_of(reader.read_link(seen.source))
    if seen.stat.size <= SMALL:
        return digest_of(reader.read_small(seen.source, seen.stat))
    hasher = blake3()
    for block in reader.blocks(seen.source, seen.stat):
        hasher.update(block)
    return hasher.digest()


def _is_held(seen: Seen, wanted: Entry | None, before: Entry | None, store: Store, entries: Entries | None) -> bool:
    if seen.stat.size > SMALL and _is_elsewhere(before) and before is not None and before.size == seen.stat.size:
        return file_digest(seen) == before.digest
    if seen.kind == SYMLINK or seen.stat.size <= SMALL:
        digest = file_digest(seen)
        if any(entry.digest == digest for entry in (wanted, before) if entry is not None):
            return True
        if seen.kind == SYMLINK or seen.stat.size <= INLINE:
            return entries is not None and entries.hold(seen.path, digest)
        return digest in store
    chunks = cut(reader.blocks(seen.source, seen.stat))
    return all(digest_of(chunk) in store for batch in chunks for chunk in batch)


def _is_elsewhere(entry: Entry | None) -> bool:
    """The entry stands for a reference: a large file that has no chunks here."""
    return entry is not None and entry.size > SMALL and not entry.chunks and not entry.list


def _size(seen: Seen) -> int:
    return seen.stat.size if seen.kind in (FILE, EXECUTABLE) else 0
