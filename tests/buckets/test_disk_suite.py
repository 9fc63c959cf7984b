"""The suite over a directory, on each rung of the ladder; without fsync, which test_disk.py counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.buckets import exclusive
from artcli.buckets.disk import DiskBucket
from tests.buckets.rungs import climb_to
from tests.kit.bucket_suite import BucketSuite, Raw


class TestDiskBucket(BucketSuite):
    rung = "link"

    @pytest.fixture
    def bucket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskBucket:
        monkeypatch.setattr(os, "fsync", lambda fd: None)
        monkeypatch.setattr(os, "link", os.link)  # put back after the test
        monkeypatch.setattr(exclusive, "_renamer", exclusive._renamer)
        climb_to(self.rung)
        return DiskBucket(tmp_path / "bucket", create=True)

    @pytest.fixture
    def raw(self, tmp_path: Path) -> Raw:
        def read(key: str) -> bytes | None:
            path = tmp_path / "bucket" / key
            return path.read_bytes() if path.is_file() else None

        return read


class TestDiskBucketByRename(TestDiskBucket):
    rung = "rename"


class TestDiskBucketByLock(TestDiskBucket):
    rung = "lock"
