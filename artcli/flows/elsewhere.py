"""The other working copies of this repository, which may hold the very files that are to be written.

A file is looked for under its own path: what two copies of a data set have in common mostly lies where it lay. So
no index from digests to paths is needed, which every walk would have to keep: the manifest that a copy equalled
names the digest, and the row of the stat cache tells whether the file there is still believed.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from artcli.catalog.catalog import Version
from artcli.catalog.manifest import EXECUTABLE, FILE, Entry, Finder, Root
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.files.listing import RECORD_SIZE
from artcli.files.rows import believed_stats, boot_id
from artcli.files.share import Original, can_clone
from artcli.files.sources import Source
from artcli.files.statcache import Known, StatCache
from artcli.flows import copies
from artcli.flows.known import known_root

LINK, CLONE = "link", "clone"
"""Ways in which a file can be had from elsewhere."""
MOST_PLACES = 8
"""Working copies that are asked; each costs a microsecond or two for a file that it does not have."""
MOST_NAMES = 1 << 17
"""Files of one folder whose stats are held in memory; those of a larger one are read before they are believed."""


class Origin(NamedTuple):
    """What the wanted files are of."""

    version: Version
    inside: bytes = b""
    """The folder of the version that becomes the directory; b"" is all of it."""
    link: bool = False
    """Hard links are wanted."""


class Place:
    """A working copy."""

    def __init__(self, directory: Path, ways: Iterable[str], finder: Finder, cache: StatCache, known: Known) -> None:
        """`finder` finds what it held; `known` is what `cache` knows of it."""
        self.ways = set(ways)
        """Those that have not proved impossible from here."""
        self._above = os.fsencode(directory) + b"/"
        self._finder = finder
        self._cache = cache
        self._known = known
        self._boot = boot_id()
        self._stats: dict[bytes, dict[bytes, tuple[int, ...]]] = {}

    def close(self) -> None:
        """Let go of the stat cache."""
        self._cache.close()

    def find(self, path: bytes, entry: Entry) -> Original | None:
        """The file `path` of this copy, if it had the bytes of `entry`."""
        try:
            there = self._finder.find(path)
            if there is None or there.digest != entry.digest or there.kind not in (FILE, EXECUTABLE):
                return None
            known = self._stat(path)
        except ArtError:  # a damaged page, an unreadable cache
            self.ways.clear()
            return None
        return Original(self._above + path, entry.size, entry.digest, known)

    def _stat(self, path: bytes) -> tuple[int, ...] | None:
        """The device and stat of a file that are believed."""
        folder, slash, name = path.rpartition(b"/")
        key = folder + slash
        stats = self._stats.get(key)
        if stats is None:
            for other in [other for other in self._stats if not key.startswith(other)]:
                del self._stats[other]
            row = self._known.peek(key)
            fits = row is not None and len(row.records) <= MOST_NAMES * RECORD_SIZE
            stats = self._stats[key] = believed_stats(row, self._boot) if row is not None and fits else {}
        return stats.get(name)


class Elsewhere:
    """Where else the files of a version are. One thread at a time."""

    def __init__(self, repository: Repository, root: Path, origin: Origin) -> None:
        """`root` is the directory to be filled, which is there already."""
        self._repository = repository
        self._root = root
        self._version = origin.version
        self._inside = origin.inside and origin.inside + b"/"
        self._ways = [way for way, is_open in ((LINK, origin.link), (CLONE, can_clone(root))) if is_open]
        self._open: list[Place] = []
        self._more = self._places()

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._more.close()
        for place in self._open:
            place.close()

    @property
    def is_of_use(self) -> bool:
        """Whether files can be had from elsewhere at all."""
        return bool(self._ways)

    def find(self, entry: Entry) -> tuple[Place, Original] | None:
        """A file that should have the bytes of `entry`, and the copy where it lies."""
        path = self._inside + entry.path
        for place in self._each():
            if place.ways and (original := place.find(path, entry)) is not None:
                return place, original
        return None

    def _each(self) -> Iterator[Place]:
        """The copies, the first ones first: one is opened when those before it have not been enough."""
        yield from self._open
        for place in self._more:
            self._open.append(place)
            yield place

    def _places(self) -> Generator[Place, None, None]:
        for directory, version in self._nearest():
            cache = StatCache(self._repository.path / "cache")
            known = cache.tree([Source(os.fsencode(directory))])
            root = self._held(known, version)
            if root is None:
                cache.close()
            else:
                yield Place(directory, self._ways, Finder(self._repository.store, root), cache, known)

    def _held(self, known: Known, version: Version | None) -> Root | None:
        """The manifest that a copy equalled when it was walked, else that of the version that it was made to hold."""
        for page in (known.root, version and version.root.page):
            root = page and known_root(self._repository.catalog, self._repository.store, page)
            if root:
                return root
            known.forget()
        return None

    def _nearest(self) -> Sequence[tuple[Path, Version | None]]:
        """Copies of the same artifact before those of others, whole ones before parts, those made last before older."""
        found = []
        for copy in copies.all_copies(self._repository.path):
            if copy.path != self._root:
                version = self._repository.catalog.version(copy.version)
                is_same = version is not None and version.artifact == self._version.artifact
                found.append((is_same, copy.whole, copy.time, copy.path, version))
        found.sort(key=itemgetter(0, 1, 2, 3), reverse=True)
        return [(path, version) for *_, path, version in found[:MOST_PLACES]]
