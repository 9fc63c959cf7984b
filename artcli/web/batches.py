"""Many small pieces of objects in one answer: what makes ten thousand small reads over a slow line a few requests."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from artcli.buckets.bucket import Bucket, Missing, Piece, get_many
from artcli.buckets.disk import DiskBucket
from artcli.content import digest_of
from artcli.web.answers import Refused
from artcli.web.keys import kind_of
from artcli.web.objects import BYTES, small_body
from artcli.web.reading import size_of
from artcli.web.served import Served

PIECES, SIZE, BODY = 256, 64 * 1024 * 1024, 256 * 1024
"""Most pieces of a batch, bytes of all of them, bytes of the request."""
TOGETHER = 4 * 1024 * 1024
"""Bytes that are read, and sent, together."""


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
    total = 0
    for group in _groups(bucket, wanted):
        found = _read(bucket, group)
        total += sum(len(data) for data in found if data is not None)
        if total > SIZE:
            raise Refused(413, "too-large", "the pieces of the batch are too large together")
        parts = list[bytes]()
        for data in found:
            if data is None:
                parts.append(struct.pack("<q", -1) + bytes(32))
            else:
                parts += [struct.pack("<q", len(data)), digest_of(data), data]
        yield b"".join(parts)


def _groups(bucket: Bucket, wanted: list[Piece]) -> Iterator[list[Piece]]:
    """Pieces that are read together, in order."""
    group, size = list[Piece](), 0
    for piece in wanted:
        length = piece.length
        if length is None:
            try:
                length = max(0, size_of(bucket, piece.key) - piece.start)
            except Missing:
                length = 0
        if group and size + length > TOGETHER:
            yield group
            group, size = [], 0
        group.append(piece)
        size += length
    yield group


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
