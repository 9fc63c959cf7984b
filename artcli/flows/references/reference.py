"""What a version says of bytes that are kept elsewhere: where, and how to tell that they are still the same.

An entry of kind reference holds it as JSON, an object of which only `uri` must be there:

    uri        where the bytes are, without names or passwords of users
    size       how many
    etag       what the server calls this content; compared as it stands, never taken for a hash
    version    which of the versions that a bucket keeps
    modified   when they were written, as the server says it; a number, which was written once, says nothing
    blake3     the digest of the bytes, in hex: of files, which are read when they are added

Whoever wrote a manifest may have written anything, so all of it is looked at before it is believed.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from artcli.catalog import manifest
from artcli.catalog.manifest import FILE, REFERENCE, SIZE_LIMIT, Entry
from artcli.content import DIGEST_SIZE, Digest, digest_of
from artcli.errors import IntegrityError, UsageError

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
URI_LIMIT, WORD_LIMIT = 8192, 1024
"""Characters of an address, and of each of the other words."""


class Reference(NamedTuple):
    """An address and what is known of the bytes there."""

    uri: str
    size: int | None = None
    etag: str | None = None
    version: str | None = None
    modified: str | None = None
    digest: Digest | None = None
    """BLAKE3 of the bytes."""

    @property
    def scheme(self) -> str:
        """In small letters."""
        found = SCHEME.match(self.uri)
        return found[0].lower() if found else ""

    @property
    def is_checked(self) -> bool:
        """Something is known by which a change shows."""
        return any(word is not None for word in (self.etag, self.version, self.modified, self.digest))

    def entry(self, path: bytes) -> Entry:
        """The entry of a manifest that says all this at `path`."""
        said = {
            "uri": self.uri, "size": self.size, "etag": self.etag, "version": self.version, "modified": self.modified,
            "blake3": self.digest.hex() if self.digest is not None else None,
        }  # fmt: skip
        kept = {key: value for key, value in said.items() if value is not None}
        data = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        return Entry(path, REFERENCE, self.size or 0, digest_of(data), data)


def of(entry: Entry) -> Reference:
    """What the entry of a reference says; raises `IntegrityError` (`damaged-reference`)."""
    try:
        said = json.loads(entry.data or b"")
        if not isinstance(said, dict):
            raise ValueError("no object")
        return Reference(
            check_uri(_word(said, "uri", URI_LIMIT) or ""), _size(said), _word(said, "etag"), _word(said, "version"),
            None if isinstance(said.get("modified"), int) else _word(said, "modified"), _digest(said),
        )  # fmt: skip
    except (ValueError, RecursionError, UsageError) as error:
        raise IntegrityError(
            "damaged-reference",
            f"what the version says of bytes kept elsewhere cannot be read: {shown_path(entry.path)}",
        ) from error


def check_uri(uri: str) -> str:
    """`uri` itself; raises `UsageError` (`bad-uri`) unless it is one that may be kept."""
    why = None
    if not SCHEME.match(uri):
        why = "it has no scheme, as in file:///data or s3://bucket/data"
    elif len(uri) > URI_LIMIT or not uri.isprintable() or uri != uri.strip():
        why = "it is too long, or has characters that no address has"
    elif _user(uri):
        why = "it has a user or a password in it, which everybody who gets the version would read"
    if why is not None:
        raise UsageError("bad-uri", f"no address for a reference: {why}", hint="art help references")
    return uri


def _user(uri: str) -> bool:
    """Whether a name that logs in stands in it; `abfs://container@account` is none."""
    try:
        user, at, _ = urlsplit(uri).netloc.rpartition("@")
    except ValueError:
        return True  # brackets that are no address of a machine
    return bool(at) and (":" in user or uri.lower().startswith("http"))


def file_entry(path: bytes, size: int, digest: Digest) -> Entry:
    """What lies at `path` once the bytes have been brought: an entry to compare with, which has no chunks."""
    return Entry(path, FILE, size, digest)


def shown_path(path: bytes) -> str:
    """A path, for a message."""
    return manifest.shown(path)


def _word(said: dict[str, Any], key: str, limit: int = WORD_LIMIT) -> str | None:
    value = said.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= limit or not value.isprintable():
        raise ValueError(f"{key} is no word")
    return value


def _size(said: dict[str, Any]) -> int | None:
    value = said.get("size")
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= SIZE_LIMIT:
        raise ValueError("no size")
    return value


def _digest(said: dict[str, Any]) -> Digest | None:
    value = _word(said, "blake3")
    if value is None:
        return None
    found = bytes.fromhex(value)
    if len(found) != DIGEST_SIZE or value != found.hex():
        raise ValueError("no digest")
    return found
