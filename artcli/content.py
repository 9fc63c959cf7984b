"""Names of content: a digest is the BLAKE3 of the bytes that it names.

Algorithm: BLAKE3, https://github.com/BLAKE3-team/BLAKE3-specs, 256-bit output. A file's digest is what `b3sum` prints.
"""

from __future__ import annotations

from typing import TypeAlias

from blake3 import blake3

Digest: TypeAlias = bytes
"""32 bytes."""

Buffer: TypeAlias = "bytes | bytearray | memoryview"
"""Bytes in memory, not copied by whoever passes them on."""

DIGEST_SIZE = 32


def digest_of(data: Buffer) -> Digest:
    """The digest of bytes in memory."""
    return blake3(data).digest()


def bound_digest(key: str, data: Buffer) -> Digest:
    """The digest of bytes *at a place*: swapping two objects that each carry such a digest is found out."""
    hasher = blake3(key.encode() + b"\0")
    hasher.update(data)
    return hasher.digest()
