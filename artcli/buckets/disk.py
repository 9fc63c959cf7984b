"""A bucket in a directory: one file an object, its path the key.

The order of the steps of `add` is the whole safety: write a temporary file, fsync it, give it its name with
`link` (which refuses a name that is taken), fsync the folder. A power cut or a kill leaves at most a
temporary file or an object nobody was told of; a name never shows a part. What others may plant in the
directory (symbolic links, FIFOs) is never followed nor waited for. `tmp/` below the root is the bucket's own.

The surprise: a folder that holds anything is durable. Whoever makes a folder, or finds it still empty, fsyncs
the folder above before adding; so one look into it, once, saves an fsync of every folder above on each `add`.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from artcli.buckets import exclusive
from artcli.buckets.bucket import KEY, KEY_LENGTH, Item, Missing, check_key
from artcli.buckets.folders import (
    ABSENT,
    Handle,
    OpenFiles,
    is_empty,
    make_folders,
    open_file,
    open_folder,
    sync_folder,
    unlink,
)
from artcli.buckets.scratch import TEMPORARY, Scratch, make_folder
from artcli.content import Buffer
from artcli.errors import ArtError, ConflictError, NotFoundError, SpaceError

MOST_KNOWN_FOLDERS = 10_000


class DiskBucket:
    """The bucket in the directory `root`; safe among threads, processes and, on NFS, hosts."""

    forks = True

    def __init__(self, root: Path, *, create: bool = False, durable: Iterable[str] = ()) -> None:
        """Open the directory, after making it (and what is missing above it) if `create`.

        `durable`: folders ("packs/ab") that, where they exist, were made durable by whoever laid the bucket out, even
        those that are still empty.

        Raises `NotFoundError` "bucket-not-found" if there is no such directory.
        """
        self.root = root
        self._files = OpenFiles()
        self._durable = {f"{folder}/" for folder in durable}
        if create:
            try:
                make_folders(os.fspath(root))
            except OSError as error:
                raise self._explained(error, 0) from error
        try:
            self._root = Handle(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError("bucket-not-found", f"there is no directory {root}") from None

    def lay_out(self, folders: Sequence[str]) -> None:
        """Make these folders, and make them durable all at once, which is cheaper than one by one as objects come."""
        for folder in folders:
            _split(folder)
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for above in sorted({folder.rpartition("/")[0] for folder in folders}):
            sync_folder(Handle(os.open(self.root / above, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)))
        self._durable.update(f"{folder}/" for folder in folders)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        file = self._open(key)
        wanted = max(0, file.size - start)
        if length is not None:
            wanted = min(wanted, length)
        data = os.pread(file.fd, wanted, start)
        if len(data) == wanted:
            return data
        parts = [data]  # one call reads 2 GiB at most
        while parts[-1]:
            done = sum(map(len, parts))
            parts.append(os.pread(file.fd, wanted - done, start + done))
        return b"".join(parts)

    def view(self, key: str) -> memoryview:
        file = self._open(key)
        if not file.size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fd, 0, access=mmap.ACCESS_READ))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        """See `Bucket.add`. Also when it returns False, the object that has the name is durable.

        Raises `SpaceError` "disk-full", `ArtError` "cannot-write" (read-only, no permission) or
        "no-exclusive-write", `ConflictError` "not-an-object" if something else stands in the way.
        """
        parts = _split(key)[:-1]
        buffers = [data] if isinstance(data, (bytes, bytearray, memoryview)) else data
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        try:
            folder = self._folder(parts, make=True)
            added = not self._is_taken(folder, key) and self._write(views, folder, key)
            sync_folder(folder)
        except OSError as error:
            raise self._explained(error, sum(view.nbytes for view in views), key) from error
        return added

    def size(self, key: str) -> int:
        """Bytes of the object as it is now, whatever was read of it before; raises `Missing`."""
        *parts, name = _split(key)
        try:
            folder = self._folder(parts)
            status = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in ABSENT:
                raise Missing(key) from None
            raise
        if not stat.S_ISREG(status.st_mode):
            raise Missing(key)
        return status.st_size

    def receive(self) -> DiskIncoming:
        """Begin an object that comes in pieces; see `buckets.incoming`."""
        try:
            return DiskIncoming(self, Scratch(self._root))
        except OSError as error:
            raise self._explained(error, 0, TEMPORARY) from error

    def release(self, key: str) -> None:
        """See `Cached.release`: pages just written are taken for the next object, instead of fresh ones."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._open(key).fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        if prefix:
            _split(prefix + "0")
        return self._list(prefix, after)

    def delete(self, key: str) -> None:
        """See `Bucket.delete`. Not fsynced: after a power cut the object may be back."""
        *parts, name = _split(key)
        self._files.drop(key)
        try:
            unlink(name, self._folder(parts))
        except OSError as error:
            if error.errno not in ABSENT | {errno.EISDIR}:
                raise self._explained(error, 0, key) from error

    def sweep_temporary(self, older_than_seconds: float) -> int:
        """Remove temporary files that killed writers have left; returns how many.

        A writer locks its file, so one whose owner lives stays whatever its age. Ages are by the clock of
        the file system; a file of the future counts as old, for the clock was set back since.
        """
        try:
            temporary = open_folder(TEMPORARY, self._root)
            os.utime(temporary.fd)
            now = os.fstat(temporary.fd).st_mtime
            with os.scandir(temporary.fd) as entries:
                names = [entry.name for entry in entries if entry.name != exclusive.LOCK]
            return sum(_sweep(name, temporary, now, older_than_seconds) for name in names)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._explained(error, 0, TEMPORARY) from error

    def _open(self, key: str) -> Handle:
        """The object's file; raises `Missing`."""
        file = self._files.get(key)
        if file is not None:
            return file
        *parts, name = _split(key)
        try:
            file = self._open_file(parts, name)
        except OSError as error:
            if error.errno in ABSENT:
                raise Missing(key) from None
            raise
        status = os.fstat(file.fd)
        if not stat.S_ISREG(status.st_mode):
            raise Missing(key)
        file.size = status.st_size
        self._files.put(key, file)
        return file

    def _open_file(self, parts: Sequence[str], name: str) -> Handle:
        try:
            return open_file(name, self._folder(parts))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        self._files.clear()
        return open_file(name, self._folder(parts))

    def _folder(self, parts: Sequence[str], *, make: bool = False) -> Handle:
        """The folder below the root; if `make`, what is missing of it is made, and all of it is durable."""
        folder, path = self._root, ""
        for part in parts:
            path += part + "/"
            try:
                inner = open_folder(part, folder)
                durable = not make or path in self._durable or not is_empty(inner)
            except FileNotFoundError:
                if not make:
                    raise
                inner, durable = make_folder(part, folder), False
            if not durable:
                sync_folder(folder)
            if make:
                if len(self._durable) >= MOST_KNOWN_FOLDERS:
                    self._durable.clear()
                self._durable.add(path)
            folder = inner
        return folder

    def _is_taken(self, folder: Handle, key: str) -> bool:
        """Whether an object has the key; raises `ConflictError` if something else has its place."""
        try:
            mode = os.stat(key.rpartition("/")[2], dir_fd=folder.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise self._in_the_way(key)
        return True

    def _in_the_way(self, key: str) -> ConflictError:
        return ConflictError("not-an-object", f"something else than an object stands at {self.root / key}")

    def _write(self, views: Sequence[memoryview], folder: Handle, key: str) -> bool:
        scratch = Scratch(self._root)
        try:
            scratch.write(views)
            return self._place(scratch, folder, key)
        finally:
            scratch.close()

    def _place(self, scratch: Scratch, folder: Handle, key: str) -> bool:
        placed = scratch.place(folder, key.rpartition("/")[2])
        if not placed:
            self._is_taken(folder, key)
        return placed

    def _list(self, prefix: str, after: str) -> Iterator[Item]:
        path = prefix[: prefix.rfind("/") + 1]
        try:
            folder = self._folder(path.split("/")[:-1])
        except OSError as error:
            if error.errno in ABSENT:
                return
            raise
        yield from _items(folder, path, prefix, after)

    def _explained(self, error: OSError, size: int, key: str = "") -> Exception:
        """What an error of the system means to the user; itself, if that is not known."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = "the disk is full" if error.errno == errno.ENOSPC else "the quota of the disk is used up"
            status = os.statvfs(self._root.fd)
            free = status.f_bavail * status.f_frsize
            return SpaceError("disk-full", f"{full}: {_mib(size)} needed, {_mib(free)} free in {self.root}")
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            reason = os.strerror(error.errno).lower()
            return ArtError("cannot-write", f"cannot write ({reason}) in {self.root}")
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            return self._in_the_way(key)
        return error


class DiskIncoming:
    """An object that comes in pieces to a directory: see `buckets.incoming.Incoming`."""

    def __init__(self, bucket: DiskBucket, scratch: Scratch) -> None:
        self._bucket = bucket
        self._scratch = scratch

    @property
    def size(self) -> int:
        return self._scratch.size

    def write(self, data: Buffer) -> None:
        try:
            self._scratch.write([memoryview(data)])
        except OSError as error:
            raise self._bucket._explained(error, len(data), TEMPORARY) from error

    def view(self) -> memoryview:
        return self._scratch.view()

    def read(self, start: int, length: int) -> bytes:
        return self._scratch.read(start, length)

    def place(self, key: str) -> bool:
        bucket = self._bucket
        try:
            folder = bucket._folder(_split(key)[:-1], make=True)
            placed = not bucket._is_taken(folder, key) and bucket._place(self._scratch, folder, key)
            sync_folder(folder)
        except OSError as error:
            raise bucket._explained(error, self.size, key) from error
        return placed

    def close(self) -> None:
        self._scratch.close()


def _split(key: str) -> Sequence[str]:
    """The components of a key; raises `ValueError` for what is none, or would lie in the temporary folder."""
    parts = check_key(key).split("/")
    if parts[0].lower() == TEMPORARY and len(parts) > 1:  # lower: some file systems know no difference
        raise ValueError(f"not a key: {key!r}")
    return parts


def _sweep(name: str, temporary: Handle, now: float, older_than_seconds: float) -> bool:
    try:
        file = open_file(name, temporary)
        status = os.fstat(file.fd)
        if not stat.S_ISREG(status.st_mode) or abs(now - status.st_mtime) < older_than_seconds:
            return False
        try:
            fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks
        unlink(name, temporary)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in ABSENT:
            return False  # a link or a socket: none of ours
        raise
    return True


def _items(folder: Handle, path: str, prefix: str, after: str) -> Iterator[Item]:
    """The objects below `folder`, whose keys begin with `path`; one folder a level is held at a time."""
    with os.scandir(folder.fd) as entries:
        found = {
            path + entry.name + "/" * entry.is_dir(follow_symlinks=False): entry
            for entry in entries
            if KEY.fullmatch(entry.name) and (path or entry.name != TEMPORARY)
        }
    for key in sorted(found):
        entry = found[key]
        if len(key) > KEY_LENGTH:
            continue
        if key.endswith("/"):
            if (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                try:
                    inner = open_folder(entry.name, folder)
                except OSError as error:
                    if error.errno in ABSENT:
                        continue
                    raise
                yield from _items(inner, key, prefix, after)
        elif key.startswith(prefix) and key > after and entry.is_file(follow_symlinks=False):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # deleted meanwhile
            yield Item(key, status.st_size, status.st_mtime)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
