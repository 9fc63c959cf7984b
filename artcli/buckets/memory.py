"""A bucket in memory, gone with the process: for tests, for trials, for what never needs a disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from artcli.buckets.bucket import Item, Missing, check_key
from artcli.content import Buffer


class MemoryBucket:
    """Objects in a dictionary; any thread may use it."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        data = self._object(key)
        return data[start : len(data) if length is None else start + length]

    def view(self, key: str) -> memoryview:
        return memoryview(self._object(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        check_key(key)
        whole = bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else b"".join(data)
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = (whole, time.time())
            return True

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        if prefix:
            check_key(prefix + "0")
        with self._lock:
            found = sorted(
                Item(key, len(data), added)
                for key, (data, added) in self._objects.items()
                if key.startswith(prefix) and key > after
            )
        return iter(found)

    def delete(self, key: str) -> None:
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def _object(self, key: str) -> bytes:
        check_key(key)
        with self._lock:
            if key not in self._objects:
                raise Missing(key)
            return self._objects[key][0]
