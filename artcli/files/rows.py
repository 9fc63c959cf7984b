"""What the stat cache remembers of one folder, packed: a folder that has not changed is equal bytes.

    rules 8 │ device u64 │ boot 8 │ empty u8 │ lengths 5 × u32 │ names │ folders │ left │ special │ young │ stats

Names and stats are the columns of a listing, all names of the folder among them; `left` numbers those that the
rules take away, `special` those that have no bytes, `young` those written less than a minute before they were
looked at, which are not believed after a restart (the power may have failed before their bytes reached the disk). A
stat of zeros matches no file: so are marked folders, names that are left, special files, and files so young when
they were looked at that a later write could have left the same times.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection, Iterable
from pathlib import Path

from artcli.content import digest_of
from artcli.files.listing import RECORD_SIZE

_HEADER = struct.Struct("<8sQ8sBIIIII")

RACY = 100_000_000
"""Nanoseconds after its times within which a file may be written again without a trace in them."""
RACY_COARSE = 2_000_000_000
"""The same where times look like those of a file system that keeps whole milliseconds at best."""
YOUNG = 60_000_000_000
"""Nanoseconds after which a written file is taken to be on the disk."""


class Row:
    """One folder as it was when its files were as the known version has them."""

    __slots__ = (
        "boot",
        "dev",
        "empty",
        "fingerprint",
        "folders",
        "left",
        "names",
        "records",
        "special",
        "young",
    )

    def __init__(self, data: bytes) -> None:
        """Raises `ValueError` for bytes that are no row."""
        try:
            fields = _HEADER.unpack_from(data)
        except struct.error as error:
            raise ValueError("a row of the stat cache is cut short") from error
        self.fingerprint, self.dev, self.boot = fields[0], fields[1], fields[2]
        self.empty = bool(fields[3])
        """The folder is an entry of the version: nothing in it is."""
        sections = []
        position = _HEADER.size
        for length in fields[4:]:
            sections.append(data[position : position + length])
            position += length
        self.names, self.folders = sections[0], sections[1]
        self.left, self.special, self.young = (array("I", section) for section in sections[2:])
        self.records = data[position:]

    def believed_records(self, boot: bytes) -> bytes:
        """The stats of the names, zero for those that are not believed."""
        if not self.young or self.boot == boot:
            return self.records
        records = bytearray(self.records)
        for i in self.young:
            records[i * RECORD_SIZE : (i + 1) * RECORD_SIZE] = bytes(RECORD_SIZE)
        return bytes(records)

    def split_names(self) -> list[bytes]:
        return self.names.split(b"\0") if self.names else []

    def split_folders(self) -> list[bytes]:
        return self.folders.split(b"\0") if self.folders else []


def believed_stats(row: Row, boot: bytes) -> dict[bytes, tuple[int, ...]]:
    """By name, of the files that are believed: device, size, mtime, ctime, inode."""
    records = struct.iter_unpack("<4q", row.believed_records(boot))
    return {name: (row.dev, *record) for name, record in zip(row.split_names(), records, strict=True) if any(record)}


def pack_row(
    *,
    fingerprint: bytes,
    dev: int,
    boot: bytes,
    empty: bool,
    names: bytes,
    folders: Iterable[bytes],
    left: Collection[int],
    special: Collection[int],
    young: Collection[int],
    fresh: Collection[int],
    records: array[int],
    time: int,
) -> bytes:
    """The bytes of a row.

    `records` are marked in place. Those numbered by `fresh` were new or changed at `time` (nanoseconds since 1970);
    those numbered by `young` are believed, but not after a restart.
    """
    for i in (*left, *special):
        records[i * 4 : i * 4 + 4] = _NO_RECORD
    young = array("I", sorted({*young, *mark_young(records, fresh, time)}))
    sections = [
        names,
        b"\0".join(folders),
        array("I", sorted(left)).tobytes(),
        array("I", sorted(special)).tobytes(),
        young.tobytes(),
    ]
    header = _HEADER.pack(fingerprint, dev, boot if young else bytes(8), empty, *map(len, sections))
    return b"".join((header, *sections, records.tobytes()))


_NO_RECORD = array("q", bytes(RECORD_SIZE))


def mark_young(records: array[int], fresh: Collection[int], time: int) -> list[int]:
    """Of the stats numbered by `fresh`, zero those too young at `time` to be believed; which are merely young."""
    young: list[int] = []
    if not fresh or max(max(records[1::4]), max(records[2::4])) < time - YOUNG:
        return young
    for i in fresh:
        mtime, ctime = records[i * 4 + 1], records[i * 4 + 2]
        age = time - max(mtime, ctime)
        if age >= YOUNG:
            continue
        coarse = mtime % 1_000_000 == 0 and ctime % 1_000_000 == 0
        if age < (RACY_COARSE if coarse else RACY):
            records[i * 4 : i * 4 + 4] = _NO_RECORD
        else:
            young.append(i)
    return young


def boot_id() -> bytes:
    """8 bytes that change when the machine is started anew; zeros where the system does not tell."""
    try:
        return digest_of(Path("/proc/sys/kernel/random/boot_id").read_bytes())[:8]
    except OSError:
        return bytes(8)
