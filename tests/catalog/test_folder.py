from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.finding import find_file
from artcli.catalog.folder import level
from artcli.catalog.manifest import build, entries
from artcli.content import digest_of
from artcli.errors import IntegrityError
from tests.catalog.kit import add_version, init, log_files
from tests.catalog.manifest.kit import DictPages, file_entry, make_paths


def naive(paths: list[bytes], folder: bytes) -> list[bytes]:
    prefix = folder + b"/" if folder else b""
    below = [path[len(prefix) :] for path in paths if path.startswith(prefix)]
    return sorted({prefix + path.partition(b"/")[0] + path.partition(b"/")[1] for path in below})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 400))
def test_a_level_is_what_lies_directly_in_a_folder(seed: int, count: int) -> None:
    paths = make_paths(seed, count)
    pages = DictPages()
    root = build(pages, [file_entry(path, b"x") for path in paths])
    folders = {b""} | {path[:at] for path in paths for at in range(len(path)) if path[at : at + 1] == b"/"}
    for folder in folders:
        found = list(level(pages, root, folder))
        assert [item.path for item in found] == naive(paths, folder)
        assert all((item.entry is None) == item.path.endswith(b"/") for item in found)
    assert list(level(pages, root, b"no such")) == []


def test_the_insides_of_folders_are_not_read() -> None:
    pages = DictPages()
    paths = sorted([b"a.txt", b"z.txt", *(b"%s/%05d" % (name, i) for name in (b"one", b"two") for i in range(20_000))])
    root = build(pages, [file_entry(path, b"x") for path in paths])
    pages.gets = 0
    assert [item.path for item in level(pages, root)] == [b"a.txt", b"one/", b"two/", b"z.txt"]
    assert pages.gets < 20
    assert sum(1 for _ in level(pages, root, b"two")) == 20_000
    assert sum(1 for _ in entries(pages, root)) == 40_002


def test_files_are_found_by_content_in_the_newest_version(tmp_path: Path) -> None:
    repository = init(tmp_path)
    files = {f"{i:04d}": b"%d" % i * 100 for i in range(1000)}
    log_files(repository, "data", files)
    log_files(repository, "data", {**files, "new": b"new"})
    log_files(repository, "other", {"x/y": b"7" * 100})

    def find(data: bytes) -> tuple[str, bytes] | None:
        found = find_file(repository.catalog, repository.store, lambda entry: entry.digest == digest_of(data))
        return (found.version.ref, found.entry.path) if found else None

    assert find(b"5" * 100) == ("data:v1", b"0005")
    assert find(b"7" * 100) == ("other:v0", b"x/y")
    assert find(b"new") == ("data:v1", b"new")
    assert find(b"gone") is None
    add_version(repository, "damaged")  # no page of it is there
    assert find(b"new") == ("data:v1", b"new")
    with pytest.raises(IntegrityError):
        find(b"gone")


def test_a_version_of_nothing_has_no_level() -> None:
    pages = DictPages()
    assert list(level(pages, build(pages, []))) == []
    with pytest.raises(StopIteration):
        next(level(pages, build(pages, [])))
