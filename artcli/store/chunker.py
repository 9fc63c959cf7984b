"""Cuts long streams where their content says so, so that an insertion moves the cuts with the bytes.

FastCDC as of 2020 (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage
Systems", IEEE TPDS 2020) with 16 KiB, 48 KiB and 256 KiB as least, average and greatest size, normalisation 2 and
seed 0, by `pyfastcdc`. The mean chunk of random bytes has 62 KB: what a small edit adds goes with the mean, what a
chunk costs (some 150 bytes and 60 µs) against it. 1 KiB inserted and 64 KiB overwritten in 2 GB of float32 make, in the
median of 45 places, 202 KB of new chunks; 258 KB with normalisation 1 and an average of 64 KiB. These cuts are part of
the format: repositories share chunks, so golden vectors in the tests pin them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from artcli.content import Buffer

if TYPE_CHECKING:
    from pyfastcdc import FastCDC

LEAST = 16 * 1024
AVERAGE = 48 * 1024
MOST = 256 * 1024

SMALL = MOST
"""A file up to this size is one chunk, uncut: to cut a photograph in three gains nothing."""

BATCH = 1024 * 1024
"""Blocks shorter than this are gathered first: the end of a block is cut twice."""


def native() -> bool:
    """Whether the compiled part of `pyfastcdc` is there; without it cutting is some hundred times slower."""
    try:
        import pyfastcdc.cy  # noqa: F401
    except ImportError:
        return False
    return True


def cut(blocks: Iterable[Buffer]) -> Iterator[list[memoryview]]:
    """The chunks of the stream that `blocks` make up, in order; how it is split into blocks does not matter.

    Blocks of 1 MiB and more are not copied: for each there is one batch (it may be empty) before the next block is
    asked for, whose chunks are views into that block or into memory of their own. So a block may be overwritten as
    soon as the chunks of its batch are no longer in use. Smaller blocks are copied and gathered. Whatever the blocks,
    `cut` itself holds less than 2 MiB.
    """
    cutter = _cutter()
    tail = b""  # the bytes behind the last certain cut
    gathered: list[bytes] = []
    size = 0
    for block in blocks:
        if len(block) < BATCH:
            gathered.append(bytes(block))
            size += len(block)
            if size < BATCH:
                continue
            block = b"".join(gathered)
        else:
            tail = b"".join((tail, *gathered))
        gathered, size = [], 0
        chunks, tail = _cut_block(cutter, tail, memoryview(block))
        yield chunks
    rest = b"".join((tail, *gathered))
    if rest:
        yield [chunk.data for chunk in cutter.cut_buf(rest)]


def _cutter() -> FastCDC:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever wants to know asks native()
        from pyfastcdc import FastCDC
    return FastCDC(AVERAGE, min_size=LEAST, max_size=MOST, normalized_chunking=2, seed=0)


def _cut_block(cutter: Any, tail: bytes, block: memoryview) -> tuple[list[memoryview], bytes]:
    """The chunks that are certain once `block` follows `tail`, and the bytes left over.

    A cut depends on the bytes before it alone, so every chunk is certain but one that ends where the bytes end.
    """
    chunks: list[memoryview] = []
    start = 0
    if tail:
        seam = memoryview(tail + bytes(block[:MOST]))
        position = 0
        for chunk in cutter.cut_buf(seam):
            position += chunk.length
            chunks.append(chunk.data)
            if position >= len(tail):
                break
        start = position - len(tail)
    for chunk in cutter.cut_buf(block[start:]):
        chunks.append(chunk.data)
    if not chunks:
        return [], b""
    return chunks[:-1], bytes(chunks[-1])
