"""Where the entries of a version come from: folders and files of the user's, each mounted at a place in the version.

A path that the user names is followed if it is a symbolic link (who logs `data` wants what `data` points to); links
that are found below are kept as links. Two sources may meet in one folder, but not in one name.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Sequence
from typing import NamedTuple

from artcli.content import digest_of
from artcli.errors import NotFoundError, UsageError
from artcli.files.seen import MAX_COMPONENT, MAX_DEPTH, MAX_PATH


class Source(NamedTuple):
    """A directory or file of the user's and its place in the version."""

    path: bytes
    """On the disk, absolute."""
    dest: bytes = b""
    """In the version; of a directory, b"" puts its contents at the top; of a file, its name."""


class Node:
    """A folder of the version into which sources are mounted, here or below."""

    __slots__ = ("files", "folders", "places")

    def __init__(self) -> None:
        self.places: list[bytes] = []
        """Directories whose contents appear here, each ending in a slash."""
        self.files: dict[bytes, bytes] = {}
        self.folders: dict[bytes, Node] = {}


def mount(sources: Sequence[Source]) -> Node:
    """The tree of folders into which `sources` are mounted.

    Raises `NotFoundError` for a path that is not there, `UsageError` for an unsafe or doubly given name.
    """
    top = Node()
    for path, dest in sources:
        parts = check_dest(dest)
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError("no-such-path", f"no such file or directory: {_shown(path)}") from error
        if modes.S_ISDIR(mode):
            if os.path.basename(os.path.realpath(path)) == b".art":
                raise UsageError("unsafe-path", f"a repository does not version itself: {_shown(path)}")
            _folder(top, parts, dest).places.append(path.rstrip(b"/") + b"/")
            continue
        if not parts:
            raise UsageError("unsafe-path", f"a file needs a name in the version: {_shown(path)}")
        folder = _folder(top, parts[:-1], dest)
        if parts[-1] in folder.files or parts[-1] in folder.folders:
            raise two_sources(dest)
        folder.files[parts[-1]] = os.path.realpath(path)
    return top


def _folder(top: Node, parts: Sequence[bytes], dest: bytes) -> Node:
    node = top
    for part in parts:
        if part in node.files:
            raise two_sources(dest)
        node = node.folders.setdefault(part, Node())
    return node


def two_sources(path: bytes) -> UsageError:
    """The error for a name of the version that two sources would give."""
    return UsageError("two-sources", f"two sources give the same name: {_shown(path)}")


def check_dest(dest: bytes) -> list[bytes]:
    """The components of a path in a version; raises `UsageError` for one that no version may hold."""
    parts = dest.split(b"/") if dest else []
    for part in parts:
        if part in (b"", b".", b"..", b".art") or b"\0" in part or len(part) > MAX_COMPONENT:
            raise UsageError("unsafe-path", f"not a path in a version: {_shown(dest)}")
    if len(dest) > MAX_PATH or len(parts) > MAX_DEPTH:
        raise UsageError("unsafe-path", f"too long or too deep for a version: {_shown(dest[:80])}")
    return parts


def tree_name(sources: Sequence[Source]) -> bytes:
    """32 bytes that stand for these sources, in whatever order they were given."""
    return digest_of(b"".join(b"%d:%s%d:%s" % (len(p), p, len(d), d) for p, d in sorted(sources)))


def _shown(path: bytes) -> str:
    return repr(os.fsdecode(path))
