"""A bucket far away of which this machine keeps what never changes, so that it is fetched once.

Kept are whole objects of the folders that were asked for; what is read in parts only stays where it is, for a large
index is looked up by a few small ranges. The folder of the cache may be deleted at any time. What lies in it is
verified before it is believed, since a cache on a disk rots as anything does: each copy has the digest of its key and
bytes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artcli.buckets.bucket import Bucket, Missing, Piece
from artcli.buckets.disk import DiskBucket
from artcli.buckets.retry import joined
from artcli.buckets.wrapping import WrappingBucket
from artcli.content import DIGEST_SIZE, Buffer, bound_digest
from artcli.errors import ArtError

IMMUTABLE = ("index/", "segments/")
"""What is kept, unless more is asked for."""


class CachedBucket(WrappingBucket):
    """`inner`, with copies of whole objects in a directory; any thread, and any process, may use it."""

    def __init__(self, inner: Bucket, directory: Path, folders: Sequence[str] = IMMUTABLE) -> None:
        """`directory`: for the copies of this one place, made when the first comes; `folders`: prefixes of their keys,
        of which no object ever changes.
        """
        super().__init__(inner)
        self._directory = directory
        self._folders = tuple(folders)
        self._kept: DiskBucket | None = None
        self._sound: dict[str, memoryview] = {}

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if not key.startswith(self._folders):
            return self.inner.get(key, start, length)
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        found = self._found(key)
        if found is None:
            if start or length is not None:
                return self.inner.get(key, start, length)
            found = memoryview(self._keep(key, self.inner.get(key)))
        return bytes(found[start : len(found) if length is None else start + length])

    def view(self, key: str) -> memoryview:
        if not key.startswith(self._folders):
            return self.inner.view(key)
        found = self._found(key)
        return found if found is not None else memoryview(self._keep(key, bytes(self.inner.view(key))))

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """See `Batched.get_many`; what is kept is not asked for."""
        answers: dict[Piece, bytes | None] = {}
        for piece in pieces:
            if piece.key.startswith(self._folders) and self._found(piece.key) is not None:
                answers[piece] = self.get(*piece)
        asked = [piece for piece in pieces if piece not in answers]
        answers.update(zip(asked, super().get_many(asked), strict=True))
        return [answers[piece] for piece in pieces]

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        whole = joined(data)
        added = self.inner.add(key, whole)
        if added and key.startswith(self._folders):
            self._keep(key, whole)
        return added

    def delete(self, key: str) -> None:
        self.inner.delete(key)
        if key.startswith(self._folders):
            self._forget(key)

    def _found(self, key: str) -> memoryview | None:
        """The copy, verified once; None if there is none that is sound."""
        known = self._sound.get(key)
        if known is not None:
            return known
        try:
            copy = self._disk().view(key)
        except (Missing, OSError, ArtError):
            return None
        data, digest = copy[:-DIGEST_SIZE], copy[-DIGEST_SIZE:]
        if bound_digest(key, data) != digest:
            self._forget(key)
            return None
        self._sound[key] = data
        return data

    def _keep(self, key: str, data: bytes) -> bytes:
        try:
            self._disk().add(key, [data, bound_digest(key, data)])
        except (OSError, ArtError):
            pass  # without room for a copy the object is fetched again
        return data

    def _forget(self, key: str) -> None:
        self._sound.pop(key, None)
        try:
            self._disk().delete(key)
        except (OSError, ArtError):
            pass  # whoever reads it finds it unsound again

    def _disk(self) -> DiskBucket:
        if self._kept is None:
            self._kept = DiskBucket(self._directory, create=True)
        return self._kept
