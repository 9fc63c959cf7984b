from __future__ import annotations

import pytest

from artcli.buckets.memory import MemoryBucket
from tests.kit.bucket_suite import BucketSuite, Raw


class TestMemoryBucket(BucketSuite):
    @pytest.fixture
    def bucket(self) -> MemoryBucket:
        return MemoryBucket()

    @pytest.fixture
    def raw(self, bucket: MemoryBucket) -> Raw:
        return lambda key: bucket._objects.get(key, (None, 0.0))[0]
