"""A bucket in one file, to be carried: written once from front to back, then only read.

    magic    8 bytes, "artbndl1"
    objects  back to back, each the bytes of its key
    table    a row for each object, sorted by key: key length u16, offset u64, size u64, BLAKE3 of the object, key
    end      table length u64, BLAKE3 of the table, 8 bytes "artbndlE"

Little-endian. What has no end was cut off; what differs from its digest was damaged on the way. A file of a user's is
never mapped into memory: somebody may shorten it while it is read.
"""

from __future__ import annotations

import os
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from blake3 import blake3

from artcli.buckets.bucket import KEY, KEY_LENGTH, Item, Missing, check_key
from artcli.content import DIGEST_SIZE, Buffer, digest_of
from artcli.errors import ArtError, IntegrityError

MAGIC, END_MAGIC = b"artbndl1", b"artbndlE"
TABLE_LIMIT = 256 << 20
"""Bytes of the largest table: some two million objects."""
_ROW = struct.Struct(f"<HQQ{DIGEST_SIZE}s")
_END = struct.Struct(f"<Q{DIGEST_SIZE}s{len(END_MAGIC)}s")
_BLOCK = 1 << 20


class Kept(NamedTuple):
    """Where an object lies in the file."""

    offset: int
    size: int
    digest: bytes


class BundleBucket:
    """The objects of the bundle `path`; any thread may read. Use it in `with`, or `close` it."""

    def __init__(self, path: Path) -> None:
        """Raises `IntegrityError` (`damaged-bundle`) for what is no whole bundle, OSError for what cannot be read."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._time = os.fstat(self._fd).st_mtime
            self._kept = self._read_table()
        except BaseException:
            os.close(self._fd)
            raise
        self._keys = list(self._kept)

    def __enter__(self) -> BundleBucket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        kept = self._kept.get(check_key(key))
        if kept is None:
            raise Missing(key)
        end = kept.size if length is None else min(kept.size, start + length)
        return self._read(kept.offset + start, max(0, end - start))

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        """Raises `ArtError` (`cannot-write`): a bundle is only read."""
        raise ArtError("cannot-write", f"a bundle is never written to again: {self.path}", hint="art bundle --help")

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        for key in self._keys[bisect_right(self._keys, max(after, prefix[:-1])) :]:
            if key.startswith(prefix):
                yield Item(key, self._kept[key].size, self._time)
            elif key > prefix:
                return

    def delete(self, key: str) -> None:
        """Raises as `add`."""
        self.add(key, b"")

    def check(self) -> Iterator[tuple[str, int]]:
        """Compare every object with its digest: keys and sizes, as they are done.

        Raises `IntegrityError` (`damaged-bundle`) at the first that is not what it was.
        """
        for key, kept in self._kept.items():
            hasher = blake3()
            for at in range(0, kept.size, _BLOCK):
                hasher.update(self._read(kept.offset + at, min(_BLOCK, kept.size - at)))
            if hasher.digest() != kept.digest:
                raise self._damaged(f"{key} is not what it was when the bundle was made")
            yield key, kept.size

    def _read(self, offset: int, size: int) -> bytes:
        parts = []
        while size:
            part = os.pread(self._fd, min(size, 1 << 30), offset)
            if not part:
                raise self._damaged("it has become shorter")
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_table(self) -> dict[str, Kept]:
        whole = os.fstat(self._fd).st_size
        if whole < len(MAGIC) + _END.size or self._read(0, len(MAGIC)) != MAGIC:
            raise self._damaged("it does not begin as a bundle does")
        length, digest, magic = _END.unpack(self._read(whole - _END.size, _END.size))
        begin = whole - _END.size - length
        if magic != END_MAGIC:
            raise self._damaged("it does not end as a bundle does: it was cut off")
        if length > TABLE_LIMIT or begin < len(MAGIC):
            raise self._damaged("its table is longer than it can be")
        table = self._read(begin, length)
        if digest_of(table) != digest:
            raise self._damaged("its table is not what it was")
        return self._rows(table, begin)

    def _rows(self, table: bytes, end: int) -> dict[str, Kept]:
        kept: dict[str, Kept] = {}
        at, last = 0, ""
        while at < len(table):
            if at + _ROW.size > len(table):
                raise self._damaged("its table ends within a row")
            size, offset, length, digest = _ROW.unpack_from(table, at)
            at += _ROW.size
            key = table[at : at + size].decode("latin-1")
            at += size
            if len(key) != size or size > KEY_LENGTH or not KEY.fullmatch(key) or key <= last:
                raise self._damaged("its table has a name that nothing can have")
            if not len(MAGIC) <= offset <= offset + length <= end:
                raise self._damaged(f"{key} lies outside of it")
            kept[key] = Kept(offset, length, digest)
            last = key
        return kept

    def _damaged(self, why: str) -> IntegrityError:
        return IntegrityError(
            "damaged-bundle", f"the bundle is damaged: {self.path}", facts=[why], hint=f"art bundle verify {self.path}"
        )


class BundleBeingMade:
    """The same bucket while it is written; it becomes a bundle with `finish`. Any thread may add and read."""

    def __init__(self, fd: int) -> None:
        """`fd`: an empty file, open to be read and written, which stays its owner's."""
        self._fd = fd
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._end = 0
        self._write([MAGIC])

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._end

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        kept = self._kept.get(check_key(key))
        if kept is None:
            raise Missing(key)
        end = kept.size if length is None else min(kept.size, start + length)
        return os.pread(self._fd, max(0, end - start), kept.offset + start)

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        parts = [data] if isinstance(data, bytes | bytearray | memoryview) else list(data)
        hasher = blake3()
        for part in parts:
            hasher.update(part)
        with self._lock:
            if check_key(key) in self._kept:
                return False
            offset = self._end
            self._write(parts)
            self._kept[key] = Kept(offset, self._end - offset, hasher.digest())
        return True

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        for key in sorted(self._kept):
            if key.startswith(prefix) and key > after:
                yield Item(key, self._kept[key].size, 0.0)

    def delete(self, key: str) -> None:
        """Raises `ArtError` (`cannot-write`): what is written stays."""
        raise ArtError("cannot-write", "nothing is taken out of a bundle again", hint="art bundle --help")

    def finish(self) -> None:
        """Write what is behind the objects, and see that all of it is on the disk."""
        table = bytearray()
        for key, kept in sorted(self._kept.items()):
            table += _ROW.pack(len(key), kept.offset, kept.size, kept.digest) + key.encode("latin-1")
        with self._lock:
            self._write([bytes(table), _END.pack(len(table), digest_of(table), END_MAGIC)])
        os.fsync(self._fd)

    def _write(self, parts: Sequence[Buffer]) -> None:
        for part in parts:
            view = memoryview(part).cast("B")
            while view:
                count = os.pwrite(self._fd, view, self._end)
                view, self._end = view[count:], self._end + count
