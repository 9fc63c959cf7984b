from __future__ import annotations

from collections.abc import Iterator

import pytest

from artcli.buckets.bucket import Item
from artcli.buckets.memory import MemoryBucket
from artcli.catalog import log as log_module
from artcli.catalog import mirror as mirror_module
from artcli.catalog.following import START, Head
from artcli.catalog.log import GENESIS, Log, encode, entry_key, segment_key
from artcli.catalog.mirror import check_reaches, fetch
from artcli.errors import ConflictError, IntegrityError
from tests.catalog.kit import fact, version_data
from tests.kit.afar import FarBucket

PLACE = "cd" * 16


class Counting(MemoryBucket):
    """Remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        self.asked.append(key)
        return super().get(key, start, length)


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (log_module, mirror_module):
        monkeypatch.setattr(module, "SEGMENT", 5)


@pytest.fixture
def bucket() -> Counting:
    return Counting()


@pytest.fixture
def remote(bucket: Counting) -> Log:
    return Log(bucket, PLACE)


@pytest.fixture
def mirror() -> Log:
    return Log(MemoryBucket(), PLACE)


def grow(remote: Log, count: int, head: Head = START) -> Head:
    for _ in range(count):
        entry = remote.append(head.n + 1, head.digest, [fact("version", version_data())])
        assert entry is not None
        head = Head(entry.n, entry.digest)
    return head


def held(log: Log) -> list[str]:
    return [entry.digest for entry in log.after(-1, GENESIS)]


def refusal(remote: Log, mirror: Log, head: Head) -> str:
    with pytest.raises(IntegrityError) as caught:
        fetch(remote, mirror, head)
    return caught.value.slug


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 12])
def test_a_mirror_has_what_the_log_has(count: int, remote: Log, mirror: Log) -> None:
    head = grow(remote, count)
    assert fetch(remote, mirror, START) == head
    assert held(mirror) == held(remote)
    later = grow(remote, 7, head)
    assert fetch(remote, mirror, head) == later
    assert held(mirror) == held(remote)


def test_entries_and_segments_are_copied_byte_for_byte(remote: Log, mirror: Log) -> None:
    grow(remote, 12)
    fetch(remote, mirror, START)
    there = {item.key for item in mirror.bucket.list("")}
    assert there == {segment_key(0), segment_key(1), *map(entry_key, (4, 9, 10, 11))}
    assert all(mirror.bucket.get(key) == remote.bucket.get(key) for key in there)


def test_no_news_is_one_question(bucket: Counting, remote: Log, mirror: Log) -> None:
    grow(remote, 7)
    head = fetch(remote, mirror, START)
    bucket.asked.clear()
    assert fetch(remote, mirror, head) == head
    assert bucket.asked == [entry_key(head.n + 1)]


def test_what_does_not_follow_is_not_taken(remote: Log, mirror: Log) -> None:
    grow(remote, 2)
    lines = [fact("version", version_data()).line]
    remote.bucket.add(entry_key(2), encode(2, "0" * 64, PLACE, lines))
    assert refusal(remote, mirror, START) == "damaged-log"
    assert len(held(mirror)) == 2
    other = Log(MemoryBucket(), PLACE)
    other.bucket.add(entry_key(0), encode(0, GENESIS, "ee" * 16, lines))
    assert refusal(other, mirror, START) == "damaged-log"


def test_a_segment_that_lies_is_passed_over(remote: Log, mirror: Log) -> None:
    head = grow(remote, 6)
    data = bytearray(remote.bucket.get(segment_key(0)))
    data[10] ^= 1
    remote.bucket.delete(segment_key(0))
    remote.bucket.add(segment_key(0), bytes(data))
    assert fetch(remote, mirror, START) == head
    assert held(mirror) == held(remote)


def test_a_log_that_was_rolled_back_is_noticed(remote: Log, mirror: Log) -> None:
    grow(remote, 3)
    head = fetch(remote, mirror, START)
    check_reaches(remote, START)
    check_reaches(remote, head)
    remote.bucket.delete(entry_key(2))
    with pytest.raises(ConflictError) as caught:
        check_reaches(remote, head)
    assert caught.value.slug == "remote-rolled-back"
    grow(remote, 1, Head(1, held(remote)[1]))
    with pytest.raises(ConflictError):
        check_reaches(remote, head)


def test_a_long_log_comes_in_few_rounds(mirror: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments together, then more and more entries at a time."""
    for module in (log_module, mirror_module):
        monkeypatch.setattr(module, "SEGMENT", 100)
    far = FarBucket(MemoryBucket())
    remote = Log(far, PLACE)
    head = grow(remote, 1099)
    far.forget()
    assert fetch(remote, mirror, START) == head
    assert far.rounds < 10
    assert held(mirror) == held(remote)


@pytest.mark.parametrize("most", [64, 3])
def test_long_entries_are_asked_for_again(
    most: int, remote: Log, mirror: Log, bucket: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "MOST_LONG", most)
    monkeypatch.setattr(log_module, "SEGMENT", 1000)
    monkeypatch.setattr(mirror_module, "SEGMENT", 1000)
    head = START
    for number in range(60):
        text = "long" * 20_000 if 20 < number < 30 else ""
        entry = remote.append(head.n + 1, head.digest, [fact("version", {**version_data(), "description": text})])
        assert entry is not None
        head = Head(entry.n, entry.digest)
    bucket.asked.clear()
    assert fetch(remote, mirror, START) == head
    assert max(map(bucket.asked.count, bucket.asked)) <= (2 if most == 64 else 5)
    assert held(mirror) == held(remote)


def test_where_nothing_can_be_listed_segments_are_looked_for(remote: Log, mirror: Log, bucket: Counting) -> None:
    head = grow(remote, 13)

    def refuse(prefix: str, after: str = "") -> Iterator[Item]:
        raise ConflictError("not-listed", "a plain web server")

    bucket.list = refuse  # type: ignore[method-assign]
    assert fetch(remote, mirror, START) == head
    assert held(mirror) == held(remote)
    assert {item.key for item in mirror.bucket.list("segments/")} == {segment_key(0), segment_key(1)}
