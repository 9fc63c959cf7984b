"""A folder of a bucket as a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artcli.buckets.bucket import Bucket, Item
from artcli.content import Buffer


class Prefixed:
    """The objects of `inner` whose keys begin with `prefix`, without it."""

    def __init__(self, inner: Bucket, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._inner.get(self._prefix + key, start, length)

    def view(self, key: str) -> memoryview:
        return self._inner.view(self._prefix + key)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        return self._inner.add(self._prefix + key, data)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        for item in self._inner.list(self._prefix + prefix, self._prefix + after if after else ""):
            yield item._replace(key=item.key[len(self._prefix) :])

    def delete(self, key: str) -> None:
        self._inner.delete(self._prefix + key)
