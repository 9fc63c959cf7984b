"""What became of the working copies: for each, what was changed in it since, and how far its artifact has moved on.

Costs one walk a copy; only files that the stat cache does not vouch for are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.catalog import Version
from artcli.catalog.fold import PURGED, TRASH
from artcli.catalog.repository import Repository
from artcli.catalog.resolve import Resolved
from artcli.errors import NotFoundError
from artcli.flows import copies, side
from artcli.flows.copies import Copy
from artcli.flows.diff import KIND, LETTERS, Change, Comparison
from artcli.flows.meant import copy_around, given
from artcli.flows.part import Part
from artcli.flows.reading import Problem
from artcli.progress import Progress


class Status(NamedTuple):
    """A working copy as it is now."""

    path: Path
    ref: str
    """What it holds, as it is called now."""
    version: Version | None
    """None if the repository knows it no longer."""
    parts: Sequence[Part]
    """What of the version was brought; what lies outside is not missing."""
    entries: int
    size: int
    """Bytes of its files."""
    counts: dict[str, int]
    """Paths by what happened to them, as in `diff`."""
    behind: int
    """Live versions of the artifact that are newer."""
    problems: Sequence[Problem]
    """What could not be read, or has no bytes to read."""

    @property
    def whole(self) -> bool:
        """All of the version was brought."""
        return any(part.is_all for part in self.parts)

    @property
    def is_clean(self) -> bool:
        """It holds just what its version has."""
        return not (self.is_orphan or any(self.counts.values()) or self.unreadable)

    @property
    def is_orphan(self) -> bool:
        """The repository has its version no longer."""
        return self.version is None or self.version.state == PURGED

    @property
    def unreadable(self) -> int:
        """Files of which it is not known whether they changed."""
        return sum(problem.slug != "special-file" for problem in self.problems)

    @property
    def state(self) -> str:
        """`clean`, or what happened in a few words."""
        return self.told()

    def told(self, numbers: str = "") -> str:
        """The state; `numbers` formats its counts: `,` parts their thousands."""
        told = [f"{count:{numbers}} {_WORDS.get(what, what)}" for what, count in self.counts.items() if count]
        told += [f"{self.unreadable:{numbers}} unreadable"] if self.unreadable else []
        if self.is_orphan:
            told = ["its version is gone"]
        elif self.version is not None and self.version.state == TRASH:
            told.append("its version is in the trash")
        return ", ".join(told) or "clean"


_WORDS = {KIND: "of another kind"}


def status(
    repository: Repository,
    paths: Sequence[str],
    start: Path,
    *,
    files: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Status, list[Change]]]:
    """Each working copy that is, lies in or holds one of `paths` (without any: all), and what changed below these.

    `files`: list the changes, besides counting them. Raises `NotFoundError` (`not-a-working-copy`, `no-such-path`).
    """
    for copy, inside in _wanted(repository, paths, start):
        yield of_copy(repository, copy, inside, files=files, workers=workers, progress=progress)


def _wanted(repository: Repository, paths: Sequence[str], start: Path) -> list[tuple[Copy, list[bytes]]]:
    """Working copies and the paths in them that are asked for; no paths: all of it."""
    known = {copy.path: copy for copy in copies.all_copies(repository.path)}
    if not paths:
        return [(copy, []) for copy in known.values()]
    wanted: dict[Path, list[bytes]] = {}
    for text in paths:
        path = Path(os.path.abspath(start / given(text)))
        around = copy_around(repository, path)
        below = [folder for folder in known if path in folder.parents]
        if around is not None:
            wanted.setdefault(around[0].path, []).append(around[1])
        elif not below:
            raise _no_copy(path, text)
        for folder in below:
            wanted[folder] = [b""]
    return [(known[path], [] if b"" in inside else inside) for path, inside in wanted.items() if path in known]


def _no_copy(path: Path, text: str) -> NotFoundError:
    if not os.path.lexists(path):
        return NotFoundError("no-such-path", f"no such file or directory: {text!r}", hint="art status")
    return NotFoundError(
        "not-a-working-copy", f"this directory is not known to hold a version: {text}", hint=f"art diff REF {text}"
    )


def of_copy(
    repository: Repository,
    copy: Copy,
    inside: Sequence[bytes] = (),
    *,
    files: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Status, list[Change]]:
    """What became of one working copy, or of the paths `inside` it; the changes, if `files` are wanted."""
    version = repository.catalog.version(copy.version)
    counts, changes = dict.fromkeys(LETTERS, 0), []
    if version is None or version.state == PURGED:
        return Status(copy.path, copy.ref, version, copy.parts, 0, 0, counts, 0, ()), []
    pages = side.Unkept(repository.store)
    a = side.of_version(pages, Resolved(version, None, None))
    b = side.of_directory(repository, pages, copy.path, str(copy.path), workers=workers, progress=progress)
    for change in Comparison(a, b, inside).changes():
        counts[change.what] += 1
        if files:
            changes.append(change)
    behind = sum(1 for item in repository.catalog.versions(version.artifact) if item.number > version.number)
    size, entries = b.root.size, b.root.entries
    return Status(copy.path, version.ref, version, copy.parts, entries, size, counts, behind, b.problems), changes
