"""The doorway: the verbs of a bucket over HTTP, for any client that knows the layout (see FORMAT.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from blake3 import blake3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from artcli.buckets.bucket import KEY, Bucket, Item, Missing
from artcli.buckets.disk import DiskBucket
from artcli.content import digest_of
from artcli.web.answers import Refused
from artcli.web.keys import Kind, kind_of, name_of
from artcli.web.portions import PORTIONS, Portion
from artcli.web.reading import CLOSED_RANGE, FAR_PIECE, Span, answer, pieces, size_of, span_of
from artcli.web.served import Served

HASHED = 1024 * 1024
"""Bytes up to which a numbered object gets an ETag: for that it is read."""
LISTED = 10_000
"""Objects in one answer to a listing."""

_PREFIX = re.compile(rf"(?:{KEY.pattern}/?)?")
BYTES = "application/octet-stream"
_FOREVER = "private, max-age=31536000, immutable"


def no_such_object() -> Refused:
    return Refused(404, "no-such-object", "there is no such object", headers={"Cache-Control": "no-store"})


def get(served: Served, key: str, kind: Kind, request: Request) -> Response:
    """GET and HEAD of an object."""
    if not isinstance(served.bucket, DiskBucket) and request.method == "GET":
        found = _get_far(served.bucket, key, kind, request)
        if found is not None:
            return found
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
        media_type=BYTES,
    )  # fmt: skip


def _get_far(bucket: Bucket, key: str, kind: Kind, request: Request) -> Response | None:
    """The same where each question is a request: one is enough for what is small, or a range; None: it is neither."""
    wanted = request.headers.get("range")
    found = CLOSED_RANGE.fullmatch(wanted or "")
    if (wanted and not found) or "if-none-match" in request.headers:
        return None
    portion = PORTIONS.one()
    most = portion.of(FAR_PIECE)
    start, length = (int(found[1]), int(found[2]) - int(found[1]) + 1) if found else (0, most)
    if not 0 < length <= most:
        return None
    try:
        data = bucket.get(key, start, length)
    except Missing:
        raise no_such_object() from None
    headers = {"Cache-Control": _FOREVER, "Accept-Ranges": "bytes"}
    if found and data:
        headers["Content-Range"] = f"bytes {start}-{start + len(data) - 1}/*"
        return _held(data, portion, 206, headers)
    if found or len(data) == length:
        return None
    headers["ETag"] = f'"b3-{digest_of(data).hex()}"'
    return _held(data, portion, 200, headers)


def _held(data: bytes, portion: Portion, status: int, headers: Mapping[str, str]) -> Response:
    """An answer of bytes that are there already; their portion is held until they are sent."""

    def content(portion: Portion) -> Iterator[bytes]:
        yield data

    portion.of(len(data))
    told = {"Content-Length": str(len(data)), **headers}
    return StreamingResponse(content(portion), status, told, media_type=BYTES)


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


async def small_body(request: Request, limit: int) -> bytes:
    """The body of a request, which is refused (413) if it is longer than `limit` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Refused(413, "too-large", f"a request of this kind has at most {limit} bytes")
    return b"".join(parts)


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
            if isinstance(served.bucket, DiskBucket) or not kind.is_numbered:
                size_of(served.bucket, key)
            return digest_of(served.bucket.get(key)).hex() if kind.is_numbered else digest
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
