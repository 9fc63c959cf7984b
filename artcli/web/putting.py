"""PUT of an object: its head is judged before a byte of its body, its body before anybody can see it."""

from __future__ import annotations

import re
from collections.abc import Callable

from blake3 import blake3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from artcli.buckets.incoming import Incoming, receive
from artcli.web.answers import Refused
from artcli.web.keys import Kind, name_of
from artcli.web.portions import PORTIONS
from artcli.web.served import Served

TOGETHER = 512 * 1024
"""Bytes of a body that are hashed and written at once, at most."""

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")

Check = Callable[[Incoming], None]
"""Raises `Refused` if what has come is not what it must be."""


def declared_length(request: Request, limit: int) -> int:
    """Bytes of the body as its head says; refused if it does not say (411), or more than `limit` (413)."""
    text = request.headers.get("content-length")
    if text is None:
        raise Refused(411, "length-required", "an object is sent with its Content-Length")
    if not _LENGTH.fullmatch(text) or int(text) > limit:
        raise Refused(413, "too-large", f"an object of this kind has at most {limit} bytes")
    return int(text)


def declared_digest(request: Request, key: str, kind: Kind) -> str:
    """The digest that the head of a PUT states; refused if it overwrites (428), or is not that of the name (422)."""
    if request.headers.get("if-none-match") != "*" or "if-match" in request.headers:
        raise Refused(428, "condition-required", "nothing is overwritten: send If-None-Match: *")
    digest = request.headers.get("x-art-b3", "")
    if not _DIGEST.fullmatch(digest):
        raise Refused(400, "digest-required", "an object is sent with X-Art-B3, the BLAKE3 of its bytes in hex")
    if not kind.is_numbered and digest != name_of(key):
        raise Refused(422, "wrong-name", "an object of this kind is named by the digest of its bytes")
    return digest


async def put(served: Served, key: str, request: Request, check: Check, digest: str) -> bool:
    """Receive, check, place; False if the key is taken. `digest`: what the bytes must have."""
    incoming = await run_in_threadpool(receive, served.bucket)
    try:
        if await _receive(request, incoming) != digest:
            raise wrong_digest()
        await run_in_threadpool(check, incoming)
        return await run_in_threadpool(incoming.place, key)
    finally:
        await run_in_threadpool(incoming.close)


def wrong_digest() -> Refused:
    """The refusal of bytes that are not those of X-Art-B3."""
    return Refused(422, "wrong-digest", "the bytes that came are not those that X-Art-B3 states")


async def _receive(request: Request, incoming: Incoming) -> str:
    """The digest of the body, which is now in `incoming`."""
    hasher = blake3()

    def take(parts: list[bytes]) -> None:
        for part in parts:
            hasher.update(part)
            incoming.write(part)

    portion, parts, size = PORTIONS.one(), list[bytes](), 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size >= portion.of(TOGETHER):
            await run_in_threadpool(take, parts)
            parts, size = [], 0
    await run_in_threadpool(take, parts)
    return hasher.hexdigest()
