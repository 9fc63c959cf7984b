"""tar and zip as streams of bytes: the same version gives the same bytes, whoever exports it, whenever and whereto.

Times are fixed, owners are 0, order is that of the paths; zip stores without compressing, since deflate is not the same
everywhere. Python's own writers of both keep an object for every file, 600 MB for a million, and their bytes are not
the same in all its versions; so both are written here, the directory of a zip gathered in a temporary file.

Formats: "pax Interchange Format" of IEEE Std 1003.1-2017, with `hdrcharset=BINARY`, as GNU tar and Python know it, for
names that are no UTF-8; .ZIP File Format Specification 6.3.10 (APPNOTE.TXT), sections 4.3 to 4.5.
"""

from __future__ import annotations

import stat
import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import Protocol
from zlib import crc32

from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Entry
from artcli.content import Buffer
from artcli.flows.contents import Limit, Opened, is_large, unlimited


class Archive(Protocol):
    """Entries as an archive."""

    def __call__(self, items: Iterable[Opened], limit: Limit = unlimited) -> Iterator[Buffer]:
        """Its bytes, about a MiB at a time, or what `limit` allows."""


MTIME = 315532800
"""1980-01-01 UTC, the earliest time of zip, in seconds since 1970."""
PIECE = 1 << 20
"""Bytes that are given at a time."""

_MODES = {
    FILE: stat.S_IFREG | 0o644, EXECUTABLE: stat.S_IFREG | 0o755, SYMLINK: stat.S_IFLNK | 0o777,
    DIRECTORY: stat.S_IFDIR | 0o755,
}  # fmt: skip


def tar(items: Iterable[Opened], limit: Limit = unlimited) -> Iterator[Buffer]:
    """A pax archive of these entries."""
    return _gathered(_tar(items), limit)


def zip(items: Iterable[Opened], limit: Limit = unlimited) -> Iterator[Buffer]:
    """A zip archive of these entries, with ZIP64 where it needs it."""
    return _gathered(_zip(items), limit)


FORMATS: dict[str, Archive] = {"tar": tar, "zip": zip}


def _gathered(parts: Iterable[Buffer], limit: Limit) -> Iterator[Buffer]:
    """The same bytes in pieces of a good size."""
    waiting: list[Buffer] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        del part
        if size >= limit(PIECE):
            block = b"".join(waiting) if len(waiting) > 1 else waiting[0]
            waiting, size = [], 0
            yield block
            del block
    if waiting:
        yield b"".join(waiting)


# --- tar ---

_BLOCK, _RECORD = 512, 20 * 512
_USTAR = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_SHORT = 100
"""Bytes of a name that the header itself has room for."""
_LARGE = 8**11
"""Bytes of a file from which its size does not fit into the header."""
_FILE_TYPE, _LINK_TYPE, _FOLDER_TYPE, _PAX_TYPE = b"0", b"2", b"5", b"x"


def _tar(items: Iterable[Opened]) -> Iterator[Buffer]:
    written = 0
    for entry, parts in items:
        header = _tar_header(entry)
        written += len(header)
        yield header
        if entry.kind <= EXECUTABLE:
            yield from parts
            padding = -entry.size % _BLOCK
            written += entry.size + padding
            yield bytes(padding)
    yield bytes(2 * _BLOCK + -(written + 2 * _BLOCK) % _RECORD)


def _tar_header(entry: Entry) -> bytes:
    """The header of a file, and before it, in a header of its own, what has no room there."""
    name, link, size, form = entry.path, b"", 0, _FILE_TYPE
    if entry.kind == SYMLINK:
        link, form = entry.data or b"", _LINK_TYPE
    elif entry.kind == DIRECTORY:
        name, form = name + b"/", _FOLDER_TYPE
    else:
        size = entry.size
    extended = {}
    if len(name) > _SHORT or not name.isascii():
        extended[b"path"] = name
    if len(link) > _SHORT or not link.isascii():
        extended[b"linkpath"] = link
    if size >= _LARGE:
        extended[b"size"] = b"%d" % size
    header = _ustar(name, stat.S_IMODE(_MODES[entry.kind]), size % _LARGE, form, link)
    return _extended(extended) + header if extended else header


def _ustar(name: bytes, mode: int, size: int, form: bytes, link: bytes = b"") -> bytes:
    fields = [
        name[:_SHORT], b"%07o\0" % mode, b"%07o\0" % 0, b"%07o\0" % 0, b"%011o\0" % size, b"%011o\0" % MTIME, b" " * 8,
        form, link[:_SHORT], b"ustar\x0000", b"", b"", b"%07o\0" % 0, b"%07o\0" % 0, b"",
    ]  # fmt: skip
    fields[6] = b"%06o\0 " % sum(_USTAR.pack(*fields))
    return _USTAR.pack(*fields)


def _extended(values: dict[bytes, bytes]) -> bytes:
    """A pax header of these values, each a record `length key=value` with a newline, its length counting itself."""
    if not all(map(_is_utf8, values.values())):
        values = {b"hdrcharset": b"BINARY", **values}
    records = b""
    for key, value in values.items():
        rest = len(key) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        records += b"%d %s=%s\n" % (length, key, value)
    return _ustar(b"././@PaxHeader", 0o644, len(records), _PAX_TYPE) + records + bytes(-len(records) % _BLOCK)


# --- zip ---

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_WIDE = 0xFFFFFFFF
"""What a field of 32 bits says where the number stands in a ZIP64 field instead; one of 16 bits says 0xFFFF."""
_STREAMED, _UTF8 = 0x0008, 0x0800
"""Flags: sizes and checksum stand behind the bytes; the name is UTF-8."""
_PLAIN, _ZIP64 = 20, 45
"""Versions needed to extract."""
_UNIX = 3 << 8
_TIME, _DATE = 0, 0x21
"""1980-01-01 00:00:00"""
_SPOOLED = 1 << 20
"""Bytes of the directory that are kept in memory."""


def _zip(items: Iterable[Opened]) -> Iterator[Buffer]:
    with tempfile.SpooledTemporaryFile(_SPOOLED) as directory:
        count = offset = 0
        for entry, parts in items:
            member = _Member(entry, offset)
            for part in member.stored(parts):
                offset += len(part)
                yield part
            directory.write(member.central())
            count += 1
        size = directory.tell()
        directory.seek(0)
        while part := directory.read(PIECE):
            yield part
        yield _end(count, size, offset)


class _Member:
    """A file of a zip archive, at `offset` in it."""

    def __init__(self, entry: Entry, offset: int) -> None:
        self.offset = offset
        self.name = entry.path + b"/" if entry.kind == DIRECTORY else entry.path
        self.mode = _MODES[entry.kind]
        self.streamed = entry.size > PIECE or is_large(entry)
        self.size = len(entry.data or b"") if entry.kind == SYMLINK else entry.size
        self.checksum = 0
        self.flags = (_STREAMED if self.streamed else 0) | (_UTF8 if _is_wide_text(self.name) else 0)

    def stored(self, parts: Iterable[Buffer]) -> Iterator[Buffer]:
        """The header, the bytes, and what stands behind them."""
        if not self.streamed:
            data = b"".join(parts)
            self.checksum = crc32(data)
            yield self._local(self.checksum, self.size) + data
            return
        big = self.size >= _WIDE
        yield self._local(0, _WIDE if big else 0, struct.pack("<HHQQ", 1, 16, 0, 0) if big else b"")
        for part in parts:
            self.checksum = crc32(part, self.checksum)
            yield part
        yield struct.pack("<4sLQQ" if big else "<4sLLL", b"PK\x07\x08", self.checksum, self.size, self.size)

    def _local(self, checksum: int, size: int, extra: bytes = b"") -> bytes:
        return (
            _LOCAL.pack(
                b"PK\x03\x04", _ZIP64 if extra else _PLAIN, self.flags, 0, _TIME, _DATE, checksum, size, size,
                len(self.name), len(extra),
            )
            + self.name
            + extra
        )  # fmt: skip

    def central(self) -> bytes:
        """Its line in the directory at the end."""
        size, offset = min(self.size, _WIDE), min(self.offset, _WIDE)
        wide = [self.size, self.size] if size == _WIDE else []
        wide += [self.offset] if offset == _WIDE else []
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        version = _ZIP64 if wide else _PLAIN
        attributes = self.mode << 16 | (0x10 if stat.S_ISDIR(self.mode) else 0)
        return (
            _CENTRAL.pack(
                b"PK\x01\x02", _UNIX | version, version, self.flags, 0, _TIME, _DATE, self.checksum, size, size,
                len(self.name), len(extra), 0, 0, 0, attributes, offset,
            )
            + self.name
            + extra
        )  # fmt: skip


def _is_wide_text(name: bytes) -> bool:
    """UTF-8 and more than ASCII. Other names go in as the bytes they are, which Unix takes as such."""
    return not name.isascii() and _is_utf8(name)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _end(count: int, size: int, offset: int) -> bytes:
    """The end of the archive: where its directory stands (`offset`), how long it is, how many files it names."""
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, _WIDE), min(offset, _WIDE), 0
    )
    if count < 0xFFFF and size < _WIDE and offset < _WIDE:
        return end
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, offset)
    return wide + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1) + end
