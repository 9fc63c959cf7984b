"""How a chunk's bytes are kept: raw, compressed, or as byte planes.

Zstandard (RFC 8878) at level 1 is the ground: on chunks of 64 KiB it beats level 3 in size and time. Arrays of numbers
gain more when the first bytes of all numbers lie together, then the second bytes, and so on: in a plane of exponents
few values occur, a plane of mantissas is noise and stays raw. Whether that pays is seen from the bytes, never from a
name: `Tuner` remembers what paid in one file, so that not every attempt is made on every chunk. What is compressed is
decompressed and compared before anybody gets it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from artcli.content import Buffer
from artcli.errors import IntegrityError
from artcli.store.room import Place, Room

if TYPE_CHECKING:
    from zstandard import ZstdCompressor, ZstdDecompressor

RAW = 0
ZSTD = 1
PLANES = {2: 2, 3: 4, 4: 8}
"""Codec to stride. 5 to 15 are free; 16 and above are reserved for encryption."""

MAX_LENGTH = 1024 * 1024
"""Bytes of the longest chunk: a page of a manifest; chunks of files are no longer than `chunker.MOST`."""

WINDOW = 8 * 1024 * 1024
"""Bytes a decompressor may be made to look back."""

_LENGTHS = {codec: Struct(f"<{stride}I") for codec, stride in PLANES.items()}
_STRIDE_CODEC = {stride: codec for codec, stride in PLANES.items()}


# --- back to bytes ---------------------------------------------------------------------------------------------------


def decode(codec: int, stored: Buffer, length: int) -> Buffer:
    """The `length` bytes that `stored` stands for; for a raw chunk that is `stored` itself.

    The input may be hostile: memory and time are bounded by `length`. Raises IntegrityError `damaged-chunk`, or
    `unknown-codec` if a newer program wrote it. That the bytes are the right ones is for the caller to check.
    """
    if not 0 <= length <= MAX_LENGTH:
        raise _damaged(f"a chunk of {length} bytes is longer than any may be")
    if codec == RAW:
        if len(stored) != length:
            raise _damaged(f"a raw chunk of {length} bytes is kept in {len(stored)}")
        return stored
    if codec == ZSTD:
        return _decompress(stored, length)
    if codec in PLANES:
        return _join(codec, stored, length)
    raise IntegrityError("unknown-codec", f"a chunk is kept in a way that this program does not know: codec {codec}")


_of_thread = threading.local()


def _decompressor() -> ZstdDecompressor:
    found: ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        from zstandard import ZstdDecompressor

        found = _of_thread.decompressor = ZstdDecompressor(max_window_size=WINDOW)
    return found


def _decompress(stored: Buffer, length: int) -> bytes:
    from zstandard import ZstdError, get_frame_parameters

    try:
        # the library allocates what a frame declares, so that is looked at first
        declared = get_frame_parameters(stored)
        if length == 0 or declared.content_size != length or declared.window_size > WINDOW:
            raise _damaged(f"a compressed chunk does not declare the {length} bytes it should have")
        plain = _decompressor().decompress(stored, read_across_frames=False, allow_extra_data=False)
    except ZstdError as error:
        raise _damaged("a chunk cannot be decompressed") from error
    if len(plain) != length:
        raise _damaged(f"a chunk of {length} bytes decompresses to {len(plain)}")
    return plain


def _join(codec: int, stored: Buffer, length: int) -> memoryview:
    """Planes put back together. `stored`: their stored lengths, then the planes; as long as plain means raw."""
    import numpy

    stride, lengths = PLANES[codec], _LENGTHS[codec]
    if len(stored) < lengths.size or length < stride:
        raise _damaged("byte planes without their lengths")
    sizes = lengths.unpack_from(stored)
    if lengths.size + sum(sizes) != len(stored):
        raise _damaged("byte planes that are not as long as they say")
    view = memoryview(stored)
    whole = numpy.empty(length, numpy.uint8)
    start = lengths.size
    for k, size in enumerate(sizes):
        plane: Buffer = view[start : start + size]
        start += size
        plain = plane_length(length, stride, k)
        if size > plain:
            raise _damaged("a byte plane longer than its bytes")
        if size < plain:
            plane = _decompress(plane, plain)
        whole[k::stride] = numpy.frombuffer(plane, numpy.uint8)
    return whole.data


def plane_length(length: int, stride: int, k: int) -> int:
    """Bytes k, k + stride, k + 2 stride, … below `length`: how many."""
    return (length - k + stride - 1) // stride


def _damaged(message: str) -> IntegrityError:
    return IntegrityError("damaged-chunk", message)


# --- from bytes ------------------------------------------------------------------------------------------------------


class Encoded(NamedTuple):
    """What is stored of a chunk."""

    codec: int
    parts: Sequence[Buffer]
    """Buffers to store one after the other."""
    place: Place | None = None
    """Where they lie, if that is in memory that need not be copied."""


class Plan(NamedTuple):
    """A way to encode, as it paid last time."""

    codec: int
    ways: tuple[int, ...] = ()
    """Which compressor made it. For planes: of each, by its place in a number (offset in the file modulo stride)."""
    ratio: float = 1.0
    """Stored by plain bytes: what the plan promises."""


_RAW_PLAN = Plan(RAW)

_AS_IS = -1
"""The way of a plane that stays raw; other ways are positions among the compressors."""

# What Zstandard's "fast" strategy (that of level 1) looks for: least match, log2 of the table's size. Where digits or
# mantissas are noise, short matches cost more than they save. Shares of the plain size that they came to:
#                              CSV    COCO   JSON lines   source   shared library   exponents of float32
#   level 1 (6, 13)           .319    .212      .151       .282         .348             .379
#   (6, 10)                   .314    .206      .142       .308         .386             .361
#   (7, 6)                    .506    .209      .129       .424         .579             .344, half as fast again
_MATCHES = ((6, 13), (6, 10), (7, 6))

CHOICE = 32 * 1024
"""Bytes from which a chunk is worth trying every compressor on."""

PATIENCE = 128
RAW_PATIENCE = 32
"""Chunks encoded by a proven plan before all ways are tried again. Raw ones never disappoint, and to try is cheap."""

DISAPPOINTMENT = 0.03
"""Share of the plain size by which a plan may miss its promise before all ways are tried again."""

TINY = 64
"""A chunk below so many bytes stays raw."""

COMPRESSED = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG",
    b"GIF8",
    b"\x1f\x8b",  # gzip
    b"\x28\xb5\x2f\xfd",  # Zstandard
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"fLaC",
)
"""How files begin that are compressed already: no attempt is made on their first chunk, which is all that most have."""


class Tuner:
    """What paid in one file. Threads may share it: a race costs an attempt, never a wrong byte."""

    __slots__ = ("_left", "_patience", "plan")

    def __init__(self) -> None:
        self.plan = _RAW_PLAN
        self._left = 0
        self._patience = 1

    def due(self) -> bool:
        """Whether all ways are to be tried on the next chunk: the first, then after 1, 2, 4, … `PATIENCE` chunks."""
        self._left -= 1
        return self._left < 0

    def proved(self, plan: Plan) -> None:
        """All ways were tried and `plan` was the best."""
        if plan.codec == self.plan.codec:
            plan = plan._replace(ratio=max(plan.ratio, self.plan.ratio))
            most = RAW_PATIENCE if plan.codec == RAW else PATIENCE
            self._left = self._patience = min(2 * self._patience, most)
        else:
            self._left = self._patience = 1
        self.plan = plan

    def yielded(self, ratio: float) -> None:
        """The plan came to `ratio`; if that is much worse than promised, the content has changed: try again."""
        if ratio > self.plan.ratio + DISAPPOINTMENT:
            self._left = 0


class Encoder:
    """Turns chunks into what is stored. One a thread: it owns compressors."""

    def __init__(self, planes: bool = True) -> None:
        """`planes`: whether byte planes may be chosen at all."""
        import zstandard

        self._may_split = planes
        self._room = Room()
        self._compressors: list[ZstdCompressor] = [
            zstandard.ZstdCompressor(level=1),
            *(
                zstandard.ZstdCompressor(
                    compression_params=zstandard.ZstdCompressionParameters(
                        compression_level=1, strategy=zstandard.STRATEGY_FAST, min_match=least, hash_log=table
                    )
                )
                for least, table in _MATCHES[1:]
            ),
        ]

    def encode(self, chunk: Buffer, tuner: Tuner, offset: int = 0) -> Encoded:
        """What is to be stored of a chunk; `offset`: where in its file it begins.

        A chunk that stays raw is not copied: it must stay as it is as long as what is returned is in use.
        Raises IntegrityError `memory-fault` if what was made does not decompress to what went in.
        """
        if len(chunk) > MAX_LENGTH:
            raise ValueError(f"a chunk of {len(chunk)} bytes")
        if len(chunk) < TINY:
            return Encoded(RAW, (chunk,))
        if tuner.due():
            plan, parts = self._best(chunk, offset)
            tuner.proved(plan)
            return Encoded(plan.codec, parts)
        plan = tuner.plan
        if plan.codec == RAW:
            return Encoded(RAW, (chunk,))
        if plan.codec == ZSTD:
            made = Encoded(ZSTD, (self._compressed(bytes(chunk), plan.ways[0]),))
        else:
            made = self._planes(chunk, plan, offset)
        stored = len(made.parts[0])
        tuner.yielded(stored / len(chunk))
        return made if _pays(stored, len(chunk)) else Encoded(RAW, (chunk,))

    def compress(self, chunk: Buffer) -> Encoded:
        """As `encode`, but plainly: for texts and pages, which are no arrays of numbers."""
        plain = bytes(chunk)
        made = self._compressed(plain, 0)
        return Encoded(ZSTD if made is not plain else RAW, (made,))

    def _best(self, chunk: Buffer, offset: int) -> tuple[Plan, Sequence[Buffer]]:
        """All ways that may pay, tried."""
        plain = bytes(chunk)  # of bytes, that is no copy
        if offset == 0 and plain.startswith(COMPRESSED):
            return _RAW_PLAN, (plain,)
        # Whatever gains by planes or another table gains a little at level 1 too: so noise is seen here, at once.
        made = self._compressed(plain, 0)
        if made is plain:
            return _RAW_PLAN, (plain,)
        stride = promising_stride(plain) if self._may_split else 0
        if stride:
            ways, parts = self._best_planes(plain, stride, offset)
            stored = sum(map(len, parts))
            if _pays(stored, len(made)):
                return Plan(_STRIDE_CODEC[stride], ways, stored / len(plain)), parts
        tries = [made]
        if len(plain) >= CHOICE:
            tries += (self._compressed(plain, way) for way in range(1, len(_MATCHES)))
        made = min(tries, key=len)
        return Plan(ZSTD, (tries.index(made),), len(made) / len(plain)), (made,)

    def _planes(self, chunk: Buffer, plan: Plan, offset: int) -> Encoded:
        stride = PLANES[plan.codec]
        parts = []
        for k, plane in enumerate(_split(chunk, stride)):
            way = plan.ways[(offset + k) % stride]
            parts.append(plane if way == _AS_IS else self._compressed_plane(plane, way))
        view, place = self._room.lay_out(_LENGTHS[plan.codec].pack(*map(len, parts)), parts)
        return Encoded(plan.codec, (view,), place)

    def _compressed_plane(self, plane: Any, way: int) -> Any:
        """As an array of bytes; `plane` itself if that does not pay."""
        import numpy

        plain = plane.tobytes()
        made = self._compressed(plain, way)
        return plane if made is plain else numpy.frombuffer(made, numpy.uint8)

    def _best_planes(self, chunk: Buffer, stride: int, offset: int) -> tuple[tuple[int, ...], list[Buffer]]:
        ways = [_AS_IS] * stride
        parts: list[Buffer] = []
        for k, plane in enumerate(_split(chunk, stride)):
            plain = plane.tobytes()
            tries = {way: self._compressed(plain, way) for way in (_AS_IS, *range(len(_MATCHES)))}
            way = min(tries, key=lambda way: len(tries[way]))
            ways[(offset + k) % stride] = way
            parts.append(tries[way])
        return tuple(ways), [_LENGTHS[_STRIDE_CODEC[stride]].pack(*map(len, parts)), *parts]

    def _compressed(self, plain: bytes, way: int) -> bytes:
        """What that compressor makes, decompressed and compared; `plain` itself if that does not pay."""
        if way == _AS_IS:
            return plain
        made = self._compressors[way].compress(plain)
        if not _pays(len(made), len(plain)):
            return plain
        if _decompressor().decompress(made) != plain:
            raise IntegrityError(
                "memory-fault",
                "compressed bytes do not decompress to what they were made of: this machine's memory may be faulty",
            )
        return made


def _pays(stored: int, plain: int) -> bool:
    """Less than a thirty-second saved is not worth the time of every later reader."""
    return stored < plain - (plain >> 5)


def _split(chunk: Buffer, stride: int) -> list[Any]:
    """The chunk's planes, as arrays that are views of it."""
    import numpy

    whole = numpy.frombuffer(chunk, numpy.uint8)
    return [whole[k::stride] for k in range(stride)]


SAMPLE = 4096


def promising_stride(chunk: Buffer) -> int:
    """The stride by which byte planes may pay, 0 if none: seen from the order-0 entropy of a sample's planes."""
    start = max(0, (len(chunk) - SAMPLE) // 2)
    sample = bytes(chunk[start : start + SAMPLE])
    if len(sample) < 512 or (sample.isascii() and 0 not in sample):  # text
        return 0
    import numpy

    rows = numpy.frombuffer(sample, numpy.uint8, len(sample) // 8 * 8).reshape(-1, 8)
    cells = numpy.bincount((rows + 256 * numpy.arange(8)).ravel(), minlength=2048).reshape(8, 256)
    bits = {stride: _entropy(cells.reshape(8 // stride, stride, 256).sum(0)) for stride in (1, 2, 4, 8)}
    least = min(bits.values())
    if least > bits[1] - 0.15:
        return 0
    return min(stride for stride in bits if bits[stride] < least + 0.1)


def _entropy(histograms: Any) -> float:
    """Mean bits a byte over histograms of byte values, with Miller and Madow's correction for small samples."""
    import numpy

    total = histograms[0].sum()
    used = histograms[histograms > 0]
    bits = numpy.log2(total) - (used * numpy.log2(used)).sum() / (total * len(histograms))
    return float(bits + (len(used) / len(histograms) - 1) / (2 * numpy.log(2) * total))
