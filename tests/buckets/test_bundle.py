"""Bundles: what was added is read, nothing else, and every damage is found."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.bundle import BundleBeingMade, BundleBucket
from artcli.errors import ArtError
from tests.store.material import noise

OBJECTS = {"a": b"", "b/1": b"one", "b/10": noise(3_000_000, "ten"), "b/2": b"two", "c.d-e_f": b"x" * 100}


def make(path: Path, objects: dict[str, bytes] = OBJECTS) -> Path:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        bundle = BundleBeingMade(fd)
        for key in reversed(objects):
            assert bundle.add(key, [objects[key][:2], objects[key][2:]])
        bundle.finish()
    finally:
        os.close(fd)
    return path


def read(path: Path) -> dict[str, bytes]:
    with BundleBucket(path) as bucket:
        list(bucket.check())
        return {item.key: bucket.get(item.key) for item in bucket.list("")}


def slug(path: Path) -> str:
    with pytest.raises(ArtError) as caught:
        read(path)
    return caught.value.slug


def test_what_was_added_is_there(tmp_path: Path) -> None:
    path = make(tmp_path / "x.artb")
    assert read(path) == OBJECTS
    with BundleBucket(path) as bucket:
        made: Bucket = bucket
        assert [item.key for item in made.list("b/")] == ["b/1", "b/10", "b/2"]
        assert [item.key for item in made.list("b/1")] == ["b/1", "b/10"]
        assert [item.key for item in made.list("", "b/10")] == ["b/2", "c.d-e_f"]
        assert [item.size for item in made.list("b/1")] == [3, 3_000_000]
        assert (made.get("b/1", 1), made.get("b/1", 1, 1), made.get("b/1", 9)) == (b"ne", b"n", b"")
        assert bytes(made.view("b/2")) == b"two"
        with pytest.raises(Missing):
            made.get("b")
        for wrong in ("../a", "/a", "a/../b", ""):
            with pytest.raises(ValueError):
                made.get(wrong)
        for change in (lambda: made.add("new", b""), lambda: made.delete("a")):
            with pytest.raises(ArtError) as caught:
                change()
            assert caught.value.slug == "cannot-write"


def test_while_it_is_made(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    made: Bucket = (bundle := BundleBeingMade(fd))
    assert made.add("k", b"first")
    assert not made.add("k", b"second")
    assert (made.get("k"), made.get("k", 1, 2), bytes(made.view("k"))) == (b"first", b"ir", b"first")
    assert [item.key for item in made.list("")] == ["k"]
    with pytest.raises(Missing):
        made.get("other")
    bundle.finish()
    os.close(fd)
    assert read(tmp_path / "x") == {"k": b"first"}


@pytest.mark.parametrize("length", [0, 1, 7, 8, 55, 56, 57, -1, -8, -40, -60, -200])
def test_what_was_cut_off(length: int, tmp_path: Path) -> None:
    path = make(tmp_path / "x.artb")
    os.truncate(path, length % path.stat().st_size if length < 0 else length)
    assert slug(path) == "damaged-bundle"


def test_every_bit_counts(tmp_path: Path) -> None:
    path = make(tmp_path / "x.artb", {"a": b"alpha", "b/c": b"beta"})
    right = path.read_bytes()
    for at in range(len(right)):
        path.write_bytes(right[:at] + bytes([right[at] ^ 1 << at % 8]) + right[at + 1 :])
        assert slug(path) == "damaged-bundle", at
    path.write_bytes(right + b"x")
    assert slug(path) == "damaged-bundle"


def forged(path: Path, rows: list[tuple[bytes, int, int]], body: bytes = b"body") -> Path:
    """A bundle whose table says this: (key, offset, size), with digests that agree."""
    table = b"".join(
        struct.pack("<HQQ32s", len(key), offset, size, blake3(body[offset - 8 : offset - 8 + size]).digest()) + key
        for key, offset, size in rows
    )
    path.write_bytes(
        b"artbndl1" + body + table + struct.pack("<Q32s8s", len(table), blake3(table).digest(), b"artbndlE")
    )
    return path


def test_tables_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "x.artb"
    assert read(forged(path, [(b"a", 8, 4), (b"b", 8, 2)])) == {"a": b"body", "b": b"bo"}
    for rows in (
        [(b"a", 0, 4)], [(b"a", 8, 5)], [(b"a", 1 << 63, 1 << 63)], [(b"a", 8, (1 << 64) - 1)], [(b"../a", 8, 1)],
        [(b"/etc/passwd", 8, 1)], [(b"", 8, 1)], [(b"b", 8, 1), (b"a", 8, 1)], [(b"a", 8, 1), (b"a", 8, 1)],
        [(b"\xff", 8, 1)], [(b"a" * 600, 8, 1)],
    ):  # fmt: skip
        assert slug(forged(path, rows)) == "damaged-bundle", rows
    whole = forged(path, [(b"a", 8, 4)]).read_bytes()
    path.write_bytes(whole[:-48] + struct.pack("<Q32s8s", 1 << 40, bytes(32), b"artbndlE"))
    assert slug(path) == "damaged-bundle"


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_anything_else_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(b"artbndl1" + data)
    assert slug(tmp_path / "x") == "damaged-bundle"


def test_one_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = make(tmp_path / "x.artb")
    with BundleBucket(path) as bucket:
        os.truncate(path, 100)
        with pytest.raises(ArtError) as caught:
            bucket.get("b/10")
    assert caught.value.slug == "damaged-bundle"
