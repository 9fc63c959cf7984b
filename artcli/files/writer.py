"""Writes files below a root, and nowhere else, whatever stands there already.

A file whose name is free is made under that name. One that takes another's place, or whose content may yet turn out
bad, is written beside it under a temporary name and then renamed: readers see the old one or the new one, other
hard links of the old one keep its bytes, and a link is replaced, never followed. What was changed since the work
was planned is nobody's to replace: it is rescued first.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from artcli.content import Buffer
from artcli.errors import ArtError, ConflictError, SpaceError, UsageError
from artcli.files import clock
from artcli.files.folders import Folders, Rescue, check_name, in_the_way
from artcli.files.ignore import temporary_name
from artcli.files.leftovers import claim
from artcli.files.reader import TICK, TICK_COARSE
from artcli.files.seen import Stat, to_stat
from artcli.memory import PIECE

T = TypeVar("T")

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 3
READ_ONLY = 0o555
"""The permissions that a file can have of which nobody is to write."""
_BUFFERS = (bytes, bytearray, memoryview)
_GIVEN = (tuple, list)
"""Content that cannot turn out bad while it is written."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV)


class Writer:
    """Makes and removes what lies below `root`. Paths are those of a version. Safe to use from several threads.

    `since` (nanoseconds since 1970, by `clock.now`): what was changed at or after this moment is not replaced or
    removed but rescued. `judged`: stats of files that were changed just before, and whose content was looked at; as
    long as they have those, they may go.
    `rescue` is called with the path of what is in the way, and must move it elsewhere; without it that is an error.
    `read_only`: nobody gets the permission to write what is made.
    """

    def __init__(
        self,
        root: Path,
        *,
        since: int | None = None,
        judged: Mapping[bytes, Stat] | None = None,
        rescue: Rescue | None = None,
        read_only: bool = False,
    ) -> None:
        self._mask = READ_ONLY if read_only else 0o777
        self._folders = Folders(root, rescue)
        self._root = root
        self._since = since
        self._judged = judged or {}

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folders; nobody may be writing."""
        self._folders.close()

    def cautious(self) -> Writer:
        """Another one below the same root, for which anything that is there is in the way."""
        return Writer(self._root, read_only=self._mask == READ_ONLY)

    def create(
        self,
        path: bytes,
        content: Buffer | Iterable[Buffer],
        *,
        executable: bool = False,
        mtime: int | None = None,
        replace: bool = False,
    ) -> None:
        """Make the file `path` of these bytes, and the folders above it.

        `mtime` is in nanoseconds since 1970. With `replace` a file or link that is there makes room; otherwise it is
        rescued. If `content` raises, so does this, and nothing has changed. Raises `ConflictError` (`escapes-target`,
        `in-the-way`, `name-collision`), `SpaceError` (`disk-full`), `ArtError` (`cannot-write`), `UsageError`
        (`impossible-name`), `IntegrityError` (`unsafe-path`).
        """
        if isinstance(content, _BUFFERS):
            content = (content,)
        given = content
        self.fill(
            path, lambda fd: _write(fd, given), executable=executable, mtime=mtime, replace=replace,
            beside=not isinstance(given, _GIVEN),
        )  # fmt: skip

    def fill(
        self,
        path: bytes,
        fill: Callable[[int], None],
        *,
        executable: bool = False,
        mtime: int | None = None,
        replace: bool = False,
        beside: bool = False,
    ) -> None:
        """Make the file `path` of the bytes that `fill` puts into an empty file; as `create`.

        With `beside` it only gets its name when it is whole.
        """
        mode = (0o777 if executable else 0o666) & self._mask
        try:
            if not beside:
                try:
                    self._create_new(path, fill, mode, mtime)
                    return
                except FileExistsError:
                    pass  # the name is taken: what has it is judged when the new file is whole
            self._create_beside(path, fill, mode, mtime, replace)
        except OSError as error:
            self._tell(error, path)
            raise

    def symlink(self, path: bytes, target: bytes, *, replace: bool = False) -> None:
        """Make a symbolic link; `replace` and errors as in `create`."""
        self.make(path, lambda folder, name: os.symlink(target, name, dir_fd=folder), replace=replace)

    def make(self, path: bytes, make: Callable[[int, bytes], T], *, replace: bool = False) -> T:
        """Make `path` by giving `make` an open folder and a name in it; what that answered; as `create`.

        `make` raises `FileExistsError` if the name is taken, and is then asked for another one, which is renamed.
        """
        above, name = _split(path)
        try:
            try:
                return self._in_folder(above, lambda folder: make(folder, name))[1]
            except FileExistsError:
                pass  # the name is taken, as in `fill`
            temporary = temporary_name()
            folder, made = self._in_folder(above, lambda folder: make(folder, temporary))
            self._settle(path, folder, name, temporary, replace)
        except OSError as error:
            self._tell(error, path)
            raise
        return made

    def directory(self, path: bytes) -> None:
        """Make the folder `path`; errors as in `create`."""
        try:
            self._folders.open(path, make=True)
        except OSError as error:
            self._tell(error, path)
            raise

    def remove(self, path: bytes) -> bool:
        """Remove a file, link or empty folder, and the folders above it that this leaves empty.

        False if it was not there, or a folder with something in it has taken its place.
        Raises `ConflictError` (`escapes-target`, `in-the-way`), `ArtError` (`cannot-write`).
        """
        above, name = _split(path)
        try:
            folder = self._folders.open(above, make=False)
            there = os.lstat(name, dir_fd=folder)
            if modes.S_ISDIR(there.st_mode):
                if not _remove_empty(folder, name, there):
                    return False
                self._folders.forget(path)
            elif self._is_touched(path, there):
                self._folders.make_room(path)
            else:
                os.unlink(name, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            self._tell(error, path)
            raise
        self.prune(above)
        return True

    def prune(self, path: bytes) -> None:
        """Remove the folder `path` and those above it, below the root, as far as they are empty."""
        while path:
            above, _, name = path.rpartition(b"/")
            try:
                os.rmdir(name, dir_fd=self._folders.open(above, make=False))
            except OSError:
                return  # not empty, or not there
            self._folders.forget(path)
            path = above

    # --- how ---

    def _tell(self, error: OSError, path: bytes) -> None:
        """Raise what an error of the system means for a user, if that is known."""
        shown = repr(os.path.abspath(self._root / os.fsdecode(path)))
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpaceError("disk-full", f"no room left on the disk to write {shown}", hint="art gc -n") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG):
            reason = os.strerror(error.errno).lower()
            raise ArtError("cannot-write", f"{reason}: {shown}", hint="art help cannot-write") from error
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            raise UsageError("impossible-name", f"this file system cannot hold a file named {shown}") from error

    def _in_folder(self, path: bytes, make: Callable[[int], T]) -> tuple[int, T]:
        """The open folder `path`, made if need be, and what `make` makes in it."""
        folder = self._folders.open(path, make=True)
        try:
            return folder, make(folder)
        except FileNotFoundError:  # it was removed while it was open here
            self._folders.forget(path)
            folder = self._folders.open(path, make=True)
            return folder, make(folder)

    def _create_new(self, path: bytes, fill: Callable[[int], None], mode: int, mtime: int | None) -> None:
        """Make a file whose name is free; raises `FileExistsError` if it is not."""
        above, name = _split(path)
        folder, fd = self._in_folder(above, lambda folder: os.open(name, _FLAGS, mode, dir_fd=folder))
        try:
            fill(fd)
            if mtime is not None:
                os.utime(fd, ns=(mtime, mtime))
        except BaseException:
            os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(fd)

    def _create_beside(
        self, path: bytes, fill: Callable[[int], None], mode: int, mtime: int | None, replace: bool
    ) -> None:
        """Write a file under a temporary name and give it its own when it is whole."""
        above, name = _split(path)
        temporary = temporary_name()
        folder, fd = self._in_folder(above, lambda folder: os.open(temporary, _FLAGS, mode, dir_fd=folder))
        claim(fd)
        folder = os.dup(folder)  # content may come from a generator that writes other files
        try:
            try:
                fill(fd)
                if mtime is not None:
                    os.utime(fd, ns=(mtime, mtime))
            except BaseException:
                os.unlink(temporary, dir_fd=folder)
                raise
            self._settle(path, folder, name, temporary, replace)
        finally:
            os.close(fd)
            os.close(folder)

    def _settle(self, path: bytes, folder: int, name: bytes, temporary: bytes, replace: bool) -> None:
        """Give what has a temporary name its own; the temporary one is gone afterwards, whatever happens."""
        try:
            for _ in range(_TRIES):
                there = _look(folder, name)
                if there is None:
                    if _rename_new(folder, temporary, name):
                        return
                elif self._may_replace(path, there, replace):
                    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                    return
                elif not _remove_empty(folder, name, there):
                    _refuse_collision(folder, name, path)
                    self._folders.make_room(path)
            raise in_the_way(path)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise

    def _may_replace(self, path: bytes, there: os.stat_result, replace: bool) -> bool:
        return replace and not modes.S_ISDIR(there.st_mode) and not self._is_touched(path, there)

    def _is_touched(self, path: bytes, there: os.stat_result) -> bool:
        """Whether it may have been changed since the work was planned."""
        if self._since is None:
            return False
        coarse = there.st_ctime_ns % 1_000_000 == 0
        if there.st_ctime_ns < self._since - (TICK_COARSE if coarse else TICK):
            return False
        if there.st_ctime_ns > clock.now(self._root) + TICK_COARSE:
            return False  # the clock was set back before all this: no later write could leave that time
        return self._judged.get(path) != to_stat(there)


def _split(path: bytes) -> tuple[bytes, bytes]:
    above, _, name = path.rpartition(b"/")
    check_name(name, path)
    return above, name


def _write(fd: int, content: Iterable[Buffer]) -> None:
    for data in content:
        count = os.write(fd, data) if len(data) <= PIECE else 0
        while count < len(data):
            count += os.write(fd, memoryview(data)[count : count + PIECE])


def _look(folder: int, name: bytes) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None


def _rename_new(folder: int, temporary: bytes, name: bytes) -> bool:
    """Rename to a name that is free; False if it has been taken."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)  # it was free a moment ago
        return True
    os.unlink(temporary, dir_fd=folder)
    return True


def _remove_empty(folder: int, name: bytes, there: os.stat_result) -> bool:
    """Remove an empty folder; False if it is not one."""
    if not modes.S_ISDIR(there.st_mode):
        return False
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False  # it has something in it, or must stay: then it is in the way
    return True


def _refuse_collision(folder: int, name: bytes, path: bytes) -> None:
    """Raise if what lies there has another name, which the file system takes for the same."""
    if os.fsdecode(name) not in os.listdir(folder):
        raise ConflictError("name-collision", f"this file system takes two names for one: {os.fsdecode(path)!r}")
