"""A directory becomes a version: whatever it holds comes back the same, and nothing is read or stored twice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog import manifest
from artcli.content import digest_of
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.ignore import Rules
from artcli.files.seen import Stat
from artcli.files.sources import Source
from artcli.flows import reading, use
from artcli.flows.log_artifact import Logged, Request, log_artifact
from artcli.flows.revise import Changes, Taken
from artcli.memory import Buffers
from artcli.store.pack import DATA, read_table
from tests.flows.workshop import PROJECT, Workshop
from tests.kit.trees import Empty, Leaf, Link, Program, content, harvest, plant
from tests.store.material import noise

LARGE = 3_000_000
"""Bytes of a file of more than sixteen chunks."""

EVERY_KIND: dict[str, Leaf] = {
    "plain.txt": b"hello\n",
    "empty.txt": b"",
    "inline": noise(256, "inline"),
    "one-chunk": noise(257, "one"),
    "whole-chunk": noise(256 * 1024, "whole"),
    "two-chunks": noise(256 * 1024 + 1, "two"),
    "large": noise(LARGE, "large"),
    "run.sh": Program(b"#!/bin/sh\n"),
    "large.bin": Program(noise(LARGE, "program")),
    "link": Link("plain.txt"),
    "dangling": Link("nowhere/at all"),
    "to-folder": Link("deep"),
    "deep/a/b/c/d.txt": b"deep",
    "deep/a/nothing": Empty(),
    "nothing": Empty(),
    "new\nline": b"a name of two lines",
    os.fsdecode(b"not \xff utf-8"): b"bytes are a name",
    "täglich/übung": "für alle".encode(),
    ".hidden": b"kept like any other",
    "a-b": b"sorts between a and a/b",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.repository.close()


def log(shop: Workshop, name: str = "data", **request: Any) -> Logged:
    """A version of what the folder holds now."""
    sources = request.pop("sources", [Source(bytes(shop.folder))])
    return log_artifact(shop.repository, Request(name, PROJECT, sources, workers=2, **request))


def held(shop: Workshop, logged: Logged) -> dict[str, Leaf]:
    assert logged.version is not None
    return content(shop.repository.store, logged.version)


# --- round trips ---


def test_every_kind_of_file_comes_back_the_same(shop: Workshop) -> None:
    plant(shop.folder, EVERY_KIND)
    logged = log(shop)
    assert held(shop, logged) == EVERY_KIND
    used = use.use(shop.repository, use.Request("data", PROJECT, shop.directory))
    assert harvest(used.path) == EVERY_KIND == harvest(shop.folder)
    assert log(shop, "again", sources=[Source(bytes(used.path))]).root == logged.root


def test_a_sparse_file_comes_back_with_its_zeros(shop: Workshop) -> None:
    shop.folder.mkdir()
    with open(shop.folder / "sparse", "wb") as file:
        file.seek(20_000_000)
        file.write(b"end")
    logged = log(shop)
    assert held(shop, logged) == {"sparse": bytes(20_000_000) + b"end"}
    assert logged.stored < 100_000


def test_what_has_no_bytes_is_named_and_the_rest_logged(shop: Workshop) -> None:
    plant(shop.folder, {"a": b"a"})
    os.mkfifo(shop.folder / "pipe")
    logged = log(shop)
    assert held(shop, logged) == {"a": b"a"}
    assert [(item.path, item.slug) for item in logged.problems] == [(b"pipe", "special-file")]


# --- what changes while it is read ---


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], None], times: int) -> None:
    """Small files are changed before they are read, the first `times` that one is."""
    left = [times]

    def read(source: bytes, stat: Stat) -> bytes:
        if left[0]:
            left[0] -= 1
            change(source)
        return reader.read_small(source, stat)

    monkeypatch.setattr(reading, "read_small", read)


def grow(source: bytes) -> None:
    with open(source, "ab") as file:
        file.write(noise(500, "more"))


def test_a_file_that_changes_is_read_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shop.folder, {"a": noise(1000)})
    changing(monkeypatch, grow, times=2)
    assert held(shop, log(shop)) == {"a": noise(1000) + 2 * noise(500, "more")}


def test_a_file_that_always_changes_makes_no_version(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shop.folder, {"a": noise(1000), "b": b"still"})
    changing(monkeypatch, grow, times=99)
    with pytest.raises(ArtError) as caught:
        log(shop)
    assert (caught.value.slug, caught.value.exit_code) == ("unreadable-files", 1)
    assert not list(shop.repository.catalog.versions())


def test_keep_going_leaves_it_out_and_says_so(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shop.folder, {"a": noise(1000), "b": b"still"})
    with monkeypatch.context() as patch:
        changing(patch, lambda source: grow(source) if source.endswith(b"a") else None, times=99)
        logged = log(shop, keep_going=True)
    assert held(shop, logged) == {"b": b"still"}
    assert logged.version is not None
    assert logged.version.metadata == {"art.left_out": ["a"]}
    assert held(shop, log(shop)) == harvest(shop.folder)  # it is not taken for known


def test_a_large_file_that_changes_is_read_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shop.folder, {"large": noise(LARGE), "small": b"s"})
    tries = []

    def blocks(source: bytes, stat: Stat, buffers: Buffers | None = None) -> Iterator[memoryview]:
        tries.append(stat.size)
        read = reader_blocks(source, stat, buffers)
        if len(tries) == 1:
            yield next(read)
            grow(source)
        yield from read

    reader_blocks = reader.blocks
    monkeypatch.setattr(reader, "blocks", blocks)
    assert held(shop, log(shop)) == {"large": noise(LARGE) + noise(500, "more"), "small": b"s"}
    assert tries == [LARGE, LARGE + 500]


def test_a_file_that_goes_away_meanwhile_is_not_there(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shop.folder, {"a": noise(1000), "b": b"still"})
    changing(monkeypatch, os.unlink, times=1)
    assert held(shop, log(shop)) == {"b": b"still"}


# --- nothing twice ---


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The base names of the small files that were read."""
    names: list[bytes] = []

    def read(source: bytes, stat: Stat) -> bytes:
        names.append(os.path.basename(source))
        return reader.read_small(source, stat)

    monkeypatch.setattr(reading, "read_small", read)
    return names


def test_an_unchanged_tree_is_not_read(shop: Workshop, reads: list[bytes]) -> None:
    plant(shop.folder, {f"{i}/{j}": noise(300, f"{i} {j}") for i in range(3) for j in range(3)})
    time.sleep(0.15)  # a file younger than that could be written again without a trace in its times
    first = log(shop)
    assert len(reads) == 9
    reads.clear()
    assert log(shop).root == first.root
    assert reads == []
    (shop.folder / "1" / "1").write_bytes(b"changed")
    changed = log(shop)
    assert reads == [b"1"]
    assert held(shop, changed) == harvest(shop.folder)


def test_a_renamed_file_costs_no_bytes(shop: Workshop) -> None:
    plant(shop.folder, {"a": noise(LARGE), "b": noise(1000), "c": noise(100)})
    log(shop)
    (shop.folder / "sub").mkdir()
    for name in "abc":
        os.rename(shop.folder / name, shop.folder / "sub" / f"{name}-renamed")
    logged = log(shop)
    assert (logged.created, logged.new_size) == (True, 100)  # a file that lives in its entry is stored anew with it
    assert logged.stored < 2000
    assert held(shop, logged) == harvest(shop.folder)


def test_versions_share_chunks(shop: Workshop) -> None:
    data = noise(LARGE)
    plant(shop.folder, {"large": data})
    first = log(shop)
    assert first.stored > LARGE
    plant(shop.folder, {"large": data[:1_000_000] + b"inserted" + data[1_000_000:], "copy": data})
    second = log(shop)
    assert second.stored < 0.2 * LARGE
    assert second.new_entries == 1
    assert held(shop, second) == harvest(shop.folder)


def test_two_of_five_files_new(shop: Workshop) -> None:
    plant(shop.folder, {name: noise(1000, name) for name in "abc"})
    log(shop)
    plant(shop.folder, {name: noise(1000, name) for name in "abcde"})
    version = log(shop).version
    assert version is not None
    assert (version.new_entries, version.entries, version.new_size) == (2, 5, 2000)
    assert version.stored > 2000


def test_new_is_what_the_newest_version_has_not_from_wherever_it_is_logged(shop: Workshop, tmp_path: Path) -> None:
    labels = {name: noise(100, name) for name in "abcde"}
    plant(shop.folder, labels)
    log(shop)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    plant(elsewhere, labels | {"f": noise(100, "f")})
    version = log(shop, sources=[Source(os.fsencode(elsewhere))]).version
    assert version is not None
    assert (version.new_entries, version.entries) == (1, 6)


def test_new_is_what_the_newest_version_has_not_whatever_the_directory_was_logged_as_since(shop: Workshop) -> None:
    plant(shop.folder, {f"{folder}/{name}": noise(100, name) for folder in ("train", "val") for name in "abc"})
    log(shop)
    log(shop, name="part", rules=Rules(exclude=("val",)))
    version = log(shop, new_version=True).version
    assert version is not None
    assert (version.new_entries, version.new_size, version.entries) == (0, 0, 6)


def test_the_same_content_makes_no_version(shop: Workshop) -> None:
    plant(shop.folder, {"a": b"a"})
    first = log(shop, metadata={"stage": "raw"}, tags=["t"]).version
    again = log(shop, aliases=["best"], tags=["t", "night"], description="what it is", metadata={"stage": "clean"})
    assert first is not None
    assert again.version is not None
    assert (again.created, again.version.id) == (False, first.id)
    catalog = shop.repository.catalog
    assert catalog.aliases_of(again.version) == ["latest", "best"]
    assert catalog.tags_of(again.version) == ["night", "t"]
    assert (again.version.description, again.version.metadata) == ("what it is", {"stage": "clean"})
    forced = log(shop, new_version=True)
    assert (forced.created, forced.version and forced.version.ref) == (True, "data:v1")


def test_a_b_a_makes_three_versions(shop: Workshop) -> None:
    for data in (b"a", b"b", b"a"):
        plant(shop.folder, {"file": data})
        log(shop)
    assert [version.ref for version in shop.repository.catalog.versions()] == ["data:v0", "data:v1", "data:v2"]


def test_a_dry_run_leaves_no_trace(shop: Workshop) -> None:
    plant(shop.folder, {"a": noise(LARGE), "b": b"b"})
    before = harvest(shop.art / "packs") | harvest(shop.art / "log")
    logged = log(shop, dry_run=True)
    assert (logged.version, logged.created, logged.new_entries) == (None, True, 2)
    assert harvest(shop.art / "packs") | harvest(shop.art / "log") == before
    assert log(shop).root == logged.root
    assert log(shop, dry_run=True).created is False


# --- from other versions ---


def without_data(shop: Workshop) -> None:
    """Delete all file contents, as on a machine that has only the catalogue."""
    bucket = DiskBucket(shop.art)
    for path in (shop.art / "packs").rglob("*"):
        if path.is_file() and read_table(bucket, bytes.fromhex(path.name)).kind == DATA:
            path.unlink()
    shop.reopen()


def test_a_base_needs_none_of_its_bytes(shop: Workshop) -> None:
    plant(shop.folder, {f"images/{i}.jpg": noise(1000, str(i)) for i in range(20)} | {"large": noise(LARGE)})
    before = held(shop, log(shop))
    plant(shop.folder, {"other/x.jpg": noise(1000, "x"), "other/y.jpg": noise(1000, "y")})
    other = held(shop, log(shop, "other"))
    without_data(shop)
    plant(shop.folder, {"images/20.jpg": noise(1000, "20")})
    changes = Changes(
        remove=[b"images/0.jpg", b"images/1?.jpg"],
        move=[(b"large", b"big/file")],
        take=[Taken("other:v0/other/x.jpg", b"taken/x.jpg"), Taken("other:v0/other", b"all")],
    )
    logged = log(shop, base="data:v0", changes=changes)
    assert logged.version is not None
    expected = {f"images/{i}.jpg" for i in (*range(1, 10), 20)} | {"big/file", "taken/x.jpg", "all/x.jpg", "all/y.jpg"}
    assert {entry.path.decode() for entry in entries(shop, logged)} == expected
    digests = {entry.path.decode(): entry.digest for entry in entries(shop, logged)}
    assert digests["big/file"] == digest(before["large"])
    assert digests["taken/x.jpg"] == digest(other["other/x.jpg"])
    assert logged.new_entries == 1
    assert logged.version.base == next(shop.repository.catalog.versions()).id


def entries(shop: Workshop, logged: Logged) -> list[manifest.Entry]:
    return list(manifest.entries(shop.repository.store, logged.root))


def digest(leaf: Leaf) -> bytes:
    assert isinstance(leaf, bytes)
    return digest_of(leaf)


def test_a_stream_becomes_a_file(shop: Workshop) -> None:
    for name, data in (("small", b"abc"), ("empty", b""), ("large", noise(LARGE))):
        parts = iter([data[start : start + 70_000] for start in range(0, len(data), 70_000)])
        logged = log(shop, name, sources=(), stream=(b"dir/file", parts))
        assert held(shop, logged) == {"dir/file": data}


def test_a_small_file_that_was_moved_counts_as_new(shop: Workshop, tmp_path: Path) -> None:
    """A larger one does not: its chunk is in the index. To find the small one would be to read the whole manifest."""
    folder = tmp_path / "moved"
    plant(folder, {"small": noise(100, "small"), "larger": noise(1000, "larger")})
    log_artifact(shop.repository, Request("moved", PROJECT, [Source(bytes(folder))]))
    for name in ("small", "larger"):
        (folder / name).rename(folder / f"{name}.moved")
    logged = log_artifact(shop.repository, Request("moved", PROJECT, [Source(bytes(folder))]))
    assert (logged.new_entries, logged.new_size, logged.root.entries) == (1, 100, 2)
