"""A bucket is a place that keeps named bytes: a directory, memory, a server, an object store.

Four verbs are the whole contract. There is one way to write, `add`, and it never overwrites: whoever adds a name first
has won it, which is all that the numbered log needs to be safe among many writers. A bucket knows no digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from artcli.content import Buffer
from artcli.threads import ahead

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
KEY_LENGTH = 512

READERS = 8
"""Threads that read pieces from a bucket which takes them one by one, unless it says of itself how many it is best
asked by (as `READERS`): over a network each waits for its answer."""


class Missing(KeyError):
    """No object has this key."""


class Item(NamedTuple):
    """An object as a listing shows it."""

    key: str
    size: int
    """Bytes."""
    time: float
    """Seconds since 1970 by the bucket's own clock; information, never used for correctness."""


class Bucket(Protocol):
    """Keys are relative paths of the grammar `KEY`; anything else raises `ValueError`."""

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """The object's bytes from `start`, at most `length` of them; fewer (even none) past its end.

        Raises `Missing` if there is no such object.
        """

    def view(self, key: str) -> memoryview:
        """The whole object, memory-mapped where the bucket can; raises `Missing`."""

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        """Keep `data` (joined, if a sequence) under `key`, durably when this returns; False if the name is taken.

        All or nothing: no reader ever sees a part. An object that exists is never touched, whatever its bytes.
        """

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        """Objects whose key starts with `prefix` and sorts after `after`, sorted by key.

        A hint, never the truth: an object added meanwhile may be missing. Names outside the grammar are left out.
        """

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""


class Piece(NamedTuple):
    """A part of an object, as `Bucket.get` takes it."""

    key: str
    start: int = 0
    length: int | None = None


@runtime_checkable
class Batched(Protocol):
    """What a bucket may offer besides, if many small reads cost it less together: one request over a network."""

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """The bytes of each piece, as `Bucket.get` gives them, in order; None where there is no such object."""


def is_batched(bucket: Bucket) -> bool:
    """Whether many small reads cost it less together, seen through buckets that wrap it (which have it as `inner`)."""
    inner = getattr(bucket, "inner", None)
    return isinstance(bucket, Batched) if inner is None else is_batched(inner)


def get_many(bucket: Bucket, pieces: Sequence[Piece]) -> list[bytes | None]:
    """As `Batched.get_many`; where the bucket has not that, piece by piece."""
    return bucket.get_many(pieces) if isinstance(bucket, Batched) else one_by_one(bucket, pieces)


def one_by_one(bucket: Bucket, pieces: Sequence[Piece]) -> list[bytes | None]:
    """As `Batched.get_many`, in a few threads."""

    def read(piece: Piece) -> bytes | None:
        try:
            return bucket.get(*piece)
        except Missing:
            return None

    if len(pieces) == 1:
        return [read(pieces[0])]
    return list(ahead(read, pieces, workers=_readers(bucket)))


def _readers(bucket: Bucket) -> int:
    inner = getattr(bucket, "inner", None)
    return int(getattr(bucket, "READERS", READERS)) if inner is None else _readers(inner)


def may_fork(bucket: Bucket) -> bool:
    """Whether a process that is forked may read on: a bucket that allows it says so by `forks`."""
    inner = getattr(bucket, "inner", None)
    return bool(getattr(bucket, "forks", False)) if inner is None else may_fork(inner)


@runtime_checkable
class Cached(Protocol):
    """What a bucket may offer besides, if the operating system keeps its objects in memory."""

    def release(self, key: str) -> None:
        """The object will not be read soon: its memory may serve others."""


def check_key(key: str) -> str:
    """`key` itself; raises `ValueError` unless it is of the grammar, so that no key can leave the bucket."""
    if len(key) > KEY_LENGTH or not KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key
