"""Open folders below a root, reached name by name without following any link.

Files are made relative to an open folder: nobody can put a link into the way after it was checked, and the system
does not walk the whole path for each file. Each thread has open folders of its own, so that none is closed under
another's hands.
"""

from __future__ import annotations

import errno
import os
import stat as modes
import threading
from collections.abc import Callable
from pathlib import Path

from artcli.errors import ConflictError, IntegrityError
from artcli.files.seen import MAX_COMPONENT

MOST_OPEN = 32
"""Folders that a thread keeps open."""

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TRIES = 3
_FORBIDDEN = frozenset((b"", b".", b"..", b".art"))

Rescue = Callable[[bytes], None]
"""Moves what lies at a path below the root to a safe place."""


class Folders:
    """The folders below `root`, which is made if it is not there. Safe to use from several threads."""

    def __init__(self, root: Path, rescue: Rescue | None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._rescue = rescue
        self._root = os.open(root, _FLAGS)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[dict[bytes, int]] = []

    def close(self) -> None:
        """Close every folder of every thread; none may be at work."""
        for opened in self._all:
            for fd in opened.values():
                os.close(fd)
            opened.clear()
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def open(self, path: bytes, *, make: bool) -> int:
        """A descriptor of the folder at `path` (b"": the root), good until this thread asks for another one.

        With `make` it is made where it is missing, and a file in its place is rescued; else `FileNotFoundError` or
        `NotADirectoryError`. Raises `ConflictError` (`escapes-target`, `in-the-way`), `IntegrityError` (`unsafe-path`).
        """
        if not path:
            return self._root
        opened = self._opened()
        fd = opened.get(path)
        if fd is not None:
            return fd
        above, _, name = path.rpartition(b"/")
        check_name(name, path)
        fd = self._enter(self.open(above, make=make), name, path, make)
        if len(opened) >= MOST_OPEN:
            os.close(opened.pop(next(iter(opened))))
        opened[path] = fd
        return fd

    def _opened(self) -> dict[bytes, int]:
        try:
            opened: dict[bytes, int] = self._local.opened
        except AttributeError:
            opened = self._local.opened = {}
            with self._lock:
                self._all.append(opened)
        return opened

    def forget(self, path: bytes) -> None:
        """Close this thread's descriptors of `path` and of the folders above and below it."""
        opened = self._opened()
        for other in [o for o in opened if _is_at_or_below(o, path) or _is_at_or_below(path, o)]:
            os.close(opened.pop(other))

    def _enter(self, above: int, name: bytes, path: bytes, make: bool) -> int:
        for _ in range(_TRIES):
            try:
                return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=above)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise
                if error.errno != errno.ENOENT:
                    self._refuse_link(above, name, path)
                if not make:
                    raise
                missing = error.errno == errno.ENOENT
            if missing:
                _make(above, name)
            else:
                self.make_room(path)
        raise in_the_way(path)

    def _refuse_link(self, above: int, name: bytes, path: bytes) -> None:
        try:
            mode = os.lstat(name, dir_fd=above).st_mode
        except FileNotFoundError:
            return
        if modes.S_ISLNK(mode):
            raise ConflictError(
                "escapes-target", f"a symbolic link stands where a folder belongs: {os.fsdecode(path)!r}"
            )

    def make_room(self, path: bytes) -> None:
        """Have what lies at `path` moved to a safe place; raises `ConflictError` (`in-the-way`) if nobody does that."""
        if self._rescue is None:
            raise in_the_way(path)
        self._rescue(path)


def _make(above: int, name: bytes) -> None:
    try:
        os.mkdir(name, dir_fd=above)
    except FileExistsError:
        pass  # another thread was faster


def _is_at_or_below(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top + b"/")


def check_name(name: bytes, path: bytes) -> None:
    """Refuse the last component of a path that no version may hold; raises `IntegrityError` (`unsafe-path`)."""
    if name in _FORBIDDEN or path[:1] == b"/" or b"\0" in name or len(name) > MAX_COMPONENT:
        raise IntegrityError("unsafe-path", f"not a path in a version: {os.fsdecode(path[:200])!r}")


def in_the_way(path: bytes) -> ConflictError:
    """The error for something that must not be replaced."""
    return ConflictError("in-the-way", f"something else was put in this place: {os.fsdecode(path)!r}")
