"""Many small pieces of objects in one answer: what makes ten thousand small reads over a slow line a few requests."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from blake3 import blake3
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from artcli.buckets.bucket import Bucket, Missing, Piece, get_many
from artcli.buckets.disk import DiskBucket
from artcli.buckets.incoming import Incoming, receive
from artcli.content import digest_of
from artcli.web.answers import Refused
from artcli.web.keys import kind_of
from artcli.web.objects import BYTES, small_body
from artcli.web.portions import PORTIONS, Portion
from artcli.web.reading import size_of
from artcli.web.served import Served

PIECES, SIZE, BODY = 256, 64 * 1024 * 1024, 256 * 1024
"""Most pieces of a batch, bytes of all of them, bytes of the request."""
TOGETHER = 4 * 1024 * 1024
"""Bytes that are read, and sent, together, at most."""
_HEAD = struct.Struct("<q32s")
_NONE = _HEAD.pack(-1, bytes(32))


async def batch(served: Served, request: Request, any_key: bool) -> Response:
    """POST of a batch; raises `Refused` (400, 413)."""
    wanted = _wanted(await small_body(request, BODY), any_key)
    lines = _batched(served.bucket, wanted)
    return StreamingResponse(lines, 200, {"Cache-Control": "no-store"}, media_type=BYTES)


def _wanted(body: bytes, any_key: bool) -> list[Piece]:
    try:
        items = json.loads(body)
        found = [Piece(str(item["key"]), item.get("start", 0), item.get("length")) for item in items]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(400, "bad-batch", 'a batch is a list of {"key", "start", "length"} in JSON') from None
    if not 0 < len(found) <= PIECES:
        raise Refused(400, "bad-batch", f"a batch has 1 to {PIECES} pieces")
    for key, start, length in found:
        if kind_of(key, any_key=any_key) is None:
            raise Refused(400, "bad-key", "a piece is of no key that there can be")
        if not _is_count(start) or not (length is None or _is_count(length)):
            raise Refused(400, "bad-batch", "start and length are numbers from 0 on")
    if sum(length or 0 for _, _, length in found) > SIZE:
        raise Refused(413, "too-large", f"the pieces of a batch have at most {SIZE} bytes together")
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _batched(bucket: Bucket, wanted: list[Piece]) -> Iterator[bytes]:
    """What would go beyond the size of a batch breaks it off."""
    portion, total = PORTIONS.one(), 0
    for group, size in _groups(bucket, wanted, portion):
        total += size
        if total > SIZE:
            raise Refused(413, "too-large", "the pieces of the batch are too large together")
        if len(group) == 1 and size > portion.of(TOGETHER):
            yield from _large(bucket, group[0], size, portion)
        else:
            yield _packed(_read(bucket, group))


def _groups(bucket: Bucket, wanted: list[Piece], portion: Portion) -> Iterator[tuple[list[Piece], int]]:
    """Pieces that are read together, in order, and how many bytes they have at most; a large one is alone."""
    group, size = list[Piece](), 0
    for piece in wanted:
        length = _length(bucket, piece)
        if group and size + length > portion.of(TOGETHER):
            yield group, size
            group, size = [], 0
        group.append(piece)
        size += length
    yield group, size


def _length(bucket: Bucket, piece: Piece) -> int:
    """Bytes of a piece, at most."""
    if piece.length is not None:
        return piece.length
    try:
        return max(0, size_of(bucket, piece.key) - piece.start)
    except Missing:
        return 0


def _read(bucket: Bucket, group: Sequence[Piece]) -> list[bytes | None]:
    if not isinstance(bucket, DiskBucket):
        return get_many(bucket, group)
    found = list[bytes | None]()
    for piece in group:
        try:
            found.append(bucket.get(*piece))
        except Missing:
            found.append(None)
    return found


def _packed(found: list[bytes | None]) -> bytes:
    parts = list[bytes]()
    for data in found:
        parts += (_NONE,) if data is None else (_HEAD.pack(len(data), digest_of(data)), data)
    return b"".join(parts)


def _large(bucket: Bucket, piece: Piece, size: int, portion: Portion) -> Iterator[bytes]:
    """A piece that is more than a portion. Its digest is sent before it, so it is read twice.

    What is far away is read once, into a file.
    """

    def read(start: int, length: int) -> bytes:
        return bucket.get(piece.key, piece.start + start, length)

    copy = None if isinstance(bucket, DiskBucket) else receive(bucket)
    try:
        head, found = _head(_blocks(read, size, portion), copy)
        yield head
        yield from _blocks(copy.read if copy else read, found, portion)
    finally:
        if copy:
            copy.close()


def _head(blocks: Iterator[bytes], copy: Incoming | None) -> tuple[bytes, int]:
    """What is sent before a piece, and how many bytes it has."""
    hasher, found = blake3(), 0
    try:
        for data in blocks:
            hasher.update(data)
            found += len(data)
            if copy:
                copy.write(data)
    except Missing:
        return _NONE, 0
    return _HEAD.pack(found, hasher.digest()), found


def _blocks(read: Callable[[int, int], bytes], size: int, portion: Portion) -> Iterator[bytes]:
    """`size` bytes, or as many as there are, of what `read` gives from a start on."""
    start = 0
    while start < size and (data := read(start, portion.of(min(TOGETHER, size - start)))):
        start += len(data)
        yield data
        del data
