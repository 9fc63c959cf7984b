"""What a word means that may be a version or a directory.

A path that says so (`./x`, `../x`, `/x`, `.`) is one; else a reference, if there is such an artifact; else a path that
happens to exist. So `data` is the artifact of that name, and `./data` is always the directory; where both exist the
user hears which was taken.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.fold import PURGED
from artcli.catalog.repository import Repository
from artcli.catalog.resolve import Resolved
from artcli.errors import NotFoundError, UsageError
from artcli.flows import copies
from artcli.flows.copies import Copy

_NO_REFERENCE = ("no-such-artifact", "bad-reference")


class Held(NamedTuple):
    """What a directory was made to hold."""

    version: Version
    path: bytes | None
    """The folder of the version; None: all of it."""
    copy: Copy
    """What it is part of, or is."""

    def expects(self, path: bytes) -> bool:
        """Whether the directory should have what lies at `path` below its own folder of the version."""
        return self.copy.expects(os.path.join(self.path or b"", path))


def given(path: str) -> str:
    """`path` itself, unless it is empty: the unset variable of a script, not the current directory.

    Raises `UsageError` (`empty-path`).
    """
    if not path:
        raise UsageError(
            "empty-path", "an empty path names nothing; the current directory is '.'", hint="art help empty-path"
        )
    return path


def meant(repository: Repository, text: str, project: str, start: Path) -> Path | Resolved:
    """The directory, absolute, or the version that `text` means; relative paths begin in `start`.

    Raises `NotFoundError`, `UsageError` (`bad-reference`, `not-a-directory`).
    """
    path = Path(os.path.abspath(start / text))
    if text.startswith(("./", "../", "/")) or text in (".", ".."):
        return directory(path)
    try:
        found = resolve.version(repository.catalog, text, project)
    except (NotFoundError, UsageError) as error:
        if error.slug in _NO_REFERENCE and text and os.path.lexists(path):
            return directory(path)
        raise
    if not path.is_dir():
        return found
    taken = f"{text!r} is taken as {found.version.ref}; the directory is './{text}'"
    return found._replace(note="  ".join(note for note in (found.note, taken) if note))


def directory(path: Path) -> Path:
    """`path` itself, if it is one; raises `NotFoundError` (`no-such-path`), `UsageError` (`not-a-directory`)."""
    if path.is_dir():
        return path
    if os.path.lexists(path):
        raise UsageError("not-a-directory", f"this is no directory: {path}", hint=f"art show {path}")
    raise NotFoundError("no-such-path", f"no such directory: {path}", hint="art status")


def copy_around(repository: Repository, path: Path) -> tuple[Copy, bytes] | None:
    """The working copy that `path` is or lies in, and where in it that is (b"": it is the copy)."""
    for folder in (path, *path.parents):
        copy = copies.copy_at(repository.path, folder)
        if copy is not None:
            inside = os.fsencode(os.path.relpath(path, folder))
            return copy, b"" if inside == b"." else inside
    return None


def held(repository: Repository, path: Path, name: str) -> Held:
    """What `path`, called `name`, holds or lies in; raises `NotFoundError` (`not-a-working-copy`, `version-purged`)."""
    around = copy_around(repository, path)
    version = repository.catalog.version(around[0].version) if around else None
    if around is None or version is None:
        raise NotFoundError(
            "not-a-working-copy", f"this directory is not known to hold a version: {name}",
            hint=f"art verify {name} --against REF",
        )  # fmt: skip
    if version.state == PURGED:
        raise resolve.purged(version)
    copy, inside = around
    return Held(version, inside or None, copy)
