"""The misbehaving buckets of the kit misbehave as they say, and no further."""

from __future__ import annotations

from typing import Literal

import pytest

from artcli.buckets.bucket import Missing
from artcli.buckets.memory import MemoryBucket
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.faulty import FaultyBucket, SlowBucket, StaleBucket


class TestFaultyBucketWithoutFault(BucketSuite):
    @pytest.fixture
    def bucket(self) -> SlowBucket:
        return SlowBucket(FaultyBucket(MemoryBucket()), 0)

    @pytest.fixture
    def raw(self, bucket: SlowBucket) -> Raw:
        def read(key: str) -> bytes | None:
            try:
                return bucket.inner.get(key)
            except Missing:
                return None

        return read


def run_scenario(faulty: FaultyBucket) -> int:
    """Six operations; returns how many failed."""
    failed = 0
    for operation in (
        lambda: faulty.add("a/1", b"one"),
        lambda: faulty.add("a/2", b"two"),
        lambda: faulty.get("a/2"),
        lambda: faulty.view("a/2"),
        lambda: list(faulty.list("a/")),
        lambda: faulty.delete("a/2"),
    ):
        try:
            operation()
        except OSError:
            failed += 1
        except Missing:
            pass  # the add before it failed
    return failed


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_operation_fails_once(when: Literal["before", "after"]) -> None:
    k = 0
    while True:
        k += 1
        inner = MemoryBucket()
        faulty = FaultyBucket(inner, k, when)
        failed = run_scenario(faulty)
        assert faulty.operations == 6
        if not faulty.fired:
            break
        assert failed == 1
        keys = {item.key for item in inner.list("")}
        if when == "after":
            assert keys == {"a/1"}
        else:
            assert keys == {1: set(), 6: {"a/1", "a/2"}}.get(k, {"a/1"})
    assert k == 7


def test_a_persistent_fault_stays() -> None:
    for k in range(1, 7):
        faulty = FaultyBucket(MemoryBucket(), k, persistent=True)
        assert run_scenario(faulty) == 7 - k


def test_a_listing_breaks_off_at_its_end() -> None:
    faulty = FaultyBucket(MemoryBucket(), 3, "after")
    faulty.add("a/1", b"x")
    faulty.add("a/2", b"x")
    listing = faulty.list("")
    assert [next(listing).key, next(listing).key] == ["a/1", "a/2"]
    with pytest.raises(OSError, match="Input/output"):
        next(listing)


def test_stale_listings() -> None:
    stale = StaleBucket(MemoryBucket(), late=2)
    for number in range(5):
        stale.add(f"a/{number}", b"x")
    assert [item.key for item in stale.list("a/")] == ["a/0", "a/1", "a/2"]
    stale.delete("a/0")
    stale.delete("a/9")
    assert [item.key for item in stale.list("a/")] == ["a/0", "a/1", "a/2", "a/3"]
    assert [item.key for item in stale.list("a/", "a/1")] == ["a/2", "a/3"]
    stale.add("b", b"x")
    stale.add("c", b"x")
    assert [item.key for item in stale.list("")] == ["a/1", "a/2", "a/3", "a/4"]


def test_stale_reads() -> None:
    stale = StaleBucket(MemoryBucket())
    assert stale.add("a/1", b"x") is True
    assert stale.add("a/1", b"y") is False
    with pytest.raises(Missing):
        stale.get("a/1")
    assert stale.get("a/1") == b"x"
    assert bytes(stale.view("a/1")) == b"x"
