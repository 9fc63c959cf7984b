"""The bucket behind `art serve`, before the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.buckets.http import HttpBucket
from artcli.buckets.line import HttpLine
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.doorway import new_bucket


def reader(folder: Path) -> Raw:
    return lambda key: (folder / key).read_bytes() if (folder / key).is_file() else None


class TestHttp(BucketSuite):
    LARGE = 32  # the server takes no more
    MANY = 120  # longer listings: see test_line

    @pytest.fixture
    def place(self) -> tuple[str, Path]:
        return new_bucket()

    @pytest.fixture
    def bucket(self, place: tuple[str, Path]) -> HttpBucket:
        return HttpBucket(HttpLine(place[0]))

    @pytest.fixture
    def raw(self, place: tuple[str, Path]) -> Raw:
        return reader(place[1])
