"""A disk that keeps what it was asked to keep and nothing else: the worst that a power cut may do.

Of a file it keeps the content of its last fsync, of a folder the names of its last fsync; a file that was never fsynced
is empty, a name whose folder was not fsynced since is not there. File systems are kinder, and no two in the same way.

    with StrictDisk(directory) as disk:
        …
        disk.cut(elsewhere)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock


class StrictDisk:
    """What lies in `directory` by now is kept; from then on each fsync of this process counts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[int, bytes] = {}
        """Content by inode."""
        self._folders: dict[int, dict[str, tuple[int, bool]]] = {}
        """Of each folder, by inode: the inodes of its names, and whether they are folders."""
        self._held: dict[int, int] = {}
        """Descriptors that keep inodes from being used again."""
        self._patches: list[Any] = []

    def __enter__(self) -> StrictDisk:
        for folder, _, names in os.walk(self.directory):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                fd = os.open(path, os.O_RDONLY)
                self._keep(fd)
                os.close(fd)
        self._patches = [mock.patch.object(os, name, self._keep) for name in ("fsync", "fdatasync")]
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()
        for fd in self._held.values():
            os.close(fd)

    def _keep(self, fd: int) -> None:
        status = os.fstat(fd)
        path = f"/proc/self/fd/{fd}"
        if status.st_ino not in self._held:
            self._held[status.st_ino] = os.open(path, os.O_PATH)
        if os.path.isdir(path):
            with os.scandir(fd) as found:
                self._folders[status.st_ino] = {item.name: (item.inode(), item.is_dir()) for item in found}
        else:
            with open(path, "rb") as file:
                self._files[status.st_ino] = file.read()

    def cut(self, to: Path) -> None:
        """The power goes now: what is left of the directory, as the new directory `to`."""
        self._bring(self.directory.stat().st_ino, to)

    def _bring(self, inode: int, to: Path) -> None:
        to.mkdir(parents=True)
        for name, (below, is_folder) in self._folders.get(inode, {}).items():
            if is_folder:
                self._bring(below, to / name)
            else:
                (to / name).write_bytes(self._files.get(below, b""))
