"""What a flow adds chunks to: a store's writer, or a tally that keeps nothing, for `--dry-run`."""

from __future__ import annotations

from typing import Protocol

from artcli.content import Buffer, Digest, digest_of
from artcli.store.codec import RAW, Tuner
from artcli.store.pack import Frame
from artcli.store.store import Store
from artcli.store.writer import Flushed


class Additions(Protocol):
    """The part of `store.writer.Writer` that flows use."""

    @property
    def forks(self) -> bool: ...

    def encode(self, digest: Digest, chunk: Buffer, tuner: Tuner, offset: int = 0) -> Frame | None: ...
    def add(self, frame: Frame) -> bool: ...
    def put(self, page: Buffer, /) -> Digest: ...
    def get(self, digest: Digest, /) -> bytes: ...
    def flush(self) -> Flushed: ...
    def abandon(self) -> None: ...


class Tally:
    """Counts what would be added; pages are remembered, so that a manifest can be made, chunks are not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: set[Digest] = set()
        self._pages: dict[Digest, bytes] = {}

    @property
    def forks(self) -> bool:
        return self._store.forks

    def encode(self, digest: Digest, chunk: Buffer, tuner: Tuner, offset: int = 0) -> Frame | None:
        if digest in self._seen or digest in self._store:
            return None
        return Frame(digest, RAW, len(chunk), len(chunk), ())

    def add(self, frame: Frame) -> bool:
        new = frame.digest not in self._seen
        self._seen.add(frame.digest)
        return new

    def put(self, page: Buffer, /) -> Digest:
        digest = digest_of(page)
        if digest not in self._store:
            self._pages[digest] = bytes(page)
        return digest

    def get(self, digest: Digest, /) -> bytes:
        return self._pages.get(digest) or self._store.get(digest)

    def flush(self) -> Flushed:
        return Flushed([], [], [], 0, 0)

    def abandon(self) -> None:
        self._pages.clear()
