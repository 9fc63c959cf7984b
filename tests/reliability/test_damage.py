"""Bit rot and worse, everywhere: fsck finds all of it and names what it touches; no wrong byte ever comes out.

The repository is small, and each of its files that is no cache is damaged in every way that is tried here. What fsck
says is compared with what reading says: a file that it does not name can be read and is right, one that it names is
lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog.catalog import Version
from artcli.catalog.log import entry_key
from artcli.catalog.manifest import Entry, chunk_list, entries
from artcli.catalog.repository import Repository
from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.flows.fsck import Examination, Finding, Level, Options, repair
from artcli.store.store import Store
from tests.flows.workshop import Snapshot, Workshop, noisy, put

Touched = set[tuple[str, bytes]]

FIRST = {**noisy(range(3), 300), "text.txt": b"small"}
SECOND = {**noisy(range(1, 4), 300), "many.txt": b"the same line, many times\n" * 50}


class Patient:
    """A repository of two versions that share files, and a deletion."""

    def __init__(self, directory: Path) -> None:
        shop = Workshop(directory)
        shop.log("a", FIRST)
        shop.log("a", SECOND)
        shop.log("b", noisy([7], 400))
        shop.remove("b:v0")
        self.art = shop.art
        self.versions = list(shop.repository.catalog.versions(states=("live", "trash")))
        self.live = shop.repository.catalog.indexes()
        self.entries = {version.ref: list(entries(shop.repository.store, version.root)) for version in self.versions}
        shop.repository.close()
        for folder in (self.art / "packs").iterdir():
            if not any(folder.iterdir()):
                folder.rmdir()  # 256 folders take longer to look through than all the rest
        self.snapshot = Snapshot(self.art)
        self.files = sorted(
            path.relative_to(self.art).as_posix()
            for path in self.snapshot.files
            if path.relative_to(self.art).parts[0] in ("config", "log", "packs", "index", "segments")
        )

    def examine(self, level: Level = Level.DEFAULT) -> list[Finding]:
        return list(Examination(self.art, Options(level)).run())

    def readable(self, version: Version) -> Touched:
        """What of the version can be read now. Wrong bytes fail the test."""
        good = set()
        store = Store(DiskBucket(self.art), self.live)
        for entry in self.entries[version.ref]:
            if _is_whole(store, version, entry):
                good.add((version.ref, entry.path))
        return good

    def check(self, findings: list[Finding]) -> None:
        """What is touched cannot be read, and what is not can."""
        for version in self.versions:
            of_it = [item for item in findings if item.version == version.ref]
            every = {(version.ref, entry.path) for entry in self.entries[version.ref]}
            named = {(version.ref, item.key) for item in of_it}
            if any(item.what != "file" for item in of_it):  # a version of one page
                named = every
            assert self.readable(version) == every - named


def _is_whole(store: Store, version: Version, entry: Entry) -> bool:
    """Whether `use` could write this file: its manifest and all its chunks are sound."""
    try:
        found = next(found for found in entries(store, version.root, entry.path) if found.path == entry.path)
        data = found.data
        if data is None:
            data = b"".join(store.get(digest) for digest, _ in chunk_list(store, found))
    except IntegrityError:
        return False
    assert digest_of(data) == entry.digest
    return True


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    return Patient(tmp_path_factory.mktemp("damage") / "x")


@pytest.fixture
def well(patient: Patient) -> Iterator[Patient]:
    """The patient, healthy again after the test."""
    yield patient
    patient.snapshot.restore()
    shutil.rmtree(patient.art / "lost+found", ignore_errors=True)


def problems(findings: list[Finding]) -> set[str | bytes]:
    return {item.key for item in findings if item.version is None}


def is_store(key: str) -> bool:
    return key.startswith(("packs/", "index/"))


STEP = 41


@pytest.mark.parametrize("step", [STEP, pytest.param(1, marks=pytest.mark.soak)])
def test_each_byte_flipped(well: Patient, step: int) -> None:
    """Every byte once in the long run, every 41st in the short, each in another bit."""
    at = 0
    for key in well.files:
        path, data = well.art / key, (well.art / key).read_bytes()
        for position in range(at % step, len(data), step):
            at += 1
            put(path, data[:position] + bytes([data[position] ^ 1 << at % 8]) + data[position + 1 :])
            findings = well.examine()
            assert problems(findings) == {key}, f"byte {position} of {key}"
            if is_store(key):
                well.check(findings)
        put(path, data)
    assert well.examine() == []


def mangles(well: Patient, key: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """All other damage to one file."""
    path = well.art / key
    data = path.read_bytes()
    for length in sorted({0, 1, 15, 16, 17, len(data) // 2, len(data) - 33, len(data) - 1}):
        if 0 <= length < len(data):
            yield f"cut to {length}", lambda length=length: put(path, data[:length])  # type: ignore[misc]
    yield "zeroed", lambda: put(path, bytes(len(data)))
    yield "half zeroed", lambda: put(path, data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    yield "longer by a zero", lambda: put(path, data + b"\0")
    yield "longer by a line", lambda: put(path, data + b"\n")
    yield "twice", lambda: put(path, data + data)
    yield "deleted", path.unlink
    yield "a folder", lambda: (path.unlink(), path.mkdir())  # type: ignore[func-returns-value]
    yield "a link to nothing", lambda: (path.unlink(), path.symlink_to("nowhere"))  # type: ignore[func-returns-value]
    for other in well.files:
        if other > key and other.partition("/")[0] == key.partition("/")[0]:
            yield f"swapped with {other}", lambda other=other: swap(path, well.art / other)  # type: ignore[misc]


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    put(one, second)
    put(other, first)


def accidents(well: Patient) -> Iterator[tuple[str, str]]:
    """Does each of them to each file, one after the other; gives the file and what has happened to it."""
    for key in well.files:
        for name, mangle in mangles(well, key):
            mangle()
            yield key, name
            path = well.art / key
            if path.is_dir():
                path.rmdir()
            well.snapshot.restore()


def test_all_files_mangled(well: Patient) -> None:
    count = 0
    for key, name in accidents(well):
        findings = well.examine()
        expected = {key, *([name.partition("swapped with ")[2]] if name.startswith("swapped") else [])}
        assert problems(findings) == expected, f"{key}: {name}"
        if is_store(key):
            well.check(findings)
        count += 1
    assert count > 150


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_quick_sees_all_but_changed_packs(well: Patient, step: int) -> None:
    for key, name in islice(accidents(well), None, None, step):
        found = problems(well.examine(Level.QUICK))
        if not key.startswith("packs/") or name == "deleted" or name.startswith("cut"):
            assert key in found, f"{key}: {name}"


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.soak)])
def test_after_a_repair_all_that_was_readable_is(well: Patient, step: int) -> None:
    """And what is lost for good is said; a second repair finds nothing more to do."""
    for key, name in islice(accidents(well), None, None, step):
        before = {version.ref: well.readable(version) for version in well.versions} if is_store(key) else {}
        list(repair(well.art))
        repository = Repository(well.art)  # it opens, whatever there was
        well.live = repository.catalog.indexes()
        found = problems(well.examine(Level.FULL))
        assert all(not isinstance(item, str) or "/" not in item for item in found), f"{key}: {name}: {found}"
        if is_store(key):
            for version in well.versions:
                assert before[version.ref] <= well.readable(version)
        else:
            assert found == set(), f"{key}: {name}"
            refs = [version.ref for version in repository.catalog.versions(states=("live", "trash"))]
            assert refs == [version.ref for version in well.versions], f"{key}: {name}"
        repository.close()
        shutil.rmtree(well.art / "lost+found", ignore_errors=True)
        well.snapshot.restore()
        well.live = _live(well.art)


def _live(art: Path) -> list[str]:
    repository = Repository(art)
    live = repository.catalog.indexes()
    repository.close()
    return live


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.soak)])
def test_with_a_copy_a_repair_brings_everything_back(well: Patient, step: int, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(well.art, copy)
    for key, name in islice(accidents(well), None, None, step):
        done = list(repair(well.art, donors=[copy]))
        assert not any(item.lost for item in done), f"{key}: {name}"
        assert well.examine(Level.FULL) == [], f"{key}: {name}"
        repository = Repository(well.art)
        well.live = repository.catalog.indexes()
        for version in well.versions:
            assert len(well.readable(version)) == version.entries
        repository.close()
        shutil.rmtree(well.art / "lost+found", ignore_errors=True)
        well.snapshot.restore()
        well.live = _live(well.art)


def test_without_a_cache_the_log_loses_one_entry_at_most(well: Patient) -> None:
    """A young log has no second copy. What stands behind a lost entry is kept all the same."""
    for n in range(4):
        shutil.rmtree(well.art / "cache", ignore_errors=True)
        (well.art / entry_key(n)).unlink()
        list(repair(well.art))
        repository = Repository(well.art)
        refs = [version.name for version in repository.catalog.versions(states=("live", "trash"))]
        assert refs == {0: ["a", "b"], 1: ["a", "b"], 2: ["a", "a"], 3: ["a", "a", "b"]}[n]
        assert well.examine(Level.FULL) == []
        repository.close()
        shutil.rmtree(well.art / "lost+found", ignore_errors=True)
        shutil.rmtree(well.art / "segments", ignore_errors=True)
        well.snapshot.restore()
