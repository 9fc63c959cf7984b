"""Give a finished file its name, unless the name is taken: a ladder of three rungs.

1. `link`: atomic everywhere that has it, NFS included.
2. `renameat2(RENAME_NOREPLACE)`, on macOS `renameatx_np(RENAME_EXCL)`: exFAT and FAT have no links.
3. a lock, a look, a rename: for what remains. The lock is `flock`, so that a killed holder leaves none
   behind; since it holds for one host only, a file system that other hosts may have mounted is refused.

The surprise: an error does not mean failure. When the answer of an NFS server is lost, the client asks again
and reads "exists" about its own link (see open(2), O_EXCL). So after every error the inode is looked at.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from artcli.errors import ArtError

LOCK = "add.lock"
UNABLE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
"""What a file system answers that has not the rung."""

OF_SEVERAL_HOSTS = ("nfs", "cifs", "smb", "9p", "ceph", "afs", "lustre", "gluster", "gfs", "ocfs", "fuse.")


class Move(NamedTuple):
    """A finished file, the folder and name it has, the folder and name it is to get; descriptors are open."""

    file: int
    source: int
    temporary: str
    target: int
    name: str


def place(move: Move) -> bool:
    """True if the file now has the name, False if another file has it; the temporary name may be left over.

    Raises `ArtError` "no-exclusive-write" where the file system can promise no single winner, else `OSError`.
    """
    first = 0  # the errno, not the error: that would hold this frame, and with it the caller's descriptors
    for rung in (_by_link, _by_rename, _by_lock):
        try:
            rung(move)
            return True
        except OSError as error:
            if _is_placed(move):
                return True
            if isinstance(error, FileExistsError):
                return False
            if error.errno not in UNABLE:
                raise
            first = first or error.errno
    raise OSError(first, os.strerror(first), move.name)


def _is_placed(move: Move) -> bool:
    file = os.fstat(move.file)
    if file.st_nlink == 2:
        return True
    try:
        return os.path.samestat(file, os.stat(move.name, dir_fd=move.target, follow_symlinks=False))
    except OSError:
        return False  # nothing has that name; what went wrong the caller knows


def _by_link(move: Move) -> None:
    os.link(move.temporary, move.name, src_dir_fd=move.source, dst_dir_fd=move.target, follow_symlinks=False)


def _by_rename(move: Move) -> None:
    rename = _renamer()
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    code = rename(move.source, os.fsencode(move.temporary), move.target, os.fsencode(move.name))
    if code:
        raise OSError(code, os.strerror(code), move.name)


def _by_lock(move: Move) -> None:
    if _kind_of_file_system(os.fstat(move.target).st_dev).startswith(OF_SEVERAL_HOSTS):
        raise _no_winner()
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666, dir_fd=move.source)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise _no_winner() from error
        try:
            os.stat(move.name, dir_fd=move.target, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(move.temporary, move.name, src_dir_fd=move.source, dst_dir_fd=move.target)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), move.name)
    finally:
        os.close(lock)


def _no_winner() -> ArtError:
    return ArtError(
        "no-exclusive-write",
        "this file system cannot promise that of two writers only one wins",
        facts=["it has neither hard links nor a rename that refuses to replace, nor locks that all hosts see"],
    )


@lru_cache(maxsize=1)
def _renamer() -> Callable[[int, bytes, int, bytes], int] | None:
    """The C library's rename that never replaces, returning 0 or an errno; None if it has none."""
    import ctypes  # costs milliseconds, and is needed only where there are no links

    library = ctypes.CDLL(None, use_errno=True)
    name, flag = ("renameatx_np", 4) if sys.platform == "darwin" else ("renameat2", 1)
    function = getattr(library, name, None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename(source: int, old: bytes, target: int, new: bytes) -> int:
        return ctypes.get_errno() if function(source, old, target, new, flag) else 0

    return rename


def _kind_of_file_system(device: int, mounts: str = "/proc/self/mountinfo") -> str:
    """Linux's word for the file system of a device, "" if unknown. Format: proc_pid_mountinfo(5)."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(mounts, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                before, _, after = line.partition(" - ")
                if before.split(" ", 3)[2] == wanted:
                    return after.split(" ", 1)[0]
    except OSError:
        pass  # not Linux
    return ""
