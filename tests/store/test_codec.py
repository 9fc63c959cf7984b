from __future__ import annotations

import struct
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artcli.content import Buffer
from artcli.errors import IntegrityError
from artcli.store import codec
from artcli.store.codec import MAX_LENGTH, PLANES, RAW, ZSTD, Encoder, Tuner, decode, plane_length, promising_stride
from tests.store.material import noise, refusal, table, weights

CHUNK = 80_000
FLOATS = weights(4 * CHUNK)
RNG = numpy.random.default_rng(1)


def stored_share(data: Buffer, start: int = 0, tuner: Tuner | None = None) -> float:
    """Stored by raw bytes of `data` in chunks, each decoded and compared."""
    encoder, tuner, stored, view = Encoder(), tuner or Tuner(), 0, memoryview(data)[start:]
    for offset in range(0, len(view), CHUNK):
        chunk = view[offset : offset + CHUNK]
        kind, parts, _ = encoder.encode(chunk, tuner, offset)
        joined = b"".join(parts)
        assert bytes(decode(kind, joined, len(chunk))) == bytes(chunk)
        stored += len(joined)
    return stored / len(view)


ARRAYS: dict[str, tuple[bytes, float]] = {
    "float32": (FLOATS, 0.84),
    "bfloat16": (numpy.frombuffer(FLOATS, numpy.uint16)[1::2].tobytes(), 0.68),
    "float16": (numpy.frombuffer(FLOATS, numpy.float32).astype(numpy.float16).tobytes(), 0.85),
    "float64": (RNG.standard_normal(100_000).tobytes(), 0.89),
    "int64": (RNG.integers(0, 1000, 100_000).tobytes(), 0.17),
    "int32": (RNG.integers(0, 50_000, 100_000).astype(numpy.int32).tobytes(), 0.51),
    "labels": (RNG.integers(0, 10, 100_000).tobytes(), 0.06),
    "csv": (table(20_000), 0.36),
    "zeros": (bytes(500_000), 0.001),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_kinds_of_data_come_to(name: str) -> None:
    data, share = ARRAYS[name]
    assert stored_share(data) <= share


@pytest.mark.parametrize("start", range(4))
def test_planes_are_found_wherever_chunks_begin(start: int) -> None:
    assert stored_share(FLOATS, start) <= 0.84


def test_planes_are_found_again_after_a_shift_and_a_change_of_type() -> None:
    half = ARRAYS["bfloat16"][0]
    data = b'{"header": 1}' * 9000 + FLOATS[:640_000] + b"x" + FLOATS[640_000:] + half + table(5_000)
    assert stored_share(data) <= 0.75


def test_noise_stays_raw_and_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    original = Encoder._compressed

    def counted(self: Encoder, plain: bytes, way: int) -> bytes:
        nonlocal attempts
        attempts += 1
        return original(self, plain, way)

    monkeypatch.setattr(Encoder, "_compressed", counted)
    data = noise(200 * CHUNK)
    assert stored_share(data) == 1.0
    assert attempts <= 12


def test_formats_that_are_compressed_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "_compressed", None)
    for head in codec.COMPRESSED:
        assert Encoder().encode(head + bytes(5000), Tuner())[0] == RAW


def test_text_after_much_noise_is_noticed() -> None:
    assert stored_share(noise(40 * CHUNK) + table(200_000)) <= 0.75


def test_bytes_that_stay_raw_are_not_copied_others_are() -> None:
    chunk = noise(1000)
    assert Encoder().encode(chunk, Tuner())[1][0] is chunk
    buffer = bytearray(chunk)
    _, parts, _ = Encoder().encode(memoryview(buffer), Tuner())
    buffer[:] = bytes(1000)
    assert parts[0] == chunk


elements = st.sampled_from(["<f4", "<f8", "<f2", "<i4", "<i8", "|u1"])


@settings(max_examples=80, deadline=None)
@given(elements, st.integers(0, 3000), st.integers(0, 9), st.integers(0, 9), st.booleans())
@example("<f4", 0, 0, 0, False)
@example("<f8", 1000, 3, 7, True)
def test_what_is_encoded_decodes_to_itself(kind: str, count: int, cut: int, offset: int, twice: bool) -> None:
    values = numpy.random.default_rng(count).standard_normal(count) * 10
    chunk = values.astype(kind if kind != "|u1" else "<i8").astype(kind).tobytes()[cut:]
    encoder, tuner = Encoder(), Tuner()
    for _ in range(1 + twice):
        kept, parts, _ = encoder.encode(chunk, tuner, offset)
        assert bytes(decode(kept, b"".join(parts), len(chunk))) == chunk
        assert sum(map(len, parts)) <= len(chunk)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PLANES)), st.integers(8, 40), st.lists(st.integers(-1, 2), min_size=8, max_size=8))
def test_planes_of_any_length_decode(kept: int, length: int, ways: list[int]) -> None:
    chunk = bytes(range(length)) * 1
    plan = codec.Plan(kept, tuple(ways[: PLANES[kept]]))
    joined = b"".join(Encoder()._planes(chunk, plan, 1).parts)
    assert bytes(decode(kept, joined, length)) == chunk
    assert sum(plane_length(length, PLANES[kept], k) for k in range(PLANES[kept])) == length


def test_planes_lie_as_the_format_says() -> None:
    assert bytes(decode(2, struct.pack("<2I", 3, 2) + b"ace" + b"bd", 5)) == b"abcde"
    assert bytes(decode(3, struct.pack("<4I", 2, 1, 1, 1) + b"aebcd", 5)) == b"abcde"
    packed = zstandard.compress(b"A" * 100, 1)
    eight = struct.pack("<8I", *[100] * 7, len(packed)) + b"".join(b"%d" % k * 100 for k in range(7)) + packed
    assert bytes(decode(4, eight, 800)) == b"0123456A" * 100


def test_a_stride_is_not_seen_in_text_or_noise() -> None:
    assert promising_stride(noise(CHUNK)) == 0
    assert promising_stride(table(3000)) == 0
    assert promising_stride("".join(f"für {i} Gäste – größer; " for i in range(2000)).encode()) == 0
    assert promising_stride(FLOATS[1:CHUNK]) == 4


def test_threads_may_share_a_tuner() -> None:
    tuner, failures = Tuner(), []

    def work(start: int) -> None:
        try:
            assert stored_share(FLOATS, start, tuner) < 1
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_fault_while_compressing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compressor makes is wrong in one byte, as if memory had flipped a bit."""

    class Broken:
        def __init__(self, inner: zstandard.ZstdCompressor) -> None:
            self.inner = inner

        def compress(self, data: Buffer) -> bytes:
            plain = bytearray(data)
            plain[len(plain) // 2] ^= 1
            return self.inner.compress(bytes(plain))

    for data in (table(2000), FLOATS[:CHUNK]):
        encoder, tuner = Encoder(), Tuner()
        encoder.encode(data, tuner)
        monkeypatch.setattr(encoder, "_compressors", list(map(Broken, encoder._compressors)))
        for known in (tuner, Tuner()):
            assert refusal(partial(encoder.encode, data, known)) == "memory-fault"


# --- hostile input ---


def refused(kept: int, stored: bytes, length: int, slug: str = "damaged-chunk") -> None:
    with pytest.raises(IntegrityError) as caught:
        decode(kept, stored, length)
    assert caught.value.slug == slug


def test_lengths_that_do_not_hold_are_refused() -> None:
    packed = zstandard.compress(b"a" * 1000, 1)
    refused(RAW, b"abc", 4)
    refused(RAW, b"abc", 2)
    refused(ZSTD, packed, 999)
    refused(ZSTD, packed, 1001)
    refused(ZSTD, packed[:-1], 1000)
    refused(ZSTD, packed + b"\0", 1000)
    refused(ZSTD, packed + packed, 1000)
    refused(ZSTD, b"", 0)
    refused(ZSTD, b"", 5)
    refused(RAW, b"", -1)
    refused(RAW, bytes(MAX_LENGTH + 1), MAX_LENGTH + 1)


@pytest.mark.parametrize("kept", [5, 15, 16, 255, -1])
def test_an_unknown_codec_is_named(kept: int) -> None:
    refused(kept, b"abc", 3, "unknown-codec")


def zstd_frame(declared: int | None, window_log: int, blocks: bytes) -> bytes:
    """A frame by hand (RFC 8878): with a window descriptor, and a content size of 8 bytes if one is declared."""
    descriptor = 0xC0 if declared is not None else 0
    head = struct.pack("<IBB", 0xFD2FB528, descriptor, (window_log - 10) << 3)
    return head + (struct.pack("<Q", declared) if declared is not None else b"") + blocks


def run(length: int, *, last: bool) -> bytes:
    """A block that stands for `length` equal bytes."""
    return struct.pack("<I", last | 1 << 1 | length << 3)[:3] + b"A"


BOMBS: dict[str, Callable[[], tuple[int, bytes, int]]] = {
    "declares a terabyte": lambda: (ZSTD, zstd_frame(1 << 40, 20, run(10, last=True)), 10),
    "declares nothing": lambda: (ZSTD, zstd_frame(None, 20, run(10, last=True)), 10),
    "gives more than declared": lambda: (ZSTD, zstd_frame(1024, 20, run(131072, last=False) * 5000), 1024),
    "gives less than declared": lambda: (ZSTD, zstd_frame(1024, 20, run(10, last=True)), 1024),
    "looks back 2 GiB": lambda: (ZSTD, zstd_frame(1024, 31, run(1024, last=True)), 1024),
    "looks back 16 MiB": lambda: (ZSTD, zstd_frame(1024, 24, run(1024, last=True)), 1024),
    "is a skippable frame": lambda: (ZSTD, struct.pack("<II", 0x184D2A50, 0), 10),
    "needs a dictionary": lambda: (ZSTD, struct.pack("<IBBBB", 0xFD2FB528, 0x21, 7, 10, 0) + run(10, last=True), 10),
    "planes without lengths": lambda: (2, b"\1\0\0", 10),
    "planes of fewer bytes than a number": lambda: (3, struct.pack("<4I", 1, 1, 0, 0) + bytes(2), 2),
    "planes beyond the end": lambda: (2, struct.pack("<II", 5, 6) + bytes(10), 10),
    "planes before the end": lambda: (2, struct.pack("<II", 5, 5) + bytes(11), 10),
    "a plane too long": lambda: (2, struct.pack("<II", 6, 4) + bytes(10), 10),
    "an empty compressed plane": lambda: (2, struct.pack("<II", 0, 5) + bytes(5), 10),
    "planes of a sum that wraps": lambda: (2, struct.pack("<II", 2**32 - 1, 11) + bytes(10), 10),
    "a plane that explodes": lambda: plane_bomb(),
}


def plane_bomb() -> tuple[int, bytes, int]:
    packed = zstandard.compress(bytes(1 << 24), 1)
    return 2, struct.pack("<II", len(packed), 1000) + packed + bytes(1000), 2000


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name: str) -> None:
    kept, stored, length = BOMBS[name]()
    decode(ZSTD, zstandard.compress(b"a", 1), 1)  # what is made once a thread is no bomb
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        refused(kept, stored, length)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begun < 0.5


def test_a_frame_by_hand_is_read() -> None:
    """Shows that the bombs are refused for what they are, and not for a slip in their making."""
    assert decode(ZSTD, zstd_frame(1024, 23, run(1024, last=True)), 1024) == b"A" * 1024


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4), st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_decode_to_the_length_or_are_refused(kept: int, stored: bytes, length: int) -> None:
    made: list[Buffer] = []
    slug = refusal(lambda: made.append(decode(kept, stored, length)))
    assert slug == "damaged-chunk" if not made else len(made[0]) == length


def test_planes_can_be_switched_off() -> None:
    floats = weights(64 * 1024)
    split, _, _ = Encoder().encode(floats, Tuner())
    whole, parts, _ = Encoder(planes=False).encode(floats, Tuner())
    assert split in PLANES
    assert whole not in PLANES
    assert bytes(decode(whole, b"".join(parts), len(floats))) == floats
