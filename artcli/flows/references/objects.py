"""s3://, gs:// and az:// — objects of a bucket, through obstore, with the credentials that the environment has.

Etag and, where the bucket keeps versions, the version are recorded; a recorded version is fetched even if there are
newer ones. Objects are read in pieces, a few of them ahead, each a request of its own that must meet the same etag.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from typing import Any

from artcli.buckets.objectstore import STALL, library, open_store, reason
from artcli.content import Buffer
from artcli.errors import ArtError, NetworkError
from artcli.flows.references.reference import Reference
from artcli.flows.references.source import (
    Found,
    Opened,
    Patience,
    denied,
    missing,
    patiently,
    unreachable,
    unreadable,
)
from artcli.threads import ahead

PIECE = 8 << 20
"""Bytes of a request."""
TIME = "120s"
"""How long one may take."""
AHEAD = 3
"""Requests at once for one object."""
ASKERS = 16
"""Requests at once for what is known of objects."""
VERSION = "?versionId="
_STATUS = re.compile(r"status code: (40[134])\b")

_stores: dict[str, Any] = {}
_guard = threading.Lock()


class Objects:
    """The buckets of clouds."""

    def describe(self, uri: str) -> Reference | None:
        uri, _, version = uri.partition(VERSION)
        bucket, key = _parts(uri)
        if not key or key.endswith("/"):
            return None
        try:
            if version:
                return _opened(uri, Reference(uri, version=version), None).now
            return _described(uri, _head(bucket, key))
        except ArtError as error:
            if error.slug != "no-such-source" or version:
                raise
            if next(self.below(uri), None) is None:
                raise
            return None  # nothing has this key, but it is the folder of others

    def below(self, uri: str) -> Iterator[Found]:
        bucket, key = _parts(uri)
        prefix = key.rstrip("/")
        tasks = _versioned(bucket, _listed(uri, _store(bucket), prefix))
        found = ahead(lambda task: patiently(lambda: _found(bucket, prefix, *task)), tasks, workers=ASKERS)
        return (item for item in found if item is not None)

    def open(self, reference: Reference, start: int) -> Opened:
        return _opened(reference.uri, reference, start)


def _listed(uri: str, store: Any, prefix: str) -> Iterator[Any]:
    """The objects below a prefix; a listing that breaks off goes on behind the last that it told."""
    last, patience = None, Patience()
    while True:
        try:
            for batch in library().list(store, prefix=prefix or None, offset=last):
                for item in batch:
                    yield item
                    last = item["path"]
                patience.moved()
            return
        except Exception as error:
            failed = _failed(uri, error)
            if not isinstance(failed, NetworkError):
                raise failed from error
            patience.wait(failed)


def _versioned(bucket: str, objects: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
    """Each object, and whether it is worth a request to ask for its version, which listings do not tell."""
    asks = looked = False
    for item in objects:
        if not looked and item["size"]:
            looked = True
            asks = patiently(partial(_head, bucket, item["path"])).get("version") is not None
        yield item, asks or not item["size"]


def _found(bucket: str, prefix: str, item: Any, asks: bool) -> Found | None:
    """An object of a listing; None for `key/`, the mark of a folder, which the listing shows as an empty `key`."""
    key = str(item["path"])
    relative = key[len(prefix) :].lstrip("/") if prefix else key
    try:
        return Found(relative.encode(), _described(f"{bucket}/{key}", _head(bucket, key) if asks else item))
    except ArtError as error:
        if error.slug == "no-such-source" and not item["size"]:
            return None
        raise


def _described(uri: str, meta: Any) -> Reference:
    modified = meta["last_modified"]
    return Reference(
        uri, meta["size"], meta.get("e_tag"), meta.get("version"),
        modified.astimezone(timezone.utc).isoformat(timespec="seconds") if isinstance(modified, datetime) else None,
    )  # fmt: skip


def _opened(uri: str, reference: Reference, start: int | None) -> Opened:
    """What lies there, and its bytes from `start`; None: none of them."""
    obstore = library()
    bucket, key = _parts(uri)
    options: dict[str, Any] = {"version": reference.version} if reference.version else {}
    try:
        if start == 0 and reference.size and reference.size <= PIECE:
            result = obstore.get(_store(bucket), key, options={**options, "range": (0, reference.size)})
            return Opened(_described(uri, result.meta), _whole(uri, result))
        meta = obstore.get(_store(bucket), key, options={**options, "head": True}).meta if options else None
        now = _described(uri, meta or _head(bucket, key))
    except Exception as error:
        raise _failed(uri, error) from error
    if now.etag:
        options["if_match"] = now.etag
    size = now.size or 0
    return Opened(now, _pieces(uri, options, size if start is None else start, size))


def _whole(uri: str, result: Any) -> Iterator[Buffer]:
    try:
        yield memoryview(result.bytes())
    except Exception as error:
        raise _failed(uri, error) from error


def _pieces(uri: str, options: dict[str, Any], start: int, end: int) -> Iterator[Buffer]:
    obstore = library()
    bucket, key = _parts(uri)
    store = _store(bucket)

    def read(at: int) -> Buffer:
        ranged = {**options, "range": (at, min(at + PIECE, end))}
        data = memoryview(obstore.get(store, key, options=ranged).bytes())
        if len(data) != min(PIECE, end - at):
            raise unreachable(uri, "an answer was cut")
        return data

    try:
        yield from ahead(read, range(start, end, PIECE), workers=AHEAD, depth=AHEAD)
    except Exception as error:
        raise _failed(uri, error) from error


def _head(bucket: str, key: str) -> Any:
    obstore = library()
    try:
        return obstore.head(_store(bucket), key)
    except Exception as error:
        raise _failed(f"{bucket}/{key}", error) from error


def _parts(uri: str) -> tuple[str, str]:
    """The bucket with its scheme, and the key."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise unreadable(uri, "that names no bucket")
    return f"{scheme.lower()}://{bucket}", key


def _store(bucket: str) -> Any:
    """The open bucket. Raises `ArtError` (`extra-missing`), `AuthError` (`source-denied`)."""
    library()
    with _guard:
        if bucket not in _stores:
            scheme, _, container = bucket.partition("://")
            try:
                _stores[bucket] = open_store(scheme, container, "", TIME, STALL)
            except Exception as error:
                raise denied(bucket, f"no way into the bucket ({reason(str(error))})") from None
        return _stores[bucket]


def _failed(uri: str, error: Exception) -> Exception:
    """What an error of obstore means; others are themselves."""
    from obstore import exceptions

    if isinstance(error, FileNotFoundError | exceptions.NotFoundError):
        return missing(uri)
    if isinstance(error, PermissionError | exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return denied(uri, "the bucket does not give it to us")
    if isinstance(error, exceptions.PreconditionError):
        return unreachable(uri, "it was replaced while it was read")
    if isinstance(error, exceptions.InvalidPathError):
        return unreadable(uri, "that is no key of an object")
    if isinstance(error, exceptions.BaseError):
        status = _STATUS.search(str(error))
        if status is not None:  # of a listing
            return missing(uri) if status[1] == "404" else denied(uri, "the bucket does not let us look")
        return unreachable(uri, reason(str(error)))
    return error
