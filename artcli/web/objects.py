"""The doorway: the verbs of a bucket over HTTP, for any client that knows the layout (see FORMAT.md)."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from typing import Any

from blake3 import blake3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from artcli.buckets.bucket import KEY, Bucket, Item, Missing
from artcli.buckets.disk import DiskBucket
from artcli.content import digest_of
from artcli.web.answers import Refused
from artcli.web.keys import Kind, kind_of, name_of
from artcli.web.reading import Span, answer, pieces, size_of, span_of
from artcli.web.served import Served

HASHED = 1024 * 1024
"""Bytes up to which a numbered object gets an ETag: for that it is read."""
LISTED = 10_000
"""Objects in one answer to a listing."""
BATCH_PIECES, BATCH_SIZE, BATCH_BODY = 256, 64 * 1024 * 1024, 256 * 1024
TOGETHER = 1024 * 1024
"""Bytes of small answers that are sent together."""

_PREFIX = re.compile(rf"(?:{KEY.pattern}/?)?")
_FOREVER = "private, max-age=31536000, immutable"


def no_such_object() -> Refused:
    return Refused(404, "no-such-object", "there is no such object", headers={"Cache-Control": "no-store"})


def get(served: Served, key: str, kind: Kind, request: Request) -> Response:
    """GET and HEAD of an object."""
    bucket = served.bucket
    try:
        size = size_of(bucket, key)
        tag = _tag(bucket, key, kind, size)
    except Missing:
        raise no_such_object() from None
    headers = {"Cache-Control": _FOREVER, **({"ETag": tag} if tag else {})}
    if tag and request.headers.get("if-none-match") in (tag, "*"):
        return Response(b"", 304, headers)
    span = span_of(request.headers.get("range"), size)
    whole = span or Span(0, size, size)
    return answer(
        pieces(bucket, key, whole), whole, partial=span is not None, head=request.method == "HEAD", headers=headers,
        media_type="application/octet-stream",
    )  # fmt: skip


def _tag(bucket: Bucket, key: str, kind: Kind, size: int) -> str:
    if not kind.is_numbered:
        return f'"b3-{name_of(key)}"'
    return f'"b3-{digest_of(bucket.get(key)).hex()}"' if size <= HASHED else ""


def list_(served: Served, request: Request, any_key: bool) -> Response:
    """Objects by key, as lines of JSON; the last line says what comes next, and digests the others."""
    query = request.query_params
    prefix, after = query.get("prefix", ""), query.get("after", "")
    limit = query.get("limit", str(LISTED))
    if not (
        _PREFIX.fullmatch(prefix) and (not after or KEY.fullmatch(after)) and re.fullmatch("[1-9][0-9]{0,8}", limit)
    ):
        raise Refused(400, "bad-listing", "prefix and after are of keys, limit is a number from 1 on")
    try:
        items = served.bucket.list(prefix, after)
    except ValueError:
        raise Refused(400, "bad-listing", "prefix and after are of keys that there can be") from None
    lines = _listed(items, min(int(limit), LISTED), any_key)
    return StreamingResponse(lines, 200, {"Cache-Control": "no-store"}, media_type="application/x-ndjson")


def _listed(items: Iterator[Item], limit: int, any_key: bool) -> Iterator[bytes]:
    hasher, lines, count, last = blake3(), list[bytes](), 0, None
    more = False
    for item in items:
        if kind_of(item.key, any_key=any_key) is None:
            continue
        if count == limit:
            more = True
            break
        line = json.dumps({"key": item.key, "size": item.size, "mtime": item.time}).encode() + b"\n"
        hasher.update(line)
        lines.append(line)
        count, last = count + 1, item.key
        if len(lines) == 500:
            yield b"".join(lines)
            lines.clear()
    end = {"next": last if more else None, "count": count, "b3": hasher.hexdigest()}
    yield b"".join([*lines, json.dumps(end).encode() + b"\n"])


async def batch(served: Served, request: Request, any_key: bool) -> Response:
    """Many small pieces in one answer."""
    wanted = _wanted(await small_body(request, BATCH_BODY), any_key)
    return StreamingResponse(_batched(served.bucket, wanted), 200, {"Cache-Control": "no-store"},
                             media_type="application/octet-stream")  # fmt: skip


async def small_body(request: Request, limit: int) -> bytes:
    """The body of a request, which is refused (413) if it is longer than `limit` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Refused(413, "too-large", f"a request of this kind has at most {limit} bytes")
    return b"".join(parts)


def _wanted(body: bytes, any_key: bool) -> list[tuple[str, int, int | None]]:
    try:
        found = [(str(item["key"]), item.get("start", 0), item.get("length")) for item in json.loads(body)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(400, "bad-batch", 'a batch is a list of {"key", "start", "length"} in JSON') from None
    if not 0 < len(found) <= BATCH_PIECES:
        raise Refused(400, "bad-batch", f"a batch has 1 to {BATCH_PIECES} pieces")
    for key, start, length in found:
        if kind_of(key, any_key=any_key) is None:
            raise Refused(400, "bad-key", "a piece is of no key that there can be")
        if not _is_count(start) or not (length is None or _is_count(length)):
            raise Refused(400, "bad-batch", "start and length are numbers from 0 on")
    if sum(length or 0 for _, _, length in found) > BATCH_SIZE:
        raise Refused(413, "too-large", f"the pieces of a batch have at most {BATCH_SIZE} bytes together")
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _batched(bucket: Bucket, wanted: list[tuple[str, int, int | None]]) -> Iterator[bytes]:
    """Small pieces are sent together; what would go beyond the size of a batch breaks it off."""
    ready, size, total = list[bytes](), 0, 0
    for key, start, length in wanted:
        try:
            there = max(0, size_of(bucket, key) - start) if isinstance(bucket, DiskBucket) or length is None else length
            total += there if length is None else min(there, length)
            if total > BATCH_SIZE:
                raise Refused(413, "too-large", "the pieces of the batch are too large together")
            data = bucket.get(key, start, length)
            ready += [struct.pack("<q", len(data)), digest_of(data), data]
            size += len(data) + 40
        except Missing:
            ready.append(struct.pack("<q", -1) + bytes(32))
            size += 40
        if size >= TOGETHER:
            yield b"".join(ready)
            ready.clear()
            size = 0
    yield b"".join(ready)


def delete(served: Served, key: str, kind: Kind) -> Response:
    """DELETE of a pack or an index."""
    if kind not in (Kind.PACK, Kind.INDEX, Kind.OTHER):
        raise Refused(
            405, "not-deleted", "only packs and indexes are ever deleted", headers={"Allow": "GET, HEAD, PUT"}
        )
    served.bucket.delete(key)
    return Response(None, 204)


async def existing(served: Served, key: str, kind: Kind, digest: str) -> Response | None:
    """The answer to a PUT whose key is taken; None if it is not."""

    def look() -> str | None:
        try:
            if not kind.is_numbered:
                size_of(served.bucket, key)
                return digest
            return digest_of(served.bucket.get(key)).hex()
        except Missing:
            return None

    stored = await run_in_threadpool(look)
    if stored is None:
        return None
    if stored == digest:
        return JSONResponse({"existed": True, "digest": stored}, 200, {"X-Art-Existed": "1"})
    raise Refused(
        412, "name-taken", "other bytes have this name, and nothing is ever overwritten", more={"digest": stored}
    )
