from __future__ import annotations

import struct

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.buckets.memory import MemoryBucket
from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.store.codec import MAX_LENGTH
from artcli.store.pack import (
    DATA,
    LIMIT,
    METADATA,
    PREFIX,
    TARGET,
    Frame,
    PackBuilder,
    Row,
    damages,
    pack_key,
    read_table,
)
from tests.store.material import noise, raw_frame

END = b"artpackD"


def write(bucket: MemoryBucket, data: bytes) -> bytes:
    """Put bytes where the pack of their digest belongs: a forger can do that."""
    name = digest_of(data)
    bucket.add(pack_key(name), data)
    return name


def build(chunks: list[bytes], kind: int = DATA) -> tuple[bytes, bytes]:
    """A pack's bytes and digest."""
    builder = PackBuilder(kind)
    for chunk in chunks:
        builder.add(raw_frame(chunk))
    buffers, table = builder.finish()
    return b"".join(buffers), table.pack


def forged(frames: bytes, rows: list[tuple[bytes, int, int, int]], *, end: bytes = END, grow: int = 0) -> bytes:
    """A pack whose table says `rows` (digest, stored, length, codec), whatever the frames are."""
    digests, stored, lengths, codecs = zip(*rows, strict=True) if rows else ((), (), (), ())
    table = struct.pack("<I", len(rows)) + b"".join(digests)
    table += struct.pack(f"<{len(rows)}I", *stored) + struct.pack(f"<{len(rows)}I", *lengths) + bytes(codecs)
    return bytes(PREFIX) + frames + table + struct.pack("<I", len(table) + grow) + end


def test_the_bytes_are_those_of_the_format() -> None:
    data, name = build([b"first", b"second!"])
    digests = digest_of(b"first") + digest_of(b"second!")
    table = struct.pack("<I", 2) + digests + struct.pack("<4I", 5, 7, 5, 7) + b"\0\0"
    assert data[PREFIX:] == b"firstsecond!" + table + struct.pack("<I", len(table)) + b"artpackD"
    assert name == blake3(data).digest()


def test_two_packs_of_the_same_chunks_are_two_packs() -> None:
    assert build([b"chunk"])[1] != build([b"chunk"])[1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), unique=True, max_size=40), st.sampled_from([DATA, METADATA]))
def test_a_table_says_what_was_put_in(chunks: list[bytes], kind: int) -> None:
    bucket = MemoryBucket()
    data, name = build(chunks, kind)
    assert write(bucket, data) == name
    table = read_table(bucket, name)
    offset, expected = PREFIX, []
    for chunk in chunks:
        expected.append(Row(digest_of(chunk), name, offset, len(chunk), len(chunk), 0, kind))
        offset += len(chunk)
    assert list(table.rows()) == expected
    assert (table.count, table.kind, table.stored) == (len(chunks), kind, offset - PREFIX)
    assert [data[row.offset : row.offset + row.stored] for row in table.rows()] == chunks
    assert list(damages(bucket, name)) == []
    for row in expected:
        assert table.find(row.digest) == row[1:6]
    with pytest.raises(KeyError):
        table.find(bytes(32))


def test_a_pack_is_full_at_its_target() -> None:
    builder = PackBuilder(DATA)
    while not builder.full:
        builder.add(raw_frame(noise(MAX_LENGTH, str(builder.size))))
    buffers, _ = builder.finish()
    assert TARGET <= builder.size == 16 * MAX_LENGTH
    assert sum(map(len, buffers)) <= LIMIT


def slug_of(data: bytes) -> str:
    bucket = MemoryBucket()
    with pytest.raises(IntegrityError) as caught:
        read_table(bucket, write(bucket, data))
    return caught.value.slug


ROW = (digest_of(b"chunk"), 5, 5, 0)
HOSTILE = {
    "empty": b"",
    "too short": b"x" * 31,
    "no magic": forged(b"chunk", [ROW], end=b"artpackX"),
    "table beyond the start": forged(b"chunk", [ROW], grow=2**31),
    "table too long": forged(b"chunk", [ROW], grow=1),
    "table too short": forged(b"chunk", [ROW], grow=-1),
    "table of nothing": bytes(PREFIX) + struct.pack("<I", 0) + END,
    "frames beyond the table": forged(b"chunk", [(ROW[0], 6, 6, 0)]),
    "frames that leave a gap": forged(b"chunk!", [ROW]),
    "overlapping frames": forged(b"chunk", [ROW, ROW]),
    "longer stored than plain": forged(b"chunk", [(ROW[0], 5, 4, 1)]),
    "a chunk of a gigabyte": forged(b"chunk", [(ROW[0], 5, 2**30, 1)]),
    "a count that lies": forged(b"chunk", [ROW]).replace(struct.pack("<I", 1) + ROW[0], struct.pack("<I", 9) + ROW[0]),
    "too long": bytes(LIMIT) + forged(b"chunk", [ROW]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_packs_are_refused(name: str) -> None:
    assert slug_of(HOSTILE[name]) == "damaged-pack"


def test_the_forger_forges_well() -> None:
    """Shows that the hostile packs are refused for what they are, and not for a slip in their making."""
    bucket = MemoryBucket()
    name = write(bucket, forged(b"chunk", [ROW]))
    assert [row.offset for row in read_table(bucket, name).rows()] == [PREFIX]
    assert list(damages(bucket, name)) == []


def test_a_missing_pack_is_named() -> None:
    with pytest.raises(IntegrityError) as caught:
        read_table(MemoryBucket(), bytes(32))
    assert caught.value.slug == "missing-pack"
    assert bytes(32).hex() in caught.value.message


def test_every_flipped_byte_is_found() -> None:
    builder = PackBuilder(DATA)
    builder.add(raw_frame(b"a raw chunk"))
    builder.add(Frame(digest_of(b"another"), 0, 7, 7, [b"ano", b"ther"]))
    data = b"".join(builder.finish()[0])
    name = digest_of(data)
    for position in range(len(data)):
        bucket = MemoryBucket()
        flipped = bytearray(data)
        flipped[position] ^= 0x10
        bucket.add(pack_key(name), flipped)
        assert list(damages(bucket, name)), position


def test_damage_names_the_chunks_it_touches() -> None:
    data, name = build([b"one", b"two", b"three"])
    bucket = MemoryBucket()
    bucket.add(pack_key(name), data.replace(b"two", b"TWO"))
    found = [(row.digest if row else None, error.slug) for row, error in damages(bucket, name)]
    assert found == [(None, "damaged-pack"), (digest_of(b"two"), "damaged-chunk")]
