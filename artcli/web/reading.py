"""Bytes on their way out: an object or a range of it in pieces, so that memory is bounded however large it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from artcli.buckets.bucket import KEY, Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.web.answers import Refused
from artcli.web.portions import PORTIONS

PIECE = 1024 * 1024
"""Bytes that are read from a directory at once, at most."""
FAR_PIECE = 8 * 1024 * 1024
"""The same of a bucket elsewhere, where each read is a request."""

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)

CLOSED_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)


class Span(NamedTuple):
    """Bytes `start` to `end` (not included) of `size`."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start


def span_of(header: str | None, size: int) -> Span | None:
    """The span that a Range header asks for, None if it asks for all.

    One range of bytes is understood; anything else, and what lies outside, is refused (416).
    """
    if header is None:
        return None
    found = _RANGE.fullmatch(header.strip())
    first, last = found.groups() if found else ("", "")
    if found and first and (not last or int(last) >= int(first)) and int(first) < size:
        return Span(int(first), min(int(last) + 1, size) if last else size, size)
    if found and not first and last and int(last) > 0 and size:
        return Span(max(0, size - int(last)), size, size)
    raise Refused(
        416, "bad-range", "the range is not one of bytes of this object", headers={"Content-Range": f"bytes */{size}"}
    )


def size_of(bucket: Bucket, key: str) -> int:
    """Bytes of an object; raises `Missing`."""
    if isinstance(bucket, DiskBucket):
        return bucket.size(key)
    found = next(bucket.list(key, key[:-1] if KEY.fullmatch(key[:-1]) else ""), None)
    if found is not None and found.key == key:
        return found.size
    return len(bucket.get(key))  # a listing is a hint: it may be there all the same


def pieces(bucket: Bucket, key: str, span: Span) -> Iterator[bytes]:
    """The bytes of a span; an object that goes meanwhile breaks off, and the client sees fewer than it was told."""
    most = PIECE if isinstance(bucket, DiskBucket) else FAR_PIECE
    portion, start = PORTIONS.one(), span.start
    while start < span.end:
        data = bucket.get(key, start, portion.of(min(most, span.end - start)))
        if not data:
            raise Missing(key)
        start += len(data)
        yield data
        del data  # before the next is read


def answer(
    content: Iterator[bytes], span: Span, *, partial: bool, head: bool, headers: Mapping[str, str], media_type: str
) -> Response:
    """200, or 206 if `partial`, with these bytes, or for HEAD without them."""
    status = 206 if partial else 200
    told = {"Content-Length": str(span.length), "Accept-Ranges": "bytes", **headers}
    if partial:
        told["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{span.size}"
    if head or not span.length:
        return Response(b"", status, told, media_type=media_type)
    return StreamingResponse(content, status, told, media_type=media_type)
