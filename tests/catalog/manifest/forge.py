"""Writes pages as the format's tables say, without any of the program's checks: what a hostile place would send."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from artcli.catalog.manifest import Entry, Root
from artcli.content import Digest, digest_of
from tests.catalog.manifest.kit import DictPages


def common(a: bytes, b: bytes) -> int:
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def path_columns(paths: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two columns of lengths, and the suffixes."""
    shared = [common(before, path) for before, path in zip([b"", *paths], paths, strict=False)]
    suffixes = [path[start:] for path, start in zip(paths, shared, strict=True)]
    numbers = [*shared, *map(len, suffixes)]
    return struct.pack(f"<{len(numbers)}H", *numbers), b"".join(suffixes)


def leaf(rows: Sequence[Entry], count: int | None = None) -> bytes:
    numbers, suffixes = path_columns([row.path for row in rows])
    stored = [row for row in rows if row.kind <= 1 and row.size > 256]
    told = [row for row in rows if row.kind in (2, 4)]
    return b"".join(
        [
            b"amp1" + struct.pack("<BH", 0, len(rows) if count is None else count),
            numbers,
            *[row.size.to_bytes(8, "little") for row in rows],
            bytes([row.kind for row in rows]),
            bytes([255 if row.list else len(row.chunks) // 36 for row in rows]),
            *[len(row.data or b"").to_bytes(4, "little") for row in told],
            *[row.digest for row in stored],
            suffixes,
            *[row.data or b"" for row in rows],
            *[row.chunks or row.list for row in rows],
        ]
    )


def leaf_content(rows: Sequence[Entry]) -> Digest:
    return digest_of(
        b"".join(
            [
                b"art content leaf\n" + struct.pack("<I", len(rows)),
                bytes([row.kind for row in rows]),
                *[row.size.to_bytes(8, "little") for row in rows],
                *[row.digest for row in rows],
                *[len(row.path).to_bytes(2, "little") for row in rows],
                *[row.path for row in rows],
            ]
        )
    )


def inner(level: int, rows: Sequence[tuple[bytes, Digest, Digest, int, int]]) -> bytes:
    """A page of rows (last path, page digest, content digest, entries, size)."""
    numbers, suffixes = path_columns([row[0] for row in rows])
    return b"".join(
        [
            b"amp1" + struct.pack("<BH", level, len(rows)),
            numbers,
            *[row[4].to_bytes(8, "little") for row in rows],
            *[row[3].to_bytes(8, "little") for row in rows],
            *[row[1] for row in rows],
            *[row[2] for row in rows],
            suffixes,
        ]
    )


def inner_content(rows: Sequence[tuple[bytes, Digest, Digest, int, int]]) -> Digest:
    return digest_of(
        b"".join(
            [
                b"art content inner\n" + struct.pack("<I", len(rows)),
                *[row[3].to_bytes(8, "little") for row in rows],
                *[row[4].to_bytes(8, "little") for row in rows],
                *[row[2] for row in rows],
                *[len(row[0]).to_bytes(2, "little") for row in rows],
                *[row[0] for row in rows],
            ]
        )
    )


def list_leaf(chunks: Sequence[tuple[Digest, int]]) -> bytes:
    lengths = b"".join(length.to_bytes(4, "little") for _, length in chunks)
    return b"acl1" + struct.pack("<BH", 0, len(chunks)) + lengths + b"".join(digest for digest, _ in chunks)


def list_inner(level: int, rows: Sequence[tuple[int, int, Digest]]) -> bytes:
    """A list page of rows (chunks, size, page digest)."""
    counts = b"".join(row[0].to_bytes(8, "little") for row in rows)
    sizes = b"".join(row[1].to_bytes(8, "little") for row in rows)
    return b"acl1" + struct.pack("<BH", level, len(rows)) + counts + sizes + b"".join(row[2] for row in rows)


def leaf_row(pages: DictPages, rows: Sequence[Entry]) -> tuple[bytes, Digest, Digest, int, int]:
    """Keep a leaf and give the row that is true of it."""
    size = sum(row.size for row in rows)
    return rows[-1].path, pages.put(leaf(rows)), leaf_content(rows), len(rows), size


def inner_row(
    pages: DictPages, level: int, rows: Sequence[tuple[bytes, Digest, Digest, int, int]]
) -> tuple[bytes, Digest, Digest, int, int]:
    """Keep an inner page and give the row that is true of it."""
    page = pages.put(inner(level, rows))
    return rows[-1][0], page, inner_content(rows), sum(row[3] for row in rows), sum(row[4] for row in rows)


def root_of(row: tuple[bytes, Digest, Digest, int, int]) -> Root:
    return Root(*row[1:])


def leaf_root(pages: DictPages, rows: Sequence[Entry]) -> Root:
    """A manifest of one forged leaf, with every digest right."""
    return Root(pages.put(leaf(rows)), leaf_content(rows), len(rows), sum(row.size for row in rows))
