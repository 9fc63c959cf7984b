"""The suite over a directory; without fsync, which test_disk.py counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.buckets.disk import DiskBucket
from tests.kit.bucket_suite import BucketSuite, Raw


class TestDiskBucket(BucketSuite):
    @pytest.fixture
    def bucket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskBucket:
        monkeypatch.setattr(os, "fsync", lambda fd: None)
        return DiskBucket(tmp_path / "bucket", create=True)

    @pytest.fixture
    def raw(self, tmp_path: Path) -> Raw:
        def read(key: str) -> bytes | None:
            path = tmp_path / "bucket" / key
            return path.read_bytes() if path.is_file() else None

        return read
