"""Trying again: what is, how often, and what an `add` whose answer was lost means."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from artcli.buckets.bucket import Missing, Piece, get_many
from artcli.buckets.memory import MemoryBucket
from artcli.buckets.retry import Passing, RetryingBucket, unreachable
from artcli.buckets.wrapping import WrappingBucket
from artcli.errors import AuthError, NetworkError
from tests.kit.bucket_suite import BucketSuite, Raw


class Flaky(WrappingBucket):
    """Fails as often as it was told to, before or after the effect."""

    def __init__(self) -> None:
        super().__init__(MemoryBucket())
        self.failures: list[tuple[str, Exception]] = []
        self.calls = 0

    def fail(self, times: int = 1, when: str = "before", error: Exception | None = None) -> None:
        self.failures += [(when, error or unreachable("x", "broke"))] * times

    def _do(self, operation: Callable[[], object]) -> object:
        self.calls += 1
        when, error = self.failures.pop(0) if self.failures else ("", None)
        if error is not None and when == "before":
            raise error
        result = operation()
        if error is not None:
            raise error
        return result

    def get(self, *arguments: object) -> bytes:  # type: ignore[override]
        return self._do(lambda: self.inner.get(*arguments))  # type: ignore[arg-type,return-value]

    def add(self, *arguments: object) -> bool:  # type: ignore[override]
        return self._do(lambda: self.inner.add(*arguments))  # type: ignore[arg-type,return-value]

    def delete(self, key: str) -> None:
        self._do(lambda: self.inner.delete(key))

    def list(self, prefix: str, after: str = ""):  # type: ignore[no-untyped-def]
        for item in self.inner.list(prefix, after):
            yield self._do(lambda item=item: item)  # type: ignore[misc]


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def wrap(self, inner: Flaky, patience: float = 60) -> RetryingBucket:
        return RetryingBucket(inner, patience=patience, clock=lambda: self.now, sleep=self.sleep)


class TestRetryingBucket(BucketSuite):
    @pytest.fixture
    def bucket(self) -> RetryingBucket:
        return RetryingBucket(MemoryBucket())

    @pytest.fixture
    def raw(self, bucket: RetryingBucket) -> Raw:
        inner = bucket.inner
        assert isinstance(inner, MemoryBucket)
        return lambda key: inner._objects.get(key, (None, 0.0))[0]


def test_every_verb_is_tried_again() -> None:
    flaky, clock = Flaky(), Clock()
    bucket = clock.wrap(flaky)
    for number in range(5):
        flaky.fail(3)
        assert bucket.add(f"a/{number}", b"x") is True
    flaky.fail(3)
    assert bucket.get("a/1") == b"x"
    flaky.fail(3)
    assert bucket.get_many([Piece("a/1"), Piece("b")]) == [b"x", None]
    flaky.fail(2)
    assert [item.key for item in bucket.list("a/")] == [f"a/{number}" for number in range(5)]
    flaky.fail(3)
    bucket.delete("a/1")
    with pytest.raises(Missing):
        bucket.get("a/1")


def test_waits_grow_and_end() -> None:
    flaky, clock = Flaky(), Clock()
    flaky.fail(1000)
    with pytest.raises(Passing):
        clock.wrap(flaky).get("a")
    assert 0.1 <= clock.slept[0] <= 0.2
    assert clock.slept[5] > 2
    assert max(clock.slept) <= 30
    assert sum(clock.slept) <= 60


def test_patience_is_without_progress_not_in_all() -> None:
    flaky, clock = Flaky(), Clock()
    bucket = clock.wrap(flaky, patience=10)
    bucket.add("a", b"x")
    for _ in range(20):
        flaky.fail(4)
        assert bucket.get("a") == b"x"
    assert sum(clock.slept) > 20
    flaky.fail(1000)
    before = clock.now
    with pytest.raises(Passing):
        bucket.get("a")
    assert clock.now - before <= 10


def test_where_nobody_ever_answered_it_gives_up_soon() -> None:
    flaky, clock = Flaky(), Clock()
    bucket = clock.wrap(flaky)
    flaky.fail(1000, error=unreachable("x", "refused", connected=False))
    with pytest.raises(Passing):
        bucket.get("a")
    assert sum(clock.slept) <= 5
    flaky.failures.clear()
    bucket.add("a", b"x")
    flaky.fail(1000, error=unreachable("x", "refused", connected=False))
    with pytest.raises(Passing):
        bucket.get("a")
    assert sum(clock.slept) > 20


def test_as_long_as_the_server_asks() -> None:
    flaky, clock = Flaky(), Clock()
    flaky.inner.add("a", b"x")
    flaky.fail(error=Passing("remote-unreachable", "later", wait=17))
    assert clock.wrap(flaky).get("a") == b"x"
    assert clock.slept == [17]
    flaky.fail(error=Passing("remote-unreachable", "much later", wait=3600))
    with pytest.raises(Passing):
        clock.wrap(flaky).get("a")


def test_what_does_not_pass_is_not_tried_again() -> None:
    flaky, clock = Flaky(), Clock()
    flaky.fail(error=AuthError("not-permitted", "no"))
    with pytest.raises(AuthError):
        clock.wrap(flaky).get("a")
    flaky.fail(9, error=Passing("remote-refused", "garbled", most=3, refused=True))
    with pytest.raises(Passing):
        clock.wrap(flaky).add("a", b"x")
    assert (flaky.calls, len(clock.slept)) == (4, 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_settled_by_reading_back(when: str) -> None:
    flaky, clock = Flaky(), Clock()
    bucket = clock.wrap(flaky)
    flaky.fail(2, when)
    assert bucket.add("a", [b"mi", b"ne"]) is True
    flaky.fail(2, when)
    assert bucket.add("a", b"other") is False
    assert flaky.inner.get("a") == b"mine"
    assert bucket.add("a", b"mine") is False


def test_an_outcome_that_nobody_can_tell() -> None:
    flaky, clock = Flaky(), Clock()
    bucket = clock.wrap(flaky)
    flaky.fail(1000, "after")
    with pytest.raises(NetworkError) as raised:
        bucket.add("a", b"mine")
    assert raised.value.slug == "outcome-unknown"
    assert not isinstance(raised.value, Passing)
    flaky.failures.clear()
    flaky.fail(1000, error=unreachable("x", "refused", connected=False))
    with pytest.raises(Passing):
        bucket.add("b", b"never sent")


def test_as_many_pieces_are_asked_for_at_once_as_the_bucket_likes() -> None:
    class Wide(MemoryBucket):
        READERS = 20
        together = threading.Barrier(READERS)

        def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
            self.together.wait(30)
            return super().get(key, start, length)

    bucket = Wide()
    for number in range(40):
        assert bucket.add(f"k{number}", b"%d" % number)
    pieces = [Piece(f"k{number}", 0, 2) for number in range(40)]
    assert get_many(RetryingBucket(bucket), pieces) == [b"%d" % number for number in range(40)]
