"""What a manifest says about one path, and which paths it may say it about.

An entry is a plain tuple, since there are millions of them. The content of a version is (path, kind, size, digest) of
its entries; how a file is cut into chunks is storage, and two manifests that differ only there are equal in content.
A path is bytes as the system gave them. The rules below hold when a manifest is written and again when it is read,
whoever wrote it; what only some targets cannot hold (device names, case) is those targets' business.

    refused always: the empty path; an empty component (so a leading, trailing or double "/"); the components ".",
    ".." and ".art"; NUL; a component of more than 255 bytes; a path of more than 4,096 bytes or 256 components;
    one name as a file and as the parent of another.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from artcli.content import DIGEST_SIZE, Buffer, Digest, digest_of
from artcli.errors import ArtError, IntegrityError

FILE, EXECUTABLE, SYMLINK, DIRECTORY, REFERENCE = range(5)
"""Kinds. DIRECTORY is an empty directory: others are implied by the paths in them."""

INLINE = 256
"""A file of up to this many bytes lives in its entry."""
CHUNK_LIMIT = 256 * 1024
"""The longest chunk of a file, in bytes; a longer file has several."""
LISTED_HERE = 16
"""An entry names up to this many chunks itself; more go into a chunk list of its own pages."""
CHUNK_ROW = DIGEST_SIZE + 4
TARGET_LIMIT = 4096
REFERENCE_LIMIT = 64 * 1024
SIZE_LIMIT = 1 << 50
"""The largest size of one entry, in bytes."""
PATH_LIMIT, COMPONENT_LIMIT, DEPTH_LIMIT = 4096, 255, 256

EMPTY_DIGEST = digest_of(b"")


class Entry(NamedTuple):
    """One path of a version."""

    path: bytes
    kind: int
    size: int
    """Bytes of a file; 0 of a symlink or directory; a reference may state one."""
    digest: Digest
    """BLAKE3 of the whole file, of the symlink's target, of the reference's JSON, of nothing for a directory."""
    data: bytes | None = None
    """A file of ≤ 256 bytes, a symlink's target, a reference's JSON; else None."""
    chunks: bytes = b""
    """2 to 16 chunks as rows of (digest, u32 length); empty if the file is one chunk, which then has its digest."""
    list: bytes = b""
    """The page digest of the chunk list of a file of more than 16 chunks, instead of `chunks`."""


class Root(NamedTuple):
    """A whole manifest: what a version names."""

    page: Digest
    """The storage name of the root page."""
    content: Digest
    """The version's digest: the same for the same paths and bytes, however they are cut and packed."""
    entries: int
    size: int
    """Sum of the entries' sizes, in bytes."""


class PageSource(Protocol):
    """Where pages are read."""

    def get(self, digest: Digest, /) -> bytes:
        """The page of this digest; raises `IntegrityError` if it is missing or damaged."""


class Pages(PageSource, Protocol):
    """Where pages are read and kept: a store's writer, or a dict in a test."""

    def put(self, page: Buffer, /) -> Digest:
        """Keep a page and return its digest; keeping it twice is harmless."""


def damaged(reason: str) -> IntegrityError:
    """The error for a page that is not what a writer of this format makes."""
    return IntegrityError("damaged-manifest", f"the manifest is damaged: {reason}")


def shown(path: bytes) -> str:
    """A path as a message may show it: no control characters, at most 200 of the others."""
    text = path[:800].decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 200 and len(path) <= 800 else text[:200] + "…"


def path_fault(path: bytes) -> str | None:
    """Why no manifest may hold `path`, or None if it may."""
    if not path:
        return "is empty"
    if b"\0" in path:
        return "holds a NUL"
    if len(path) > PATH_LIMIT:
        return f"is longer than {PATH_LIMIT} bytes"
    components = path.split(b"/")
    if len(components) > DEPTH_LIMIT:
        return f"is deeper than {DEPTH_LIMIT} directories"
    for component in components:
        if not component:
            return "is absolute" if path.startswith(b"/") else "has an empty component"
        if component in (b".", b"..", b".art"):
            return f"has the component {component.decode()}"
        if len(component) > COMPONENT_LIMIT:
            return f"has a component longer than {COMPONENT_LIMIT} bytes"
    return None


def check_paths(paths: Sequence[bytes], error: type[ArtError]) -> None:
    """Raise `error("unsafe-path")` naming the first of `paths` that no manifest may hold.

    A page of paths is judged by a few searches over all of it; only a page that fails, or has long paths, is looked at
    path by path.
    """
    if not paths:
        return
    text = b"/" + b"/\0/".join(paths) + b"/"
    longest = max(map(len, paths))
    if (
        longest <= COMPONENT_LIMIT
        and b"//" not in text
        and b"/./" not in text
        and b"/../" not in text
        and b"/.art/" not in text
        and text.count(b"\0") == len(paths) - 1
    ):
        return
    for path in paths:
        reason = path_fault(path)
        if reason:
            raise error("unsafe-path", f"a manifest cannot hold a path that {reason}: {shown(path)}")


class Nesting:
    """Finds a name that is an entry and the parent of another, in sorted paths that come page by page.

    Between "a" and "a/b" may stand "a-b" and "a.c", even pages of them, but all of them start with "a": so only
    entries that are a prefix of the last path seen are kept in mind.
    """

    def __init__(self, error: type[ArtError]) -> None:
        self._error = error
        self._open: list[bytes] = []

    def add(self, paths: Sequence[bytes]) -> None:
        """Take the next paths; raises the error "file-and-directory"."""
        if not paths:
            return
        prefixes = [name for name, path in pairwise(paths) if path.startswith(name)]
        names = self._open + prefixes
        for name in names:
            below = name + b"/"
            at = bisect_left(paths, below)
            if at < len(paths) and paths[at].startswith(below):
                raise nested(name, self._error)
        last = paths[-1]
        self._open = [name for name in names if last.startswith(name)] + [last]


def nested(name: bytes, error: type[ArtError]) -> ArtError:
    """The error for a name that would be a file and a directory at once."""
    return error("file-and-directory", f"one name cannot be an entry and a directory of others: {shown(name)}")


def chunk_rows(chunks: bytes) -> list[tuple[Digest, int]]:
    """The (digest, length) pairs of an entry's packed `chunks`."""
    return list(struct.iter_unpack("<32sI", chunks))


def entry_fault(entry: Entry) -> str | None:
    """Why this entry contradicts itself, or None if it does not; says nothing about its path."""
    _, kind, size, digest, data, chunks, listed = entry
    if not 0 <= kind <= REFERENCE:
        return f"has the unknown kind {kind}"
    if not 0 <= size <= SIZE_LIMIT:
        return f"states a size of {size} bytes"
    if len(digest) != DIGEST_SIZE:
        return "has no digest"
    if kind <= EXECUTABLE and size > INLINE:
        return _stored_fault(size, data, chunks, listed)
    if chunks or listed:
        return "has chunks, which it cannot have"
    if kind == DIRECTORY:
        return None if data is None and size == 0 and digest == EMPTY_DIGEST else "is a directory with content"
    if data is None or digest_of(data) != digest:
        return "holds data that is not what its digest says"
    if kind <= EXECUTABLE:
        return None if len(data) == size else f"holds {len(data)} bytes and states {size}"
    if kind == SYMLINK:
        sane = size == 0 and 0 < len(data) <= TARGET_LIMIT and b"\0" not in data
        return None if sane else "has a target that no symbolic link can have"
    return None if 0 < len(data) <= REFERENCE_LIMIT else f"is a reference of {len(data)} bytes of JSON"


def _stored_fault(size: int, data: bytes | None, chunks: bytes, listed: bytes) -> str | None:
    """The same for a file whose bytes are in chunks."""
    if data is not None:
        return f"holds the data of a file of {size} bytes"
    if listed:
        return "has a bad chunk list" if chunks or len(listed) != DIGEST_SIZE else None
    if not chunks:
        return f"is one chunk of {size} bytes" if size > CHUNK_LIMIT else None
    count, rest = divmod(len(chunks), CHUNK_ROW)
    if rest or not 2 <= count <= LISTED_HERE:
        return f"names its chunks in {len(chunks)} bytes"
    lengths = [length for _, length in chunk_rows(chunks)]
    if min(lengths) < 1 or max(lengths) > CHUNK_LIMIT:
        return "names a chunk of a length that no chunk has"
    return None if sum(lengths) == size else f"states {size} bytes and has chunks of {sum(lengths)}"
