"""A file of a version, open to be read anywhere in it: the chunks that are asked for are read, nothing is written."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from typing import IO, Any

from artcli.catalog.manifest import REFERENCE, SIZE_LIMIT, Entry
from artcli.catalog.repository import Repository
from artcli.flows import contents
from artcli.flows.references import fetch
from artcli.threads import worker_count

BUFFER = 256 * 1024
FAR = 4 << 20
"""Bytes read at a time, unless more are asked for: of what is here, and of what lies elsewhere."""


def opened(repository: Repository, entry: Entry, mode: str, encoding: str | None) -> IO[Any]:
    """The file as `mode` (rb or r) says; gc waits until it is closed."""
    file = io.BufferedReader(_File(repository, entry), FAR if entry.kind == REFERENCE else BUFFER)
    return file if mode == "rb" else io.TextIOWrapper(file, encoding or "utf-8")


class _File(io.RawIOBase):
    def __init__(self, repository: Repository, entry: Entry) -> None:
        super().__init__()
        self._lock = ExitStack()
        self._entry = entry
        self._size = entry.size
        if entry.kind == REFERENCE:
            size = fetch.size_of(entry)
            self._size = SIZE_LIMIT if size is None else size
        self._lock.enter_context(repository.reading())
        self._store = repository.store
        self._at = 0
        self.name = os.fsdecode(entry.path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"a place before the beginning: {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._size)
        count = 0
        for part in self._parts(end):
            view[count : count + len(part)] = part
            count += len(part)
        self._at += count
        return count

    def readall(self) -> bytes:
        data = b"".join(self._parts(self._size))
        self._at += len(data)
        return data

    def _parts(self, end: int) -> Any:
        if self._at >= end:
            return ()
        if self._entry.kind == REFERENCE:
            return fetch.part(self._entry, self._at, end)
        return contents.file(self._store, self._store, self._entry, workers=worker_count(), start=self._at, end=end)

    def close(self) -> None:
        if not self.closed:
            self._lock.close()
        super().close()
