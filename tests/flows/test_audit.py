from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog.log import entry_key, segment_key
from artcli.catalog.repository import Repository
from artcli.errors import IntegrityError
from artcli.flows.audit import verify_chain
from tests.catalog.kit import add_version, init


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Ten entries, of which four make a segment."""
    for module in ("artcli.catalog.log", "artcli.flows.audit"):
        monkeypatch.setattr(f"{module}.SEGMENT", 4)
    repository = init(tmp_path)
    for number in range(10):
        add_version(repository, "model", str(number))
    yield repository
    repository.close()


def replace(repository: Repository, key: str, data: bytes) -> None:
    path = repository.path / key
    path.unlink()
    path.write_bytes(data)
    repository.log.bucket = DiskBucket(repository.path)  # one that has read nothing yet


def test_a_whole_log(made: Repository) -> None:
    found = verify_chain(made)
    assert (found.entries, found.facts, found.digest) == (10, 10, made.follower.head.digest)


@pytest.mark.parametrize("n", [0, 3, 5, 9])
def test_every_kind_of_damage_is_found(made: Repository, n: int) -> None:
    key = entry_key(n)
    whole = (made.path / key).read_bytes()
    middle = len(whole) // 2
    for bad in (b"", whole[:-1], whole + b"\n", whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]):
        replace(made, key, bad)
        with pytest.raises(IntegrityError) as caught:
            verify_chain(made)
        assert caught.value.slug == "damaged-log"
        assert f"entry {n} " in caught.value.message
    replace(made, key, whole)
    assert verify_chain(made).entries == 10
    made.log.bucket.delete(key)
    with pytest.raises(IntegrityError) as missing:
        verify_chain(made)
    assert missing.value.message == f"log entry {n} is damaged: it is missing"


def test_a_segment_that_is_damaged_or_tells_another_story_is_found(made: Repository, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = init(other)
    for number in range(10):
        add_version(stranger, "model", str(number))
    key = segment_key(0)
    whole = (made.path / key).read_bytes()
    foreign, second = (stranger.path / key).read_bytes(), (made.path / segment_key(1)).read_bytes()
    for bad in (b"", whole[:-1], whole + b"x", foreign, second):
        replace(made, key, bad)
        with pytest.raises(IntegrityError):
            verify_chain(made)
    replace(made, key, whole)
    made.log.bucket.delete(key)
    assert verify_chain(made).entries == 10
