"""From paths as the user types them to sources: which file or directory goes where in a version.

One directory gives its contents at the top; one file its base name; of several paths each goes under its base name;
`PATH:DEST` decides otherwise, unless something of that very name is there; `.` is the top of the version.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from artcli.errors import NotFoundError, UsageError
from artcli.files.sources import Source


def sources(paths: Sequence[str], directory: str) -> list[Source]:
    """The sources that `paths`, relative to `directory`, name; raises `NotFoundError` (`no-such-path`)."""
    return [_source(text, directory, alone=len(paths) == 1) for text in paths]


def listed(names: Sequence[bytes], directory: str) -> list[Source]:
    """A source for each of `names`, relative to `directory`, at that same place in the version.

    Raises `UsageError` (`unsafe-path`) for a name that leads out of `directory`.
    """
    top = os.fsencode(directory)
    found = []
    for name in names:
        dest = os.path.relpath(name, top) if name.startswith(b"/") else os.path.normpath(name)
        if dest.startswith((b"../", b"/")) or dest in (b"..", b"."):
            raise UsageError("unsafe-path", f"a listed file lies outside {directory}: {os.fsdecode(name)!r}")
        found.append(Source(os.path.join(top, dest), dest))
    return found


def split(text: str, directory: str) -> tuple[str, bytes | None]:
    """(path, place in the version) of `PATH` or `PATH:DEST`."""
    if os.path.lexists(os.path.join(directory, text)):
        return text, None
    path, colon, dest = text.rpartition(":")
    if colon and path:
        return path, place(dest)
    return text, None


def place(dest: str) -> bytes:
    """The place in a version that a destination means; b"" is the top, which is also called `.` or `/`."""
    return b"/".join(part for part in os.fsencode(dest).split(b"/") if part not in (b"", b"."))


def _source(text: str, directory: str, alone: bool) -> Source:
    path, dest = split(text, directory)
    full = os.fsencode(os.path.abspath(os.path.join(directory, path)))
    if not path or not os.path.lexists(full):  # "" is an unset variable of a script, not the current directory
        raise NotFoundError("no-such-path", f"no such file or directory: {path!r}", hint=_hint(path))
    if dest is None:
        dest = b"" if alone and os.path.isdir(full) else os.path.basename(full)
    elif not dest and not os.path.isdir(full):
        dest = os.path.basename(full)
    return Source(full, dest)


def _hint(path: str) -> str | None:
    from artcli.catalog.resolve import nearest

    folder = os.path.dirname(path) or "."
    try:
        guess = nearest(os.path.basename(path), os.listdir(folder))
    except OSError:
        return None  # no hint without the folder
    return f"did you mean '{os.path.join(os.path.dirname(path), guess)}'?" if guess else None
