"""A place behind any web server that gives out files and parts of them: to read from, never to write to.

Keys are paths below the address. Nothing can be listed, so whoever reads knows what he looks for: the log's next
number, and what the log names. `WebBucket` finds out by the first answer whether `art serve` is there or such a server,
so that a user types one address for both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from artcli.buckets.bucket import Bucket, Item, Missing, Piece, check_key, get_many
from artcli.buckets.http import HttpBucket, NotArt, checked, no_ranges
from artcli.buckets.line import Line, failure
from artcli.content import Buffer, Digest
from artcli.errors import AuthError, ConflictError, IntegrityError, NotFoundError

R = TypeVar("R")

_FIRST = "config"


class StaticBucket:
    """The files that `line` leads to; any thread may use it."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """See `Bucket.get`. Raises `ConflictError` (`no-ranges`) where the server gives whole files only."""
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        headers = {}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + max(length, 1) - 1}"
        limit = None if length is None else max(length, 1)
        try:
            answer = self.line.request("GET", f"/{check_key(key)}", headers=headers, limit=limit)
        except IntegrityError:
            raise no_ranges(self.line.place) from None  # more than was asked for: none of it is kept
        if answer.status == 416:
            return b""
        if answer.status in (404, 410):
            raise Missing(key)
        if answer.status not in (200, 206):
            raise failure(self.line.place, answer)
        checked(self.line.place, answer, start, length)
        return answer.body if length != 0 else b""

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        raise self._read_only()

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        raise ConflictError(
            "not-listed", f"the web server at {self.line.place} lists nothing", hint="art help not-listed"
        )

    def delete(self, key: str) -> None:
        raise self._read_only()

    def _read_only(self) -> AuthError:
        return AuthError(
            "read-only-place", f"{self.line.place} is a plain web server, and can only be read from",
            hint="art help read-only-place",
        )  # fmt: skip


class WebBucket:
    """`art serve` or a plain web server, whichever answers at the end of `line`."""

    def __init__(self, line: Line) -> None:
        self.inner: Bucket = HttpBucket(line)
        self._line = line
        self._lock = threading.Lock()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._either(lambda: self.inner.get(key, start, length))

    def view(self, key: str) -> memoryview:
        return self._either(lambda: self.inner.view(key))

    def get_many(self, pieces: Sequence[Piece]) -> list[bytes | None]:
        """See `Batched.get_many`."""
        return self._either(lambda: get_many(self.inner, pieces))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        return self._either(lambda: self.inner.add(key, data))

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        items = self.inner.list(prefix, after)
        try:
            first = next(items, None)
        except NotArt as error:
            self._be_plain(error)
            items = self.inner.list(prefix, after)
            first = next(items, None)
        if first is not None:
            yield first
            yield from items

    def delete(self, key: str) -> None:
        self._either(lambda: self.inner.delete(key))

    def stated(self, key: str) -> Digest | None:
        """See `Stating.stated`."""
        return self.inner.stated(key) if isinstance(self.inner, HttpBucket) else None

    def _either(self, operation: Callable[[], R]) -> R:
        try:
            return operation()
        except NotArt as error:
            self._be_plain(error)
            return operation()

    def _be_plain(self, error: NotArt) -> None:
        """From now on a plain server; raises `NotFoundError` (`no-place`) if that has no place either."""
        with self._lock:
            if isinstance(self.inner, StaticBucket):
                return
            plain = StaticBucket(self._line)
            try:
                plain.get(_FIRST)
            except (Missing, AuthError):
                raise NotFoundError(
                    "no-place",
                    f"there is no repository at {self._line.place}",
                    facts=["the server that answers is not art serve, nor has it the files of a place"],
                    hint="art help no-place",
                ) from error
            self.inner = plain
