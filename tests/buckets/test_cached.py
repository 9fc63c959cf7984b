"""Copies of what never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.buckets.bucket import Missing, Piece
from artcli.buckets.cached import CachedBucket
from artcli.buckets.limited import Meter, MeteredBucket
from artcli.buckets.memory import MemoryBucket
from tests.kit.bucket_suite import BucketSuite, Raw


class TestCachedBucket(BucketSuite):
    """Where all that the suite writes is kept."""

    @pytest.fixture
    def bucket(self, tmp_path: Path) -> CachedBucket:
        return CachedBucket(MemoryBucket(), tmp_path / "cache", ("a/", "packs/"))

    @pytest.fixture
    def raw(self, bucket: CachedBucket) -> Raw:
        inner = bucket.inner
        assert isinstance(inner, MemoryBucket)
        return lambda key: inner._objects.get(key, (None, 0.0))[0]


@pytest.fixture
def far() -> MeteredBucket:
    bucket = MeteredBucket(MemoryBucket(), Meter())
    for key in ("index/1", "index/2", "packs/1"):
        bucket.inner.add(key, key.encode() * 100)
    return bucket


def test_whole_objects_are_fetched_once(far: MeteredBucket, tmp_path: Path) -> None:
    for _ in range(2):
        bucket = CachedBucket(far, tmp_path / "cache")
        assert bucket.get("index/1") == b"index/1" * 100
        assert bytes(bucket.view("index/2")) == b"index/2" * 100
        assert bucket.get("index/1", 2, 5) == b"dex/1"
        assert bucket.get_many([Piece("index/2", 0, 5), Piece("index/1", 0, 3)]) == [b"index", b"ind"]
    assert far.meter.requests == 2
    bucket.get("packs/1")
    bucket.get("packs/1")
    assert far.meter.requests == 4
    assert bucket.get_many([Piece("packs/1", 0, 5), Piece("index/1", 0, 3), Piece("none")]) == [b"packs", b"ind", None]


def test_parts_are_not_kept(far: MeteredBucket, tmp_path: Path) -> None:
    bucket = CachedBucket(far, tmp_path / "cache")
    assert bucket.get("index/1", 0, 5) == bucket.get("index/1", 0, 5) == b"index"
    assert far.meter.requests == 2


def test_what_was_added_is_there_already(far: MeteredBucket, tmp_path: Path) -> None:
    bucket = CachedBucket(far, tmp_path / "cache")
    assert bucket.add("index/3", [b"th", b"ree"])
    assert not bucket.add("index/3", b"other")
    before = far.meter.requests
    assert bucket.get("index/3") == b"three"
    assert far.meter.requests == before
    bucket.delete("index/3")
    with pytest.raises(Missing):
        bucket.get("index/3")


@pytest.mark.parametrize("damage", [b"", b"x", b"index/1" * 100, b"\0" * 732])
def test_a_rotten_copy_is_fetched_again(damage: bytes, far: MeteredBucket, tmp_path: Path) -> None:
    CachedBucket(far, tmp_path / "cache").get("index/1")
    CachedBucket(far, tmp_path / "cache").get("index/2")
    copy = tmp_path / "cache" / "index" / "1"
    copy.chmod(0o644)
    copy.write_bytes(damage or (tmp_path / "cache" / "index" / "2").read_bytes())
    assert CachedBucket(far, tmp_path / "cache").get("index/1") == b"index/1" * 100
    assert far.meter.requests == 3
    assert CachedBucket(far, tmp_path / "cache").get("index/1") == b"index/1" * 100
    assert far.meter.requests == 3


def test_a_cache_that_cannot_be_written_is_none(far: MeteredBucket, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    bucket = CachedBucket(far, tmp_path / "cache")
    assert bucket.get("index/1") == bucket.get("index/1") == b"index/1" * 100
    assert far.meter.requests == 2
