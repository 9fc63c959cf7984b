"""Counting and pacing."""

from __future__ import annotations

import threading
import time

import pytest

from artcli.buckets.bucket import Missing, Piece
from artcli.buckets.limited import Meter, MeteredBucket
from artcli.buckets.memory import MemoryBucket
from artcli.buckets.urls import Access, open_bucket
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.doorway import new_bucket


class TestMeteredBucket(BucketSuite):
    @pytest.fixture
    def bucket(self) -> MeteredBucket:
        return MeteredBucket(MemoryBucket(), Meter())

    @pytest.fixture
    def raw(self, bucket: MeteredBucket) -> Raw:
        inner = bucket.inner
        assert isinstance(inner, MemoryBucket)
        return lambda key: inner._objects.get(key, (None, 0.0))[0]


def test_what_goes_and_comes_is_counted() -> None:
    bucket = MeteredBucket(MemoryBucket(), Meter())
    bucket.add("a", [b"12", b"345"])
    bucket.get("a", 1, 2)
    bucket.view("a")
    bucket.get_many([Piece("a"), Piece("b")])
    with pytest.raises(Missing):
        bucket.get("b")
    list(bucket.list(""))
    bucket.delete("a")
    assert (bucket.meter.requests, bucket.meter.sent, bucket.meter.received) == (8, 5, 12)


def test_over_http_requests_are_counted_as_they_are_made() -> None:
    meter = Meter()
    bucket = open_bucket(new_bucket()[0], access=Access(meter=meter))
    for number in range(300):
        if number < 3:
            bucket.add(f"a/{number}", b"x" * 1000)
    assert (meter.requests, meter.sent, meter.received < 1000) == (3, 3000, True)
    before = meter.received
    found = bucket.get_many([Piece("a/1", 0, 10)] * 300)  # type: ignore[attr-defined]
    assert found == [b"x" * 10] * 300
    assert (meter.requests, meter.received - before) == (5, 300 * 50)


def test_a_rate_is_kept_by_all_threads_together() -> None:
    slept: list[float] = []
    meter = Meter(1000, clock=lambda: 0.0, sleep=slept.append)
    for _ in range(5):
        meter.send(1000)
        meter.receive(500)
    assert slept == [1.0, 1.5, 2.5, 3.0, 4.0, 4.5, 5.5, 6.0, 7.0]


def test_bytes_over_http_come_at_the_rate() -> None:
    url, folder = new_bucket()
    (folder / "a").write_bytes(bytes(600_000))
    bucket = open_bucket(url, access=Access(meter=Meter(1_000_000)))
    began = time.monotonic()
    threads = [threading.Thread(target=bucket.get, args=("a",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began > 1.0
    began = time.monotonic()
    assert bucket.add("b", bytes(700_000))
    assert time.monotonic() - began > 0.5
