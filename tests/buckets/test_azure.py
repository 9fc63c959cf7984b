"""Azure Blob Storage, before its emulator, where that is installed."""

from __future__ import annotations

import base64

import pytest

from artcli.buckets.objectstore import ObjectBucket
from artcli.buckets.probe import probe
from artcli.buckets.urls import open_bucket
from artcli.errors import AuthError, NotFoundError
from tests.kit.azure import container, stored
from tests.kit.bucket_suite import BucketSuite, Raw

__all__ = ["container"]


class TestAzure(BucketSuite):
    @pytest.fixture
    def bucket(self, container: str) -> ObjectBucket:
        return ObjectBucket(f"az://{container}/some/prefix")

    @pytest.fixture
    def raw(self, bucket: ObjectBucket) -> Raw:
        return lambda key: stored(f"{bucket.url.removeprefix('az://')}/{key}")


def test_it_is_safe_for_many_writers(container: str) -> None:
    assert probe(open_bucket(f"az://{container}")) == []


def test_what_goes_wrong(container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError) as missing:
        list(ObjectBucket("az://no-such-container").list(""))
    assert missing.value.slug == "bucket-not-found"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"another").decode())
    with pytest.raises(AuthError) as refused:
        ObjectBucket(f"az://{container}").get("a")
    assert refused.value.slug == "not-permitted"
