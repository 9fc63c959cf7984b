"""A hostile hand: writes packs, indexes, pages and log entries whose digests are all right and whose contents are not.

What is handed to it goes into real objects of a real repository, named and chained as they must be, without any of the
program's checks; `manifest.forge` of the catalog's tests makes the pages.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artcli.buckets.disk import DiskBucket
from artcli.catalog.log import encode, entry_key
from artcli.catalog.manifest import Entry, Root
from artcli.catalog.repository import Repository
from artcli.content import Buffer, Digest, bound_digest, digest_of
from artcli.store.codec import RAW
from artcli.store.index import build_index, index_key
from artcli.store.pack import METADATA, Frame, PackBuilder, Row, pack_key
from tests.catalog.manifest import forge

PROJECT = "uncategorized"


class Forger:
    """Works in the repository `art`. Pages and chunks that it is given reach the store with the next version."""

    def __init__(self, art: Path) -> None:
        self.art = art
        self.bucket = DiskBucket(art)
        self._frames: list[Frame] = []
        self._pages: dict[Digest, bytes] = {}

    # --- pages, as `forge` wants them ---

    def put(self, page: Buffer) -> Digest:
        """Keep a page or a chunk, as it is."""
        data = bytes(page)
        self._pages[digest_of(data)] = data
        return self.frame(digest_of(data), RAW, data, len(data))

    def get(self, digest: Digest) -> bytes:
        return self._pages[digest]

    def frame(self, digest: Digest, codec: int, stored: bytes, length: int) -> Digest:
        """A chunk that is said to have this digest, codec and length."""
        self._frames.append(Frame(digest, codec, length, len(stored), [stored]))
        return digest

    # --- packs and indexes ---

    def pack(self) -> list[Row]:
        """Write a pack of what was put; its rows."""
        builder = PackBuilder(METADATA)
        for frame in self._frames:
            builder.add(frame)
        self._frames = []
        buffers, table = builder.finish()
        self.bucket.add(pack_key(table.pack), buffers)
        return list(table.rows())

    def index(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Write an index of these rows; the fact that makes it live."""
        file = build_index(rows)
        self.bucket.add(index_key(file.name), file.buffers)
        return {"kind": "index", "data": {"add": [file.name], "remove": []}}

    def raw_index(self, data: bytes) -> dict[str, Any]:
        """The same for any bytes."""
        name = digest_of(data).hex()
        self.bucket.add(index_key(name), data)
        return {"kind": "index", "data": {"add": [name], "remove": []}}

    # --- the log ---

    def commit(self, *facts: Mapping[str, Any] | bytes) -> None:
        """Add an entry of these facts: what is missing of a fact's fields is filled in, bytes are taken as they are."""
        repository = Repository(self.art)
        try:
            n, digest = repository.follower.head
            data = encode(n + 1, digest, repository.place, [line(fact) for fact in facts])
        finally:
            repository.close()
        assert self.bucket.add(entry_key(n + 1), data)

    def entry(self, header: Mapping[str, Any] | bytes) -> None:
        """Add an entry without facts whose header is `header`, or the right one with these fields."""
        repository = Repository(self.art)
        (n, digest), place = repository.follower.head, repository.place
        repository.close()
        if not isinstance(header, bytes):
            whole = {"format": 1, "place": place, "n": n + 1, "previous": digest, **header}
            header = json.dumps(whole, separators=(",", ":")).encode()
        body = header + b"\n"
        checksum = bound_digest(entry_key(n + 1), body).hex()
        assert self.bucket.add(entry_key(n + 1), body + b'{"checksum":"%s"}\n' % checksum.encode())

    def version(self, name: str, root: Root, **other: Any) -> None:
        """A version with this manifest; `other` are data of its fact that are to be otherwise."""
        index = self.index(self.pack())
        self.commit(index, version_fact(name, root, **other))

    def manifest(self, name: str, rows: Sequence[Entry], **other: Any) -> None:
        """A version whose manifest is one forged leaf."""
        self.version(name, forge.leaf_root(self, rows), **other)  # type: ignore[arg-type]


def version_fact(name: str, root: Root, **other: Any) -> dict[str, Any]:
    data = {
        "project": PROJECT, "name": name, "type": "dataset", "page": root.page.hex(), "digest": root.content.hex(),
        "entries": root.entries, "size": root.size, "new": {"entries": 0, "size": 0}, "stored": 0, **other,
    }  # fmt: skip
    return {"kind": "version", "data": data}


def line(fact: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(fact, bytes):
        return fact
    body = {
        "kind": "version", "nonce": os.urandom(16).hex(), "actor": "forger", "machine": "elsewhere",
        "time": "2026-06-01T00:00:00.000Z", "data": {}, **fact,
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def index_bytes(
    digest: Digest, pack: Digest, place: tuple[int, int, int, int], *, rows: int = 1, bits: int = 0
) -> bytes:
    """An index of one row at `place` (offset, stored length, length, codec); its head says `rows` and `bits`."""
    fan_out = struct.pack("<II", 0, 1)
    head = struct.pack("<7sBB3xII", b"art-idx", 1, bits, rows, 1)
    return head + fan_out + digest + struct.pack("<IIIIB", 0, *place) + pack + b"\1"
