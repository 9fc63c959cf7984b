"""A bucket behind `art serve`, which has the verbs of a bucket as paths below `/v1/` (see FORMAT.md).

What comes is compared with the digest that the server states, where it states one: then it is the line that broke, and
asking again helps; whether bytes are what their *name* says is judged above, as from any place. Many small pieces come
in one answer.
"""

from __future__ import annotations

import builtins
import json
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from blake3 import blake3

from artcli.buckets.bucket import KEY, Item, Missing, Piece, check_key, one_by_one
from artcli.buckets.line import Answer, Line, error_of, failure
from artcli.buckets.retry import Passing, joined, unreachable
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import ConflictError
from artcli.threads import ahead

BATCH_PIECES, BATCH_SIZE = 256, 64 * 1024 * 1024
BATCHES = 4
"""Batches that are asked for at once."""
LISTED = 10_000
LIST_SIZE = 16 * 1024 * 1024
"""Bytes of an answer to a listing, at most."""
_HEAD = struct.Struct("<q32s")
_TAG = re.compile(r'"b3-([0-9a-f]{64})"')


class NotArt(ConflictError):
    """The server that answers is not `art serve`."""


class HttpBucket:
    """The place at the other end of `line`; any thread may use it."""

    def __init__(self, line: Line) -> None:
        """Asks nothing yet."""
        self.line = line
        self._batches = True

    @property
    def forks(self) -> bool:
        return bool(getattr(self.line, "forks", False))

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        if start and length is not None and length <= BATCH_SIZE and self._batches:
            return self._part(Piece(check_key(key), start, length))
        headers = {}
        if start or length is not None:
            last = "" if length is None else start + max(length, 1) - 1
            headers["Range"] = f"bytes={start}-{last}"
        limit = None if length is None else max(length, 1)
        answer = self._ask("GET", f"/v1/o/{check_key(key)}", headers=headers, limit=limit)
        if answer.status == 416:
            return b""
        self._check_found(answer, key)
        checked(self.line.place, answer, start, length)
        return answer.body if length != 0 else b""

    def _part(self, piece: Piece) -> bytes:
        """A piece from the middle, asked for as a batch of one: then the server states its digest, too."""
        (found,) = self._batch([piece])
        if found is None:
            raise Missing(piece.key)
        return found

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def get_many(self, pieces: Sequence[Piece]) -> builtins.list[bytes | None]:
        """See `Batched.get_many`."""
        for piece in pieces:
            check_key(piece.key)
        if not self._batches or len(pieces) < 2 or any(piece.length is None for piece in pieces):
            return one_by_one(self, pieces)
        found: list[bytes | None] = []
        for batch in ahead(self._batch, _split(pieces), workers=BATCHES):
            found += batch
        return found

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        whole = joined(data)
        headers = {"If-None-Match": "*", "X-Art-B3": digest_of(whole).hex()}
        answer = self._ask("PUT", f"/v1/o/{check_key(key)}", headers=headers, body=whole)
        if answer.status in (200, 201):
            return answer.status == 201
        if answer.status == 412:
            return False
        raise failure(self.line.place, answer)

    def stated(self, key: str) -> Digest | None:
        """See `Stating.stated`."""
        answer = self._ask("HEAD", f"/v1/o/{check_key(key)}")
        if answer.status == 404:
            raise Missing(key)
        if answer.status != 200:
            raise failure(self.line.place, answer)
        found = _TAG.fullmatch(answer.headers.get("ETag", ""))
        return bytes.fromhex(found[1]) if found else None

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        if prefix:
            check_key(prefix + "0")
        return self._list(prefix, after)

    def delete(self, key: str) -> None:
        answer = self._ask("DELETE", f"/v1/o/{check_key(key)}")
        if answer.status not in (200, 204) and error_of(answer).get("error") != "no-such-object":
            raise failure(self.line.place, answer)

    def info(self) -> dict[str, Any]:
        """What the server says of itself and of this client: `art`, `place`, `features`, `scope`, …"""
        answer = self._ask("GET", "/v1/info")
        if answer.status != 200:
            raise failure(self.line.place, answer)
        found = _document(answer.body)
        if found.get("api") != 1:
            raise NotArt("remote-refused", f"{self.line.place} is no art server that this art knows")
        return found

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        answer = self.line.request(method, path, **options)
        if answer.status in (404, 405, 501) and method != "HEAD" and not error_of(answer):
            raise NotArt("remote-refused", f"{self.line.place} is no art server", hint="art help remote-refused")
        return answer

    def _check_found(self, answer: Answer, key: str) -> None:
        if answer.status == 404 and error_of(answer).get("error") == "no-such-object":
            raise Missing(key)
        if answer.status not in (200, 206):
            raise failure(self.line.place, answer)

    def _batch(self, pieces: Sequence[Piece]) -> builtins.list[bytes | None]:
        asked = [piece._asdict() for piece in pieces]
        limit = sum((piece.length or 0) + _HEAD.size for piece in pieces)
        answer = self._ask(
            "POST",
            "/v1/batch",
            headers={"Content-Type": "application/json"},
            body=json.dumps(asked).encode(),
            limit=limit,
        )
        if answer.status in (405, 501):
            self._batches = False
            return one_by_one(self, pieces)
        if answer.status != 200:
            raise failure(self.line.place, answer)
        return builtins.list(self._unpacked(answer.body, pieces))

    def _unpacked(self, body: bytes, pieces: Sequence[Piece]) -> Iterator[bytes | None]:
        at = 0
        for piece in pieces:
            if len(body) - at < _HEAD.size:
                raise self._cut()
            length, digest = _HEAD.unpack_from(body, at)
            at += _HEAD.size
            if length < 0:
                yield None
                continue
            data = body[at : at + length]
            at += length
            if len(data) != length or length > (piece.length or 0) or digest_of(data) != digest:
                raise self._cut()
            yield data
        if at != len(body):
            raise self._cut()

    def _list(self, prefix: str, after: str) -> Iterator[Item]:
        last = after
        begun = KEY.match(after)  # the part of `after` that is a key comes before it, so nothing is left out
        sent: str | None = begun[0] if begun else ""
        while sent is not None:
            query = {"prefix": prefix, "after": sent, "limit": LISTED}
            answer = self._ask("GET", f"/v1/list?{urlencode(query)}", limit=LIST_SIZE)
            if answer.status != 200:
                raise failure(self.line.place, answer)
            items, following = self._items(answer.body)
            if following is not None and following <= sent:
                raise self._cut()  # it would go on for ever
            sent = following
            for item in items:
                if item.key > last and item.key.startswith(prefix) and KEY.fullmatch(item.key):
                    last = item.key
                    yield item

    def _items(self, body: bytes) -> tuple[builtins.list[Item], str | None]:
        """What one answer lists, and the key after which the next one begins; raises `Passing` if it is cut."""
        lines, _, end = body.removesuffix(b"\n").rpartition(b"\n")
        lines += b"\n" * bool(lines)
        try:
            told = json.loads(end)
            items = [
                Item(str(found["key"]), int(found["size"]), float(found["mtime"]))
                for found in map(json.loads, lines.splitlines())
            ]
            following = told["next"]
            if told["b3"] != blake3(lines).hexdigest() or told["count"] != len(items):
                raise ValueError("another listing")
            if not (following is None or isinstance(following, str)):
                raise ValueError("no key")
            return items, following
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise self._cut() from None

    def _cut(self) -> Passing:
        return unreachable(self.line.place, "an answer is cut or changed on its way")


def checked(place: str, answer: Answer, start: int, length: int | None) -> None:
    """Raise `Passing` unless the body is the range that was asked for, as far as the answer lets that be known."""
    whole = answer.status == 200
    if not whole:
        said = answer.headers.get("Content-Range", "")
        first, _, rest = said.removeprefix("bytes ").partition("-")
        last, _, size = rest.partition("/")
        if not (first.isdecimal() and last.isdecimal() and int(first) == start):
            raise unreachable(place, "an answer has another range than was asked for", most=3)
        if len(answer.body) != int(last) - start + 1:
            raise unreachable(place, "an answer is cut")
        whole = start == 0 and size.isdecimal() and len(answer.body) == int(size)
    elif start or (length is not None and len(answer.body) > length):
        raise no_ranges(place)
    tag = _TAG.fullmatch(answer.headers.get("ETag", ""))
    if whole and tag and tag[1] != digest_of(answer.body).hex():
        raise unreachable(place, "an answer was changed on its way")


def no_ranges(place: str) -> ConflictError:
    """The error where a server gives whole files only."""
    return ConflictError("no-ranges", f"{place} gives no parts of files", hint="art help no-ranges")


def _split(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        if batch and (len(batch) == BATCH_PIECES or size + (piece.length or 0) > BATCH_SIZE):
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += piece.length or 0
    if batch:
        yield batch


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
