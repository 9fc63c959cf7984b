"""Reading the files of a store on a disk that may be failing.

The store maps its files into memory, which is fast; but where the disk cannot read a sector, a map kills the process.
Who looks for damage, or must not be stopped by it, reads through here: whatever is wrong with a file is an
`IntegrityError`.
"""

from __future__ import annotations

import os

from blake3 import blake3

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.memory import MemoryBucket
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.store.index import Index, index_key
from artcli.store.pack import LIMIT, pack_key

PIECE = 1024 * 1024
"""Bytes read at a time."""


def read(bucket: Bucket, key: str, start: int = 0, length: int | None = None) -> bytes:
    """As `Bucket.get`; raises `IntegrityError` (`missing-file`, `unreadable-file`)."""
    try:
        return bucket.get(key, start, length)
    except Missing:
        raise IntegrityError("missing-file", f"it is not there: {key}") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise IntegrityError("unreadable-file", f"the disk cannot read it ({reason}): {key}") from error


def digest_of_file(bucket: Bucket, key: str) -> tuple[Digest, int]:
    """(digest, size in bytes) of an object, read piece by piece; raises as `read`."""
    hasher = blake3()
    size = 0
    while piece := read(bucket, key, size, PIECE):
        hasher.update(piece)
        size += len(piece)
        if len(piece) < PIECE:
            break
    return hasher.digest(), size


def open_index(bucket: Bucket, name: str) -> Index:
    """The index of that name, after all of its bytes were found right; raises `IntegrityError`."""
    try:
        digest, _ = digest_of_file(bucket, index_key(name))
    except IntegrityError as error:
        slug = "missing-index" if error.slug == "missing-file" else error.slug
        raise IntegrityError(slug, error.message) from error
    if digest.hex() != name:
        raise IntegrityError("damaged-index", f"its bytes are not those it is named by: index {name}")
    return Index.open(bucket, name)


def load_pack(bucket: Bucket, pack: Digest) -> tuple[MemoryBucket, memoryview]:
    """A pack's bytes, and a bucket in memory that holds them alone; raises as `read`."""
    key = pack_key(pack)
    memory = MemoryBucket()
    memory.add(key, read(bucket, key, 0, LIMIT + 1))  # a byte too many shows that it is too long
    return memory, memory.view(key)
