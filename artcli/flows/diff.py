"""What differs between two versions, or a version and a directory: by path, with renames found by content.

Equal folders are skipped unread, so comparing costs what differs. Up to `MOST` differences are held to look for
renames: first a file of the same bytes elsewhere, then, of large files, one that has most of its chunks. More than that
are told as they come, and a rename is then a file added and one deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from artcli.catalog import manifest, texts
from artcli.catalog.catalog import Catalog
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, REFERENCE, Entry, PageSource, chunk_list
from artcli.content import Digest
from artcli.errors import UsageError
from artcli.flows.contents import is_large
from artcli.flows.side import Side
from artcli.flows.texts import Read, as_named
from artcli.store.chunker import AVERAGE

MOST = 200_000
"""Differences among which renames are looked for."""
MOST_CHUNKS = 400_000
"""Chunks that are remembered to find those that two files share: some 30 GB of files."""
ALIKE = 0.5
"""The share of its bytes that a large file must have in common with one that it is taken for."""

MOST_GROUPS = 1000
"""Folders or suffixes that are told apart; the others are counted as `…`."""

ADDED, DELETED, MODIFIED, RENAMED, KIND = "added", "deleted", "modified", "renamed", "kind"
LETTERS = {ADDED: "A", DELETED: "D", MODIFIED: "M", RENAMED: "R", KIND: "T"}


def shown_path(entry: Entry) -> bytes:
    """The path, an empty folder's with a slash."""
    return entry.path + b"/" if entry.kind == DIRECTORY else entry.path


class Change(NamedTuple):
    """One path that differs."""

    what: str
    """`added`, `deleted`, `modified`, `renamed`, `kind` (a file has become a link, for example)."""
    before: Entry | None
    after: Entry | None
    new_size: int
    """Bytes of it now that it did not have before; of large files counted by chunks."""

    @property
    def path(self) -> bytes:
        return _path(self.before, self.after)

    @property
    def old_size(self) -> int:
        return self.before.size if self.before is not None else 0

    @property
    def size(self) -> int:
        return self.after.size if self.after is not None else 0


_Two = tuple["Entry | None", "Entry | None"]


class Comparison:
    """The differences between `a` and `b`, of those at or below `paths`, if there are any."""

    def __init__(self, a: Side, b: Side, paths: Sequence[bytes] = ()) -> None:
        self.a = a
        self.b = b
        self.paths = paths
        self.renames_found = True
        """False after there were too many differences to look for renames."""
        problems = (*a.problems, *b.problems)
        self._unread = {problem.path for problem in problems if problem.slug != "special-file"}

    def changes(self) -> Iterator[Change]:
        """What differs, by path, each path once; raises `IntegrityError` where a list of files is damaged."""
        pairs = self._pairs()
        first = list(islice(pairs, MOST + 1))
        if len(first) > MOST:
            self.renames_found = False
            yield from map(self._plain, chain(first, pairs))
            return
        renames = _Renames(self.a.pages, first)
        for before, after in first:
            if after is not None and (origin := renames.origin.get(after.path)) is not None:
                yield Change(RENAMED, origin, after, self._new_size(origin, after))
            elif before is None or before.path not in renames.gone:
                yield self._plain((before, after))

    def _pairs(self) -> Iterator[_Two]:
        for before, after in manifest.diff(self.a.pages, self.a.root, self.b.root):
            if after is None and before is not None:
                if not self.b.expects(before.path) or self.a.only_ignored(before, self.b):
                    continue
                after = self.b.overlooked(before)
            elif before is None and after is not None:
                if not self.a.expects(after.path) or self.b.only_ignored(after, self.a):
                    continue
                before = self.a.overlooked(after)
            if not _alike(before, after) and self._is_wanted(before, after) and not self._is_brought(before, after):
                yield before, after

    def _is_brought(self, before: Entry | None, after: Entry | None) -> bool:
        """Of a reference and a directory: what it means is there; or nobody knows, and nothing speaks against it."""
        reference, file, side = (before, after, self.b) if self.b.directory is not None else (after, before, self.a)
        if reference is None or reference.kind != REFERENCE or side.directory is None:
            return False
        known = side.as_file(reference)
        if known is not None:
            return _alike(known, file)
        return file is None or not reference.size or file.size == reference.size

    def _is_wanted(self, before: Entry | None, after: Entry | None) -> bool:
        path = _path(before, after)
        if path in self._unread:
            return False
        return not self.paths or any(path == top or path.startswith(top + b"/") for top in self.paths)

    def _plain(self, pair: _Two) -> Change:
        """The change at one path, whatever is at others."""
        before, after = pair
        if before is None:
            return Change(ADDED, None, after, after.size if after is not None else 0)
        if after is None:
            return Change(DELETED, before, None, 0)
        same = {FILE, EXECUTABLE} if self.a.directory is self.b.directory else {FILE, EXECUTABLE, REFERENCE}
        if before.kind == after.kind or {before.kind, after.kind} <= same:
            return Change(MODIFIED, before, after, self._new_size(before, after))
        return Change(KIND, before, after, after.size)

    def _new_size(self, before: Entry, after: Entry) -> int:
        if before.digest == after.digest:
            return 0
        if not (is_large(before) and is_large(after)):
            return after.size
        there = dict(islice(chunk_list(self.a.pages, before), MOST_CHUNKS))
        return sum(length for digest, length in chunk_list(self.b.pages, after) if digest not in there)


class _Renames:
    """Which of the added files are deleted ones under another name."""

    def __init__(self, pages: PageSource, pairs: Sequence[_Two]) -> None:
        self.origin: dict[bytes, Entry] = {}
        """What an added path was before."""
        self.gone: set[bytes] = set()
        """Deleted paths that are another one's origin."""
        self._pages = pages
        deleted = [before for before, after in pairs if before is not None and after is None and _is_file(before)]
        added = [after for before, after in pairs if before is None and after is not None and _is_file(after)]
        if deleted and added:
            self._by_digest(deleted, added)
            self._by_chunks(deleted, added)

    def _by_digest(self, deleted: Iterable[Entry], added: Iterable[Entry]) -> None:
        origins: dict[Digest, list[Entry]] = {}
        for entry in deleted:
            origins.setdefault(entry.digest, []).append(entry)
        for entry in added:
            if same := origins.get(entry.digest):
                self._take(same.pop(_nearest(entry.path, same)), entry)

    def _by_chunks(self, deleted: Iterable[Entry], added: Iterable[Entry]) -> None:
        """Large files that have most of their bytes in common."""
        owners: dict[Digest, Entry] = {}
        for entry in deleted:
            if is_large(entry) and entry.path not in self.gone:
                if len(owners) + entry.size // AVERAGE > MOST_CHUNKS:
                    return
                owners.update((digest, entry) for digest, _ in chunk_list(self._pages, entry))
        for entry in added:
            if owners and is_large(entry) and entry.path not in self.origin:
                shared: dict[Entry, int] = {}
                for digest, length in chunk_list(self._pages, entry):
                    if (owner := owners.get(digest)) is not None and owner.path not in self.gone:
                        shared[owner] = shared.get(owner, 0) + length
                best = max(shared, key=lambda owner: shared[owner], default=None)
                if best is not None and shared[best] >= ALIKE * max(entry.size, best.size):
                    self._take(best, entry)

    def _take(self, origin: Entry, entry: Entry) -> None:
        self.origin[entry.path] = origin
        self.gone.add(origin.path)


def _is_file(entry: Entry) -> bool:
    return entry.kind <= EXECUTABLE and entry.size > 0


def _nearest(path: bytes, origins: Sequence[Entry]) -> int:
    """The number of the file that has the same name in another folder, else of the first."""
    name = os.path.basename(path)
    return next((i for i, entry in enumerate(origins) if os.path.basename(entry.path) == name), 0)


def _path(before: Entry | None, after: Entry | None) -> bytes:
    entry = after or before
    return entry.path if entry is not None else b""


def _alike(before: Entry | None, after: Entry | None) -> bool:
    """The same kind, size and digest."""
    return before is not None and after is not None and before[1:4] == after[1:4]


class Counts:
    """How many paths differ, and by how many bytes."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(LETTERS, 0)
        self.new_size = 0
        """Bytes that the first side did not have."""
        self.old_size = self.size = 0
        """Bytes of the differing files on the first and on the second side."""

    def add(self, change: Change) -> None:
        self.counts[change.what] += 1
        self.new_size += change.new_size
        self.old_size += change.old_size
        self.size += change.size

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Statistics:
    """Differences counted in all, by folder at the top, and by suffix."""

    def __init__(self) -> None:
        self.all = Counts()
        self.folders: dict[bytes, Counts] = {}
        self.suffixes: dict[bytes, Counts] = {}

    def counted(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The same changes, counted as they pass."""
        for change in changes:
            self.all.add(change)
            folder, slash, name = change.path.partition(b"/")
            _group(self.folders, folder + slash if slash else b"./").add(change)
            _group(self.suffixes, os.path.splitext(name.rpartition(b"/")[2] or folder)[1]).add(change)
            yield change


def _group(groups: dict[bytes, Counts], name: bytes) -> Counts:
    if name not in groups and len(groups) >= MOST_GROUPS:
        name = b"\xe2\x80\xa6"
    return groups.setdefault(name, Counts())


class Said(NamedTuple):
    """Something that is said differently of two versions; None where nothing is."""

    key: str
    a: Any
    b: Any


def metadata(catalog: Catalog, a: Side, b: Side, read: Read = as_named) -> list[Said]:
    """What is said differently of two versions: type, texts, labels, and metadata by dotted key; `read` as for `tell`.

    Raises `UsageError` (`nothing-to-compare`) if a side is no version.
    """
    one, other = (_said(catalog, side, read) for side in (a, b))
    keys = dict.fromkeys((*one, *other))
    return [Said(key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]


def _said(catalog: Catalog, side: Side, read: Read) -> dict[str, Any]:
    version = side.version
    if version is None:
        message = f"a directory has no metadata: {side.name}"
        raise UsageError("nothing-to-compare", message, hint="art diff A B --metadata")
    said = {
        "type": version.type,
        "description": read(texts.value(version.description)),
        "note": read(texts.value(version.note)),
        "tags": catalog.tags_of(version) or None,
        "aliases": [alias for alias in catalog.aliases_of(version) if alias != "latest"] or None,
    }
    return {**said, **_flat("metadata", version.metadata)}


def _flat(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {} if value == {} else {key: value}
    found = {}
    for name, inner in value.items():
        found.update(_flat(f"{key}.{name}", inner))
    return found
