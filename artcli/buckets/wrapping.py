"""A bucket around another one, with the other's answers: what the wrapping kinds have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artcli.buckets.bucket import Bucket, Item, Piece, get_many
from artcli.content import Buffer


class WrappingBucket:
    """As `inner` in everything; a kind that wraps overrides the verbs in which it differs."""

    def __init__(self, inner: Bucket) -> None:
        self.inner = inner

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self.inner.get(key, start, length)

    def view(self, key: str) -> memoryview:
        return self.inner.view(key)

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """See `Batched.get_many`."""
        return get_many(self.inner, pieces)

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        return self.inner.add(key, data)

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        return self.inner.list(prefix, after)

    def delete(self, key: str) -> None:
        self.inner.delete(key)
