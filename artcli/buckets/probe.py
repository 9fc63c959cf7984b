"""Does a place keep what the log rests on: that of all who add a name exactly one wins, and that his bytes stay?

Some servers that speak S3 take the condition and ignore it; two writers would then both have "won" the same number, and
one version would be lost without a word. So a place is tried with a fresh name before the first write. What is tried
with is deleted; where that is forbidden it stays below `probe/`, which belongs to nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.buckets.wrapping import WrappingBucket
from artcli.content import Buffer
from artcli.errors import ArtError
from artcli.threads import ahead

FOLDER = "probe/"
"""Keys below it are of probes, and mean nothing afterwards."""
RACERS = 4


def probe(bucket: Bucket) -> list[str]:
    """What the bucket does otherwise than it must, in words; nothing if it is safe for many writers.

    Raises what the bucket raises for the first write: `AuthError` where nobody may write, and so on.
    """
    keys = [FOLDER + os.urandom(16).hex() for _ in range(2)]
    try:
        return [*_second_writer(bucket, keys[0]), *_race(bucket, keys[1])]
    except FileNotFoundError:
        if isinstance(bucket, DiskBucket) and bucket.root.is_dir():
            return probe(bucket)  # somebody else's trial has ended, and took the folder away
        raise
    finally:
        _tidy(bucket, keys)


def _tidy(bucket: Bucket, keys: Sequence[str]) -> None:
    for key in keys:
        try:
            bucket.delete(key)
        except (ArtError, OSError):
            pass  # who may only add leaves them there
    if isinstance(bucket, DiskBucket):
        try:
            os.rmdir(bucket.root / FOLDER)
        except OSError:
            pass  # it holds what somebody else tries just now


def _second_writer(bucket: Bucket, key: str) -> Iterator[str]:
    first, second = (os.urandom(16) + word for word in (b" first", b" second"))
    if not bucket.add(key, first):
        yield "a fresh name is said to be taken"
    if bucket.add(key, second):
        yield "a second writer of the same name is told that he has won"
    try:
        if bucket.get(key) != first:
            yield "the bytes of the first writer are replaced"
        if bucket.get(key, 2, 3) != first[2:5]:
            yield "a range of 3 bytes gives other bytes"
        if all(item.key != key for item in bucket.list(FOLDER)):
            yield "a listing does not show what is there"
    except Missing:
        yield "what was just written is not there"
    except ArtError as error:
        yield f"what was just written cannot be read, by range or listing: {error.message}"


def _race(bucket: Bucket, key: str) -> Iterator[str]:
    start = threading.Barrier(RACERS)

    def add(number: int) -> bool:
        start.wait()
        return bucket.add(key, f"{number} of {key}".encode())

    won = sum(ahead(add, range(RACERS), workers=RACERS))
    if won != 1:
        yield f"of {RACERS} writers at once {won} are told that they have won"


class ProvenBucket(WrappingBucket):
    """`inner`, of which `prove` is called before the first `add`; it raises if nothing may be written there."""

    def __init__(self, inner: Bucket, prove: Callable[[Bucket], None]) -> None:
        super().__init__(inner)
        self._prove = prove
        self._proven = False
        self._lock = threading.Lock()

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        with self._lock:
            if not self._proven:
                self._prove(self.inner)
                self._proven = True
        return self.inner.add(key, data)
