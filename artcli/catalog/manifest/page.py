"""The bytes of manifest pages, and the content digests that do not depend on them.

A manifest is a tree of pages. A leaf (level 0) holds entries, an inner page (level ≥ 1) one row for each page below
it. A page is columnar, little-endian, and has one encoding only: what re-encoding would not give back byte for byte
is refused as damaged. A page is stored as a chunk and named by its BLAKE3. `n` is the count; paths are sorted bytewise.

Both kinds of page
    magic            4          "amp1"
    level            u8         0 for a leaf, at most 15
    count            u16        n: 0 (only the lone leaf of an empty manifest) to 512
    shared           u16 × n    bytes that a path has in common with the path before it, as many as there are; first 0
    suffix length    u16 × n    bytes of the path after those
    size             u64 × n    leaf: size of the entry; inner: total size of the entries below

then in a leaf
    kind             u8 × n     0 file, 1 executable, 2 symlink, 3 empty directory, 4 reference
    chunks           u8 × n     0: none or one; 2 … 16: as many rows below; 255: a chunk list. 0 unless a file > 256 B
    data length      u32 × a    of the a symlinks and references, in order
    digest           32 × b     of the b files of more than 256 bytes, in order; others are computed from data
    suffixes                    the path suffixes, back to back
    data                        of files of up to 256 bytes (as long as their size), symlinks and references
    chunk rows                  for each file with several chunks: (digest 32, length u32) each, or 32 bytes: the
                                digest of the root page of its chunk list

or in an inner page
    entries          u64 × n    entries below
    page digest      32 × n     of the page below
    content digest   32 × n     of the page below
    suffixes                    of the last paths of the pages below, back to back

and nothing after it. A page has at most 1 MiB.

Content digest: BLAKE3 of
    leaf      "art content leaf\\n"  │ n u32 │ kind u8 × n │ size u64 × n │ digest 32 × n │ path length u16 × n │ paths
    inner     "art content inner\\n" │ n u32 │ entries u64 × n │ size u64 × n │ content digest 32 × n
              │ last path length u16 × n │ last paths
where the digest of a file is the BLAKE3 of its bytes, of a symlink that of its target, of a reference that of its
JSON, of a directory that of nothing; paths stand whole, back to back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate, compress, pairwise
from operator import lt
from typing import NamedTuple, cast

from artcli.catalog.manifest.entry import (
    CHUNK_LIMIT,
    CHUNK_ROW,
    DIRECTORY,
    EMPTY_DIGEST,
    EXECUTABLE,
    INLINE,
    PATH_LIMIT,
    REFERENCE,
    SYMLINK,
    Entry,
    Nesting,
    check_paths,
    damaged,
    entry_fault,
    shown,
)
from artcli.catalog.manifest.layers import COUNT_LIMIT
from artcli.content import DIGEST_SIZE, Digest, digest_of
from artcli.errors import IntegrityError, UsageError

MAGIC = b"amp1"
HEADER = struct.Struct("<4sBH")
PAGE_LIMIT = 1 << 20
LEVEL_LIMIT = 15
TOTAL_LIMIT = (1 << 63) - 1
LISTED = 255

_make_entry = cast("Callable[[Iterable[object]], Entry]", partial(tuple.__new__, Entry))
"""Entry._make without its frame of Python: half of what an entry costs."""


class Row(NamedTuple):
    """What an inner page says about one page below it."""

    last: bytes
    """The last path of that page."""
    page: Digest
    content: Digest
    entries: int
    size: int


class Leaf(NamedTuple):
    """A decoded page of entries."""

    items: Sequence[Entry]
    paths: Sequence[bytes]
    content: Digest
    size: int
    level: int = 0

    @property
    def entries(self) -> int:
        return len(self.items)


class Inner(NamedTuple):
    """A decoded page of rows."""

    items: Sequence[Row]
    paths: Sequence[bytes]
    """The last path of each row."""
    content: Digest
    size: int
    level: int
    entries: int


def encode_leaf(entries: Sequence[Entry], nesting: Nesting) -> tuple[bytes, Digest]:
    """A leaf's bytes and content digest; entries sorted by path, at most 512; `nesting` has judged those before.

    Raises `UsageError` for a path that no manifest may hold, `ValueError` for an entry that contradicts itself.
    """
    count = len(entries)
    columns = list(zip(*entries, strict=True)) if entries else [()] * 7
    paths, kinds, sizes, digests, datas, chunks, lists = columns
    check_sorted(paths)
    check_paths(paths, UsageError)
    nesting.add(paths)
    stored = [kind <= EXECUTABLE and size > INLINE for kind, size in zip(kinds, sizes, strict=True)]
    for entry, one in zip(entries, stored, strict=True):
        if not one or entry.size > CHUNK_LIMIT or entry.data is not None or entry.chunks or entry.list:
            reason = entry_fault(entry)
            if reason:
                raise ValueError(f"the entry {shown(entry.path)} {reason}")
    shared, suffixes = _shorten(paths)
    wide = struct.pack(f"<{count}Q", *sizes)
    page = b"".join(
        (
            HEADER.pack(MAGIC, 0, count),
            struct.pack(f"<{2 * count}H", *shared, *map(len, suffixes)),
            wide,
            bytes(kinds),
            bytes([LISTED if listed else len(rows) // CHUNK_ROW for rows, listed in zip(chunks, lists, strict=True)]),
            b"".join(
                len(data).to_bytes(4, "little")
                for kind, data in zip(kinds, datas, strict=True)
                if kind in (SYMLINK, REFERENCE)
            ),
            *compress(digests, stored),
            *suffixes,
            *filter(None, datas),
            *[rows or listed for rows, listed in zip(chunks, lists, strict=True)],
        )
    )
    return page, _leaf_content(paths, bytes(kinds), wide, b"".join(digests))


def decode_page(page: bytes) -> Leaf | Inner:
    """The page of these bytes, from whatever hand; raises `IntegrityError` unless a writer would have made them."""
    if not HEADER.size <= len(page) <= PAGE_LIMIT:
        raise damaged(f"a page has {len(page)} bytes")
    magic, level, count = HEADER.unpack_from(page)
    if magic != MAGIC:
        raise damaged("a page does not start as a page of format 1 does")
    if count > COUNT_LIMIT or level > LEVEL_LIMIT or (level and not count):
        raise damaged(f"a page of level {level} states {count} rows")
    if len(page) < HEADER.size + 12 * count:
        raise damaged("a page is cut short")
    return _decode_inner(page, level, count) if level else _decode_leaf(page, count)


def encode_inner(level: int, rows: Sequence[Row]) -> tuple[bytes, Digest]:
    """An inner page's bytes and content digest; rows sorted by last path, 1 to 512 of them."""
    count = len(rows)
    paths, pages, contents, entries, sizes = zip(*rows, strict=True)
    check_sorted(paths)
    shared, suffixes = _shorten(paths)
    totals = struct.pack(f"<{count}Q", *entries)
    wide = struct.pack(f"<{count}Q", *sizes)
    page = b"".join(
        (
            HEADER.pack(MAGIC, level, count),
            struct.pack(f"<{2 * count}H", *shared, *map(len, suffixes)),
            wide,
            totals,
            *pages,
            *contents,
            *suffixes,
        )
    )
    return page, _inner_content(paths, totals, wide, b"".join(contents))


def check_sorted(paths: Sequence[bytes]) -> None:
    """Raise unless each path is greater than the one before it: `UsageError` for a path given twice."""
    if all(map(lt, paths, paths[1:])):
        return
    for before, path in pairwise(paths):
        if before == path:
            raise UsageError(
                "duplicate-path", f"a version holds each path once, this one is given twice: {shown(path)}"
            )
        if before > path:
            raise ValueError(f"not sorted: {shown(before)} comes before {shown(path)}")


def _decode_inner(page: bytes, level: int, count: int) -> Inner:
    at = HEADER.size + 12 * count
    text = at + 72 * count
    if len(page) < text:
        raise damaged("a page is cut short")
    wide = page[HEADER.size + 4 * count : at]
    totals = page[at : at + 8 * count]
    at += 8 * count
    contents = page[text - DIGEST_SIZE * count : text]
    paths, end = _paths(page, count, text)
    if end != len(page):
        raise damaged("a page has bytes that belong to nothing")
    sizes = struct.unpack(f"<{count}Q", wide)
    entries = struct.unpack(f"<{count}Q", totals)
    if sum(sizes) > TOTAL_LIMIT or sum(entries) > TOTAL_LIMIT:
        raise damaged("a page states impossible totals")
    content = _inner_content(paths, totals, wide, contents)
    rows = list(map(Row, paths, _digests(page, at, count), _digests(contents, 0, count), entries, sizes))
    return Inner(rows, paths, content, sum(sizes), level, sum(entries))


def _decode_leaf(page: bytes, count: int) -> Leaf:
    at = HEADER.size + 12 * count
    if len(page) < at + 2 * count:
        raise damaged("a page is cut short")
    wide = page[at - 8 * count : at]
    sizes = struct.unpack(f"<{count}Q", wide)
    kinds = page[at : at + count]
    forms = page[at + count : at + 2 * count]
    at += 2 * count
    told = kinds.count(SYMLINK) + kinds.count(REFERENCE)
    if len(page) < at + 4 * told:
        raise damaged("a page is cut short")
    lengths = struct.unpack_from(f"<{told}I", page, at)
    at += 4 * told
    stored = sum([kind <= EXECUTABLE and size > INLINE for kind, size in zip(kinds, sizes, strict=True)])
    text = at + DIGEST_SIZE * stored
    paths, data = _paths(page, count, text)
    inline = sum([size for kind, size in zip(kinds, sizes, strict=True) if kind <= EXECUTABLE and size <= INLINE])
    rows = data + inline + sum(lengths)
    if rows + _rows_size(forms) != len(page):
        raise damaged("a page is longer or shorter than its counts say")
    entries = _entries(page, paths, kinds, sizes, forms, lengths, (at, data, rows))
    content = _leaf_content(paths, kinds, wide, b"".join([entry[3] for entry in entries]))
    return Leaf(entries, paths, content, sum(sizes))


def _entries(
    page: bytes,
    paths: Sequence[bytes],
    kinds: bytes,
    sizes: Sequence[int],
    forms: bytes,
    lengths: Sequence[int],
    starts: tuple[int, int, int],
) -> list[Entry]:
    """The entries of a leaf whose length has been found right; each that is not plain is checked."""
    at, data, rows = starts
    length_of = iter(lengths)
    entries = []
    for path, kind, size, form in zip(paths, kinds, sizes, forms, strict=True):
        if kind <= EXECUTABLE and size > INLINE:
            digest = page[at : at + DIGEST_SIZE]
            at += DIGEST_SIZE
            if not form and size <= CHUNK_LIMIT:
                entries.append(_make_entry((path, kind, size, digest, None, b"", b"")))
                continue
            end = rows + (DIGEST_SIZE if form == LISTED else form * CHUNK_ROW)
            packed, listed = (b"", page[rows:end]) if form == LISTED else (page[rows:end], b"")
            entry = _make_entry((path, kind, size, digest, None, packed, listed))
            rows = end
        elif form:
            raise damaged(f"the entry {shown(path)} has chunks, which it cannot have")
        elif kind == DIRECTORY:
            entry = _make_entry((path, kind, size, EMPTY_DIGEST, None, b"", b""))
        else:
            end = data + (size if kind <= EXECUTABLE else next(length_of, 0))
            value = page[data:end]
            data = end
            entry = _make_entry((path, kind, size, digest_of(value), value, b"", b""))
            if kind <= EXECUTABLE:
                entries.append(entry)
                continue
        reason = entry_fault(entry)
        if reason:
            raise damaged(f"the entry {shown(path)} {reason}")
        entries.append(entry)
    return entries


def _rows_size(forms: bytes) -> int:
    """Bytes of the chunk rows at the end of a leaf."""
    listed = forms.count(LISTED)
    return CHUNK_ROW * (sum(forms) - LISTED * listed) + DIGEST_SIZE * listed


def _paths(page: bytes, count: int, at: int) -> tuple[list[bytes], int]:
    """The paths of a page, whose suffixes start at byte `at`, and where these end; each path is safe, sorted, and
    shortened as far as it can be."""
    columns = struct.unpack_from(f"<{2 * count}H", page, HEADER.size)
    if columns and max(columns) > PATH_LIMIT:
        raise damaged("a path is longer than any path may be")
    shared, suffixes = columns[:count], columns[count:]
    ends = list(accumulate(suffixes, initial=at))
    path = b""
    paths = []
    for common, start, end in zip(shared, ends, ends[1:], strict=False):
        suffix = page[start:end]
        # a greater next byte: sorted, and nothing more in common
        if suffix[:1] <= path[common : common + 1]:
            raise damaged(f"a page is not in order after {shown(path)}")
        path = path[:common] + suffix
        paths.append(path)
    if sum(shared) + sum(suffixes) != sum(map(len, paths)):
        raise damaged("the lengths of a page's paths do not add up")
    check_paths(paths, IntegrityError)
    Nesting(IntegrityError).add(paths)
    return paths, ends[-1]


def _shorten(paths: Sequence[bytes]) -> tuple[list[int], list[bytes]]:
    """For each path, how many bytes it has in common with the one before, and the rest of it."""
    shared = []
    before = b""
    for path in paths:
        least = min(len(before), len(path))
        differ = int.from_bytes(before[:least], "big") ^ int.from_bytes(path[:least], "big")
        shared.append(least - (differ.bit_length() + 7) // 8)
        before = path
    return shared, [path[common:] for path, common in zip(paths, shared, strict=True)]


def _digests(page: bytes, at: int, count: int) -> list[Digest]:
    return [page[start : start + DIGEST_SIZE] for start in range(at, at + DIGEST_SIZE * count, DIGEST_SIZE)]


def _leaf_content(paths: Sequence[bytes], kinds: bytes, sizes: bytes, digests: bytes) -> Digest:
    head = b"art content leaf\n" + len(paths).to_bytes(4, "little")
    return digest_of(b"".join((head, kinds, sizes, digests, _path_column(paths))))


def _inner_content(paths: Sequence[bytes], entries: bytes, sizes: bytes, contents: bytes) -> Digest:
    head = b"art content inner\n" + len(paths).to_bytes(4, "little")
    return digest_of(b"".join((head, entries, sizes, contents, _path_column(paths))))


def _path_column(paths: Sequence[bytes]) -> bytes:
    return struct.pack(f"<{len(paths)}H", *map(len, paths)) + b"".join(paths)
