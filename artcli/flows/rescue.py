"""Files of the user's that had to make room, and whose bytes no version holds: they are moved, never destroyed.

Where `.art` lies on another file system than the user's directory, moving is copying: a copy is whole and on the disk
before the original goes, and an original that somebody writes meanwhile is copied again.
"""

from __future__ import annotations

import errno
import os
import stat as modes
import time
from pathlib import Path

from artcli.errors import ConflictError
from artcli.files import reader
from artcli.files.seen import stat_of

TRIES = 3


class Rescued:
    """Moves files below `root` into a new folder of `.art/local/rescued/`, made when the first one comes."""

    def __init__(self, repository: Path, root: Path) -> None:
        self._root = root
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}"
        self.folder = repository / "local" / "rescued" / stamp
        self.paths: list[bytes] = []
        """What was moved, below `root` before, below `folder` now."""

    def take(self, path: bytes) -> None:
        """Move what lies at `path` below the root, if anything does; a folder goes with all that is in it.

        Raises `OSError`, `ConflictError` (`in-the-way`) for a file that somebody keeps writing.
        """
        name = os.fsdecode(path)
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            target = target.with_name(f"{target.name}.{os.urandom(4).hex()}")
        try:
            os.rename(self._root / name, target)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move(self._root / name, target)
        self.paths.append(path)


def _move(source: Path, target: Path) -> None:
    """Move to another file system."""
    mode = source.lstat().st_mode
    if modes.S_ISDIR(mode):
        target.mkdir(exist_ok=True)
        for name in os.listdir(source):
            _move(source / name, target / name)
        source.rmdir()
        return
    if modes.S_ISLNK(mode):
        target.symlink_to(os.readlink(source))
    elif modes.S_ISREG(mode):
        _copy(source, target)
    source.unlink()


def _copy(source: Path, target: Path) -> None:
    for _ in range(TRIES):
        try:
            stat = stat_of(os.fsencode(source))
            with target.open("wb") as file:
                for block in reader.blocks(os.fsencode(source), stat):
                    file.write(block)
                os.fchmod(file.fileno(), modes.S_IMODE(stat.mode))
                os.utime(file.fileno(), ns=(stat.mtime, stat.mtime))
                file.flush()
                os.fsync(file.fileno())
            _sync(target.parent)
            return
        except reader.Changed:
            target.unlink()
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    raise ConflictError("in-the-way", f"somebody is writing a file that must make room: {os.fspath(source)!r}")


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
