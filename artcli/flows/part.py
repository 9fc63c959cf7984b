"""Parts of a version: the file or folder that a path names, the paths that match globs."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.folder import level
from artcli.catalog.manifest import DIRECTORY, SYMLINK, Entry, PageSource
from artcli.errors import NotFoundError, UsageError

MOST_LINKS = 40
"""Symbolic links followed from one to the next, as the system does."""
MOST_NAMES = 2000
"""Names among which a misspelt one is looked for."""


class Part:
    """Some of the paths of a version: those at or below `path` that match one of the globs `only`."""

    def __init__(self, only: Sequence[str], path: bytes | None) -> None:
        self.only = only
        self.path = path
        self._patterns = [re.compile(fnmatch.translate(glob.strip("/"))) for glob in only]

    @property
    def is_all(self) -> bool:
        return not self.only and self.path is None

    def __contains__(self, path: bytes) -> bool:
        if self.path is not None and path != self.path and not path.startswith(self.path + b"/"):
            return False
        text = os.fsdecode(path)
        return not self._patterns or any(_matches(pattern, text) for pattern in self._patterns)


ALL = Part((), None)


def file(pages: PageSource, version: Version, path: bytes | None) -> Entry:
    """The file that `path` names, links followed within the version; without a path the version's only file.

    It may be a reference. Raises `UsageError` (`which-file`), `NotFoundError` (`no-such-path`).
    """
    if path is None:
        return _only_file(pages, version)
    wanted = path
    for _ in range(MOST_LINKS):
        entry = manifest.find(pages, version.root, wanted)
        if entry is None or entry.kind == DIRECTORY:
            if entry is not None or next(manifest.entries(pages, version.root, wanted + b"/"), None) is not None:
                raise _folder(version, path)
            if wanted != path:
                break
            raise no_such_path(pages, version, path)
        if entry.kind != SYMLINK:
            return entry
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(wanted), entry.data or b""))
    raise NotFoundError(
        "no-such-path", f"this symbolic link leads to nothing in {version.ref}: {manifest.shown(path)}",
        hint=f"art ls {version.ref}",
    )  # fmt: skip


def below(pages: PageSource, version: Version, path: bytes | None) -> Iterator[Entry]:
    """The entries at and below `path`, or all, each with its path in the version; raises `NotFoundError`."""
    if path is None:
        yield from manifest.entries(pages, version.root)
        return
    entry = manifest.find(pages, version.root, path)
    if entry is not None:
        yield entry
        return
    empty = True
    for entry in manifest.entries(pages, version.root, path + b"/"):
        empty = False
        yield entry
    if empty:
        raise no_such_path(pages, version, path)


def selected(pages: PageSource, version: Version, only: Sequence[str], path: bytes | None) -> Iterator[Entry]:
    """The entries of a version at or below `path` that match one of the globs `only`; raises as `below`."""
    part = Part(only, path)
    return (entry for entry in below(pages, version, path) if entry.path in part)


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    """The pattern fits the path, its last part, or one of the folders it lies in."""
    if pattern.fullmatch(path) or pattern.fullmatch(path.rpartition("/")[2]):
        return True
    folder = path.rpartition("/")[0]
    while folder:
        if pattern.fullmatch(folder):
            return True
        folder = folder.rpartition("/")[0]
    return False


def lifted(entries: Iterator[Entry], path: bytes | None) -> Iterator[Entry]:
    """The same entries with the folder `path` as their top; a file `path` keeps its base name."""
    if path is None:
        yield from entries
        return
    for entry in entries:
        name = entry.path[len(path) + 1 :] or path.rpartition(b"/")[2]
        yield entry._replace(path=name)


def no_such_path(pages: PageSource, version: Version, path: bytes) -> NotFoundError:
    """The error for a path that a version lacks, with the name that was perhaps meant."""
    above, _, name = path.rpartition(b"/")
    names = _names(pages, version, above)
    guess = resolve.nearest(os.fsdecode(name), names)
    message = f"{version.ref} has no {manifest.shown(path)!r}"
    if guess is None:
        return NotFoundError("no-such-path", message, hint=f"art ls {_ref(version, above if names else b'')}")
    meant = _ref(version, posixpath.join(above, os.fsencode(guess)))
    return NotFoundError("no-such-path", message, facts=[f"did you mean {guess!r}?"], hint=f"art show {meant}")


def _only_file(pages: PageSource, version: Version) -> Entry:
    first = list(islice(manifest.entries(pages, version.root), 2))
    if len(first) != 1 or first[0].kind in (DIRECTORY, SYMLINK):
        raise UsageError(
            "which-file", f"{version.ref} has {version.entries} entries, and no path says which is meant",
            hint=f"art ls {version.ref}",
        )  # fmt: skip
    return first[0]


def _folder(version: Version, path: bytes) -> UsageError:
    return UsageError(
        "which-file", f"this is a folder of {version.ref}: {manifest.shown(path)}",
        hint=f"art ls {_ref(version, path)}",
    )  # fmt: skip


def _names(pages: PageSource, version: Version, folder: bytes) -> list[str]:
    """The names in a folder of a version."""
    items = islice(level(pages, version.root, folder), MOST_NAMES)
    return [os.fsdecode(item.path.rstrip(b"/").rpartition(b"/")[2]) for item in items]


def _ref(version: Version, path: bytes) -> str:
    return f"{version.ref}/{manifest.shown(path)}" if path else version.ref
