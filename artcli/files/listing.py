"""One folder as the disk has it now: names and stats in columns, taken in batches so that a folder of any size fits.

Names are joined by NUL in the order in which the system gives them (stable while a folder does not change, so an
unchanged folder is equal bytes without any sorting); a folder's name ends in a slash. Stats are four 64-bit
integers a name; those of folders are zero, since a folder's own times say nothing about what is kept. `os.scandir`
of a descriptor makes every `lstat` relative to the folder, which saves more than the columns cost.
"""

from __future__ import annotations

import errno
import os
import time
from array import array
from itertools import chain, islice

from artcli.errors import NotFoundError, UsageError
from artcli.files.ignore import IGNORE_FILE, Scope, read_ignore_file
from artcli.files.seen import MAX_DEPTH, MAX_PATH, fields, signed
from artcli.files.sources import Node, two_sources

BATCH = 2048
"""Directory entries held as objects at a time."""

FIELDS = 4
RECORD_SIZE = 8 * FIELDS
"""Bytes of a name's stat: size, mtime, ctime, inode."""

_NO_RECORD = array("q", bytes(RECORD_SIZE))
_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Folder:
    """A folder of the version and the directories of the disk whose contents appear in it."""

    __slots__ = ("depth", "key", "named", "node", "places", "scope")

    def __init__(
        self,
        key: bytes,
        places: tuple[bytes, ...],
        node: Node | None,
        scope: Scope,
        *,
        depth: int,
        named: range,
    ) -> None:
        self.key = key
        """The path in the version with a slash at its end; b"" at the top."""
        self.places = places
        self.node = node
        self.scope = scope
        self.depth = depth
        self.named = named
        """The numbers of those places that the user named."""


class Listing:
    """The names and stats of a folder."""

    __slots__ = (
        "count",
        "dev",
        "elsewhere",
        "folders",
        "modes",
        "named",
        "names",
        "records",
        "scope",
        "time",
        "unreadable",
    )

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        """The rules in this folder, its own `.artignore` among them."""
        self.time = time.time_ns()
        """When listing began, nanoseconds since 1970."""
        self.names = b""
        """Joined by NUL."""
        self.count = 0
        self.records = array("q")
        self.modes = array("H")
        self.folders: dict[bytes, tuple[bytes, ...]] = {}
        """The places of each sub-folder, by its name with the slash."""
        self.elsewhere: dict[bytes, bytes] = {}
        """Paths on the disk of those names that do not lie in the first place."""
        self.named: set[bytes] = set()
        """Names that the user gave himself."""
        self.dev = 0
        self.unreadable: list[tuple[bytes, OSError]] = []

    def split_names(self) -> list[bytes]:
        return self.names.split(b"\0") if self.count else []


def list_folder(folder: Folder) -> Listing | None:
    """The folder as it is now, or None if it is no longer a directory; raises `OSError` if it cannot be read.

    Raises `UsageError` for a folder deeper than a version may be and for a name given by two sources.
    """
    listing = Listing(folder.scope)
    parts: list[bytes] = []
    found = folder.node is not None
    for number, place in enumerate(folder.places):
        named = number in folder.named
        try:
            listed = _list_place(place, listing, parts, named=named, first=number == 0)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _too_deep(folder) from error
            raise
        if listed:
            found = True
        elif named:
            raise NotFoundError("no-such-path", f"no such file or directory: {os.fsdecode(place)!r}")
    if folder.node is not None:
        _add_mounted(folder.node, listing, parts)
    listing.names = b"\0".join(parts)
    if folder.node is not None or len(folder.places) > 1:
        _refuse_twice(folder.key, listing)
    if folder.depth >= MAX_DEPTH and listing.count:
        raise _too_deep(folder)
    return listing if found else None


def _too_deep(folder: Folder) -> UsageError:
    return UsageError(
        "too-deep",
        f"folders nest deeper than {MAX_DEPTH} or paths are longer than {MAX_PATH} bytes:"
        f" {os.fsdecode(folder.key[:80])!r}",
    )


def _list_place(place: bytes, listing: Listing, parts: list[bytes], *, named: bool, first: bool) -> bool:
    """Add the names of a directory; False if it is none (any more). Only a place named by the user may be a link."""
    try:
        path = place + b"." if named else place[:-1]
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if named else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno in _VANISHED:
            return False
        raise
    try:
        listing.dev ^= os.fstat(fd).st_dev
        with os.scandir(fd) as entries:
            while batch := list(islice(entries, BATCH)):
                _add_batch(batch, place, listing, parts, first=first)
    finally:
        os.close(fd)
    return True


def _add_batch(
    batch: list[os.DirEntry[str]], place: bytes, listing: Listing, parts: list[bytes], *, first: bool
) -> None:
    names = [entry.name for entry in batch]
    try:
        stats = [entry.stat(follow_symlinks=False) for entry in batch]
    except OSError:
        names, stats = _stat_singly(batch, listing)
    if listing.scope.reads_files and ".artignore" in names:
        _add_rules(place, listing)
    modes = [stat.st_mode for stat in stats]
    records = _columns(stats)
    doubled = []
    for i, mode in enumerate(modes):
        if mode & 0o170000 == 0o040000:
            names[i] += "/"
            records[i * FIELDS : (i + 1) * FIELDS] = _NO_RECORD
            name = os.fsencode(names[i])
            if name in listing.folders:
                doubled.append(i)
            listing.folders[name] = (*listing.folders.get(name, ()), place + name)
    for i in reversed(doubled):
        del names[i], modes[i], records[i * FIELDS : (i + 1) * FIELDS]
    if not names:
        return
    joined = os.fsencode("\0".join(names))
    parts.append(joined)
    if not first:
        listing.elsewhere.update((name, place + name) for name in joined.split(b"\0"))
    listing.count += len(names)
    listing.records += records
    listing.modes.extend(modes)


def _columns(stats: list[os.stat_result]) -> array[int]:
    try:
        return array("q", chain.from_iterable(map(fields, stats)))
    except OverflowError:
        return array("q", [signed(value) for stat in stats for value in fields(stat)])


def _stat_singly(batch: list[os.DirEntry[str]], listing: Listing) -> tuple[list[str], list[os.stat_result]]:
    """The batch without what has vanished meanwhile; what cannot be looked at is noted."""
    names, stats = [], []
    for entry in batch:
        try:
            stats.append(entry.stat(follow_symlinks=False))
            names.append(entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            listing.unreadable.append((os.fsencode(entry.name), error))
    return names, stats


def _add_rules(place: bytes, listing: Listing) -> None:
    source = place + IGNORE_FILE
    try:
        content = read_ignore_file(source)
    except OSError as error:
        listing.unreadable.append((IGNORE_FILE, error))
        return
    if content is not None:
        listing.scope = listing.scope.with_file(content, repr(os.fsdecode(source)))


def _add_mounted(node: Node, listing: Listing, parts: list[bytes]) -> None:
    """Add files and folders that the user has named one by one."""
    for name, source in node.files.items():
        try:
            stat = os.lstat(source)
        except OSError as error:
            raise NotFoundError("no-such-path", f"no such file or directory: {os.fsdecode(source)!r}") from error
        if listing.scope.reads_files and name == IGNORE_FILE:
            _add_rules(os.path.dirname(source) + b"/", listing)
        parts.append(name)
        listing.elsewhere[name] = source
        listing.named.add(name)
        listing.count += 1
        listing.records += _columns([stat])
        listing.modes.append(stat.st_mode)
    for part, below in node.folders.items():
        name = part + b"/"
        listing.named.add(name)
        if name not in listing.folders:
            parts.append(name)
            listing.count += 1
            listing.records += _NO_RECORD
            listing.modes.append(0o040000)
        listing.folders[name] = (*listing.folders.get(name, ()), *below.places)


def _refuse_twice(key: bytes, listing: Listing) -> None:
    seen: set[bytes] = set()
    for name in listing.split_names():
        plain = name.rstrip(b"/")
        if plain in seen:
            raise two_sources(key + plain)
        seen.add(plain)
