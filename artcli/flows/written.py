"""What was written is remembered without being read again: one more walk tells whether it is what was written.

    the walk's files ──▶ do they look like the manifest's entries?  ──▶ the stat cache vouches for those that do
                         another process reads the manifest's pages

To look at 100,000 files takes half a second, and to read their manifest a third of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from artcli import processes
from artcli.catalog import manifest
from artcli.catalog.manifest import REFERENCE, Entry, PageSource, Root
from artcli.files.reader import TICK
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, Gone, Seen
from artcli.files.walk import Scan
from artcli.flows.sharing import Sharing

MANY = 4096
"""Entries that are worth a process."""


class Expected(NamedTuple):
    """What an entry tells of how its file looks."""

    path: bytes
    kind: int
    size: int


def expected(pages: PageSource, root: Root, *, forks: bool) -> Iterator[Expected]:
    """All entries of a manifest, in order; `forks`: another process may read its pages."""
    leaves = ([entry[:3] for entry in leaf] for leaf in manifest.leaves(pages, root))
    if forks and root.entries >= MANY and processes.are_possible():
        with suppress(processes.NoProcess):
            return _joined(processes.dealt(lambda _: leaves, workers=1))
    return _joined(leaves)


def _joined(leaves: Iterable[list[tuple[bytes, int, int]]]) -> Iterator[Expected]:
    return map(Expected._make, chain.from_iterable(leaves))


def vouch(
    scan: Scan[Root],
    entries: Iterable[Entry | Expected],
    find: Callable[[bytes], Entry | None],
    is_ours: Callable[[Seen, Entry | Expected], bool],
) -> bool:
    """Walk, and distrust what is not ours; False: something was taken away that should be there.

    `entries`: those that the walk should report, in order; `find` tells the entry of a path that is not among them.
    """
    rest = iter(entries)
    due = next(rest, None)
    for change in scan:
        if not isinstance(change, Seen | Gone):
            continue
        entry: Entry | Expected | None = None
        if due is None or change.path < due.path:
            entry = find(change.path)
        elif change.path == due.path:
            entry, due = due, next(rest, None)
        else:
            return False
        if isinstance(change, Gone):
            if entry is not None:
                return False
        elif entry is None or not is_ours(change, entry):
            scan.distrust(change.path)
    return due is None


def looks_ours(seen: Seen, entry: Entry | Expected, *, since: int, sharing: Sharing | None) -> bool:
    """Nobody else has written the file since it was found right, or was written here with our time, `since`."""
    if entry.kind == REFERENCE:
        return False  # whoever logs the directory keeps the file itself, whatever the cache knows of it
    if seen.kind in (FILE, EXECUTABLE) and seen.stat.size != entry.size:
        return False
    if sharing is not None and sharing.is_link(seen.path, seen.stat.inode):
        return seen.stat.mtime < since - TICK  # what was linked has not been written since
    return seen.kind == DIRECTORY or seen.stat.mtime == since or seen.stat.ctime < since - TICK
