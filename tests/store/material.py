"""Bytes to store, the same in every run: an extendable hash is a stream of noise that no Python version changes."""

from __future__ import annotations

from collections.abc import Callable

from blake3 import blake3

from artcli.content import Buffer, digest_of
from artcli.errors import IntegrityError
from artcli.store.codec import Tuner
from artcli.store.pack import Frame
from artcli.store.writer import Writer


def noise(length: int, seed: str = "") -> bytes:
    """Incompressible bytes."""
    return blake3(b"art " + seed.encode()).digest(length=length)


def weights(count: int, seed: int = 0) -> bytes:
    """Normal float32 numbers as a model has them."""
    import numpy

    normal = numpy.random.default_rng(seed).standard_normal(count, dtype=numpy.float32)
    return (normal * numpy.float32(0.02)).tobytes()


def table(rows: int) -> bytes:
    """CSV text."""
    return b"".join(
        b"%d,user_%04x,%d.%02d,%s\n" % (i, i * i % 5000, i % 977, i * 7 % 100, (b"ok", b"returned", b"pending")[i % 3])
        for i in range(rows)
    )


def raw_frame(chunk: bytes) -> Frame:
    return Frame(digest_of(chunk), 0, len(chunk), len(chunk), [chunk])


def keep(writer: Writer, chunk: Buffer) -> bytes:
    """Through the writer as a flow does it; returns the digest."""
    digest = digest_of(chunk)
    frame = writer.encode(digest, chunk, Tuner())
    if frame is not None:
        writer.add(frame)
    return digest


def refusal(action: Callable[[], object]) -> str:
    """The slug of the IntegrityError that `action` raises, "" if it raises none."""
    try:
        action()
    except IntegrityError as error:
        return error.slug
    return ""
