"""A store above others: what they are asked, and whether a process that is forked may read on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from artcli.buckets.memory import MemoryBucket
from artcli.content import Digest, digest_of
from artcli.store.layered import Layered
from artcli.store.store import Store
from tests.store.material import noise


class Far(Store):
    """A store that remembers what it was prepared for."""

    forks = False

    def __init__(self, bucket: MemoryBucket, live: list[str]) -> None:
        super().__init__(bucket, live)
        self.prepared: list[Digest] = []

    def prepare(self, digests: object) -> None:
        self.prepared += digests  # type: ignore[arg-type]


class Forking(MemoryBucket):
    """As one on a disk."""

    forks = True


def filled(chunks: list[bytes]) -> tuple[MemoryBucket, list[str]]:
    bucket = Forking()
    with Store(bucket, []).writer() as writer:
        for chunk in chunks:
            writer.put(chunk)
        return bucket, writer.flush().add


@pytest.fixture
def chunks() -> list[bytes]:
    return [noise(1000, str(number)) for number in range(6)]


def test_all_that_is_not_here_is_prepared_though_the_first_is_here(chunks: list[bytes]) -> None:
    own, live = filled(chunks[:2])
    far = Far(*filled(chunks[2:]))
    opened = []

    def others() -> Iterator[Store]:
        opened.append(far)
        yield far

    store = Layered(own, live, None, others)
    digests = [digest_of(chunk) for chunk in chunks]
    store.prepare(digests[:2])
    assert opened == []
    assert far.prepared == []
    assert store.forks
    store.prepare(digests)
    assert far.prepared == digests[2:]
    assert not store.forks  # for a chunk is in a place that may not be read on by two


def test_what_is_elsewhere_is_read_there_before_the_log_is_asked_again(chunks: list[bytes]) -> None:
    own, live = filled(chunks[:2])
    elsewhere = Store(*filled(chunks[2:]))
    asked = []

    def renewed() -> list[str]:
        asked.append("again")
        return live

    store = Layered(own, live, renewed, lambda: iter([elsewhere]))
    assert [store.get(digest_of(chunk)) for chunk in chunks] == chunks
    assert asked == []
    with pytest.raises(Exception, match="no live index knows"):
        store.get(digest_of(b"nowhere"))
    assert asked == ["again"]
