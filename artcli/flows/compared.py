"""The two sides that the words of a comparison name, and what stands for a side that is not named.

* two words: these;
* a directory: the version that it holds, and the directory;
* a version: it and its working copy, if one was changed; else the version before, and it;
* nothing: the working copy that one stands in, or the only one, or the only one that was changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path

from artcli.catalog.repository import Repository
from artcli.catalog.resolve import Resolved
from artcli.errors import UsageError
from artcli.flows import copies, side
from artcli.flows.copies import Copy
from artcli.flows.meant import copy_around, held, meant
from artcli.flows.side import Side, Unkept
from artcli.flows.status import of_copy
from artcli.progress import Progress


def sides(
    repository: Repository,
    words: Sequence[str],
    project: str,
    start: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Side, Side, list[str]]:
    """The two sides that up to two words name, and what the user should hear.

    Raises `NotFoundError`, `UsageError` (`nothing-to-compare`, …).
    """
    choice = _Choice(repository, start, workers)
    found = [meant(repository, word, project, start) for word in words] or [choice.only_copy()]
    names = [*words] or [os.path.relpath(str(found[0]), start)]
    if len(found) == 1:
        other = choice.counterpart(found[0], names[0])
        if isinstance(found[0], Path):  # the version comes first
            found, names = [other, found[0]], ["", names[0]]
        elif isinstance(other, Path):
            found, names = [found[0], other], ["", os.path.relpath(other, start)]
        else:
            found, names = [other, found[0]], ["", ""]
    pages = Unkept(repository.store)
    notes = [item.note for item in found if not isinstance(item, Path) and item.note]
    a, b = (
        side.of_directory(repository, pages, item, name, workers=workers, progress=progress)
        if isinstance(item, Path)
        else side.of_version(pages, item)
        for item, name in zip(found, names, strict=True)
    )
    return a, b, notes


class _Choice:
    """Chooses what nobody named."""

    def __init__(self, repository: Repository, start: Path, workers: int | None) -> None:
        self.repository = repository
        self.start = start
        self.workers = workers

    def only_copy(self) -> Path:
        """The working copy that is meant if no word is given."""
        if copy_around(self.repository, self.start):
            return self.start
        known = list(copies.all_copies(self.repository.path))
        changed = self._changed(known) if len(known) > 1 else known
        if len(changed) > 1:
            names = [os.path.relpath(copy.path, self.start) for copy in changed]
            raise UsageError(
                "nothing-to-compare", f"{len(changed):,} working copies were changed; say which is meant",
                facts=names[:10], hint=f"art diff ./{names[0]}",
            )  # fmt: skip
        if not known:
            raise UsageError("nothing-to-compare", "say what to compare", hint="art diff dataset:latest")
        return max(changed or known, key=attrgetter("time")).path

    def counterpart(self, found: Path | Resolved, name: str) -> Path | Resolved:
        """What a version or a directory is compared with."""
        if isinstance(found, Path):
            there = held(self.repository, found, name)
            return Resolved(there.version, there.path, None)
        version, path, _ = found
        mine = [copy for copy in copies.all_copies(self.repository.path) if copy.version == version.id and copy.whole]
        mine.sort(key=lambda copy: (self.start in copy.path.parents, copy.time), reverse=True)
        mine = [copy for copy in mine if (copy.path / os.fsdecode(path or b"")).is_dir()]
        before = [item for item in self.repository.catalog.versions(version.artifact) if item.number < version.number]
        if before and mine:
            mine = self._changed(mine)
        if mine:
            return mine[0].path / os.fsdecode(path or b"")
        if not before:
            raise UsageError(
                "nothing-to-compare", f"no live version comes before {version.ref}, and it has no working copy",
                hint=f"art diff {version.ref} ./DIRECTORY",
            )  # fmt: skip
        return Resolved(before[-1], path, None)

    def _changed(self, known: Iterable[Copy]) -> list[Copy]:
        """Those that are not just what their version is."""
        found = ((copy, of_copy(self.repository, copy, workers=self.workers)[0]) for copy in known)
        return [copy for copy, state in found if not (state.is_clean or state.is_orphan)]
