"""Repositories that share a place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog import repository as repository_module
from artcli.catalog.catalog import Version
from artcli.catalog.facts import PLAUSIBLE_SINCE, Draft
from artcli.catalog.place import Place, open_place
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import Repository
from artcli.errors import ConflictError, IntegrityError, LockedError, SpaceError
from artcli.flows.collect import Request, collect
from artcli.flows.transfer import Request as Transfer
from artcli.flows.transfer import pull, push
from artcli.store import pack as pack_module
from tests.catalog.kit import add_facts, init, log_files
from tests.store.material import noise

FILES = {"a.txt": b"one" * 1000, "b/c.txt": b"two" * 20_000, "small": b"label"}


class Machine:
    """A repository that sees the shared place."""

    def __init__(self, folder: Path, bucket: DiskBucket | MemoryBucket, *, authority: bool = True) -> None:
        folder.mkdir()
        self.repository = init(folder)
        self.place = open_place(self.repository.path, bucket)
        if authority:
            Remotes(self.repository.path).add(Remote("nas", "/nas", self.place.log.place))
            self.repository.close()
            self.repository = Repository(folder / ".art")

    def log(self, files: dict[str, bytes], name: str = "dataset") -> Version:
        return log_files(self.repository, name, files)

    def refs(self) -> dict[str, str]:
        return {version.digest: version.ref for version in self.repository.catalog.versions()}

    def close(self) -> None:
        self.place.close()
        self.repository.close()


@pytest.fixture(params=["disk", "memory"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> DiskBucket | MemoryBucket:
    return MemoryBucket() if request.param == "memory" else DiskBucket(tmp_path / "nas", create=True)


@pytest.fixture
def car(tmp_path: Path, bucket: DiskBucket | MemoryBucket) -> Iterator[Machine]:
    found = Machine(tmp_path / "car", bucket)
    yield found
    found.close()


@pytest.fixture
def laptop(tmp_path: Path, bucket: DiskBucket | MemoryBucket) -> Iterator[Machine]:
    found = Machine(tmp_path / "laptop", bucket)
    yield found
    found.close()


def contents(repository: Repository, version: Version) -> set[bytes]:
    from artcli.catalog import manifest

    store = repository.store
    return {
        entry.data if entry.data is not None else store.get(entry.digest)
        for entry in manifest.entries(store, version.root)
    }


def test_what_one_machine_pushes_another_pulls(car: Machine, laptop: Machine) -> None:
    made = car.log(FILES)
    pushed = push(car.repository, car.place)
    assert (pushed.facts, pushed.chunks) == (1, 3)
    pulled = pull(laptop.repository, laptop.place)
    assert pulled.chunks == 3
    (found,) = laptop.repository.catalog.versions()
    assert (found.id, found.ref, found.digest) == (made.id, "dataset:v0", made.digest)
    assert contents(laptop.repository, found) == set(FILES.values())


def test_only_what_is_lacking_travels(car: Machine, laptop: Machine) -> None:
    car.log(FILES)
    push(car.repository, car.place)
    assert push(car.repository, car.place)[:3] == (0, 0, 0)
    car.log({**FILES, "new": b"new" * 1000})
    pushed = push(car.repository, car.place)
    assert (pushed.facts, pushed.chunks) == (1, 2)
    pull(laptop.repository, laptop.place)
    assert pull(laptop.repository, laptop.place)[:3] == (0, 0, 0)
    assert len(laptop.refs()) == 2


def test_two_machines_that_made_v0_apart(car: Machine, laptop: Machine) -> None:
    first, second = car.log({"a": b"of the car" * 100}), laptop.log({"a": b"of the laptop" * 100})
    assert first.ref == second.ref == "dataset:v0"
    push(car.repository, car.place)
    push(laptop.repository, laptop.place)
    assert laptop.refs() == {first.digest: "dataset:v0", second.digest: "dataset:v1"}
    pull(car.repository, car.place)
    car.repository.close()
    car.repository = Repository(car.repository.path)
    assert car.refs() == laptop.refs()


def test_gc_keeps_what_was_pulled_and_misses_nothing_that_is_elsewhere(car: Machine, laptop: Machine) -> None:
    made = car.log(FILES)
    push(car.repository, car.place)
    pull(laptop.repository, laptop.place)
    car.log({"later": b"later" * 1000})
    push(car.repository, car.place)
    laptop.place.fetch()
    laptop.repository.refresh()
    assert len(laptop.refs()) == 2
    collect(laptop.repository, Request(grace=0, now=PLAUSIBLE_SINCE + 10**8))
    found = laptop.repository.catalog.version(made.id)
    assert found is not None
    assert contents(laptop.repository, found) == set(FILES.values())
    assert pull(laptop.repository, laptop.place).chunks == 2


def test_a_place_that_is_no_authority_gives_its_facts(tmp_path: Path, car: Machine) -> None:
    made = car.log(FILES)
    push(car.repository, car.place)
    other = Machine(tmp_path / "other", car.place.bucket, authority=False)  # type: ignore[arg-type]
    mine = other.log({"x": b"mine" * 100})
    pulled = pull(other.repository, other.place)
    assert (pulled.facts, pulled.chunks) == (1, 3)
    assert other.refs() == {mine.digest: "dataset:v0", made.digest: "dataset:v1"}
    assert pull(other.repository, other.place)[:3] == (0, 0, 0)
    other.close()


def test_a_damaged_chunk_is_not_passed_on(car: Machine) -> None:
    car.log(FILES)
    for pack in sorted((car.repository.path / "packs").glob("*/*")):
        pack.chmod(0o644)
        data = bytearray(pack.read_bytes())
        data[20] ^= 1
        pack.write_bytes(data)
    car.repository.close()
    car.repository = Repository(car.repository.path)
    with pytest.raises(IntegrityError):
        push(car.repository, car.place)
    car.place.fetch()
    assert list(car.place.catalog.versions()) == []


def test_two_that_push_at_once_both_win(car: Machine, laptop: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    car.log({"a": b"of the car" * 100})
    laptop.log({"b": b"of the laptop" * 100}, "other")
    append = car.place.log.append
    pushed: list[object] = []

    def late(*args: object) -> object:
        if not pushed:
            pushed.append(push(laptop.repository, laptop.place))
        return append(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(car.place.log, "append", late)
    assert push(car.repository, car.place).facts == 1
    assert sorted(version.ref for version in car.place.catalog.versions()) == ["dataset:v0", "other:v0"]


def test_a_place_that_was_rolled_back_takes_nothing(car: Machine, tmp_path: Path) -> None:
    car.log(FILES)
    push(car.repository, car.place)
    bucket = car.place.bucket
    (newest,) = [item.key for item in bucket.list("log/")][-1:]
    bucket.delete(newest)
    car.log({"more": b"more" * 100})
    for brings in (push, pull):
        with pytest.raises(ConflictError) as caught:
            brings(car.repository, car.place)
        assert caught.value.slug == "remote-rolled-back"


def test_gc_of_a_working_repository_and_who_pushes_there_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    theirs = init(other)
    mine = Machine(tmp_path / "mine", DiskBucket(theirs.path))
    mine.log(FILES)
    monkeypatch.setattr(repository_module, "LOCK_WAIT", 0.1)
    with theirs.alone():
        for brings in (push, pull):
            with pytest.raises(LockedError):
                brings(mine.repository, mine.place)
    with mine.place.at_work(), pytest.raises(LockedError), theirs.alone():
        pass
    assert push(mine.repository, mine.place).facts == 1
    mine.close()
    theirs.close()


def test_more_facts_than_one_entry_holds(car: Machine, laptop: Machine) -> None:
    made = car.log(FILES)
    for number in range(9):
        add_facts(
            car.repository,
            Draft("edit", {"version": made.id, "field": "metadata", "key": f"k{number}", "to": "x" * 200_000}),
        )
    push(car.repository, car.place)
    assert isinstance(car.place, Place)
    pull(laptop.repository, laptop.place)
    laptop.repository.close()
    laptop.repository = Repository(laptop.repository.path)
    (found,) = laptop.repository.catalog.versions()
    assert len(found.metadata) == 9


def test_nothing_is_sent_of_what_is_too_much(car: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even pages, which are read to know the price and may fill packs."""
    monkeypatch.setattr(pack_module, "TARGET", 10_000)
    car.log({f"{number:04d}": noise(200, f"{number}") for number in range(500)})
    price = push(car.repository, car.place, Transfer(dry_run=True))
    assert price.stored > 20_000
    before = [item.key for item in car.place.bucket.list("")]
    with pytest.raises(SpaceError) as raised:
        push(car.repository, car.place, Transfer(most=price.stored - 1))
    assert raised.value.message.startswith(f"{price.stored:,} bytes would travel")
    assert [item.key for item in car.place.bucket.list("")] == before
    assert push(car.repository, car.place, Transfer(most=price.stored)).stored == price.stored
