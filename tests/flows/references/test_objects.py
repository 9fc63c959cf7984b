"""s3:// — against moto: prefixes, versions, changes, and what may not be read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from artcli.flows.references import objects
from artcli.flows.references.add import Referred
from artcli.flows.references.reference import Reference
from tests.flows.references.kit import bring, read, refer, refused, said, slugs
from tests.flows.shelf import Shelf
from tests.kit.s3 import client, s3
from tests.kit.trees import harvest
from tests.store.material import noise

__all__ = ["s3"]

BIG = noise(20_000_000, "object")
OBJECTS = {
    "d/a.txt": b"alpha", "d/empty": b"", "d/sub/b c": b"odd", "d/sub/x%20ü": b"odder", "dx/other": b"not below d",
    "big": BIG, "d/folder/": b"",
}  # fmt: skip


@pytest.fixture(params=[True, False], ids=["versions", "no-versions"])
def cloud(s3: object, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of a bucket `pool` that holds `OBJECTS`."""
    server = client()
    server.create_bucket(Bucket="pool")
    if request.param:
        server.put_bucket_versioning(Bucket="pool", VersioningConfiguration={"Status": "Enabled"})
    for key, data in OBJECTS.items():
        server.put_object(Bucket="pool", Key=key, Body=data)
    server.keeps_versions = request.param
    objects._stores.clear()
    yield server
    listed = server.list_object_versions(Bucket="pool")
    for item in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        server.delete_object(Bucket="pool", Key=item["Key"], VersionId=item["VersionId"])
    server.delete_bucket(Bucket="pool")


def test_a_prefix_becomes_an_entry_for_each_object(shelf: Shelf, cloud: Any) -> None:
    found = said(shelf, refer(shelf, "s3://pool/d"))
    assert set(found) == {"a.txt", "empty", "sub/b c", "sub/x%20ü"}
    one = found["a.txt"]
    assert (one.uri, one.size, one.digest) == ("s3://pool/d/a.txt", 5, None)
    assert None not in (one.etag, one.modified)
    assert (one.version is not None) == cloud.keeps_versions
    assert set(said(shelf, refer(shelf, Referred("s3://pool/d/", b"in")))) == {f"in/{path}" for path in found}
    assert len(said(shelf, refer(shelf, "s3://pool"))) == 6
    assert harvest(bring(shelf, "far:v0").path) == {
        key.removeprefix("d/"): data for key, data in OBJECTS.items() if key.startswith("d/") and not key.endswith("/")
    }


def test_one_object(shelf: Shelf, cloud: Any) -> None:
    version = refer(shelf, "s3://pool/big")
    assert said(shelf, version)["big"].size == len(BIG)
    assert read(shelf, "far/big") == BIG
    assert read(shelf, "far/big", "9000000-9000009") == BIG[9_000_000:9_000_010]
    assert harvest(bring(shelf).path) == {"big": BIG}
    assert bring(shelf).plan.is_done


def test_an_object_that_was_replaced(shelf: Shelf, cloud: Any) -> None:
    refer(shelf, "s3://pool/d/a.txt", "s3://pool/big")
    cloud.put_object(Bucket="pool", Key="d/a.txt", Body=b"ALPHA")
    cloud.put_object(Bucket="pool", Key="big", Body=BIG[::-1])
    used = bring(shelf)
    if cloud.keeps_versions:  # the old one is still there, under its version
        assert (slugs(used), harvest(used.path)) == ({}, {"a.txt": b"alpha", "big": BIG})
    else:
        assert (slugs(used), harvest(used.path)) == ({"a.txt": "source-changed", "big": "source-changed"}, {})


def test_a_version_that_is_asked_for(shelf: Shelf, cloud: Any) -> None:
    if not cloud.keeps_versions:
        pytest.skip("of a bucket that keeps them")
    old = cloud.head_object(Bucket="pool", Key="d/a.txt")["VersionId"]
    cloud.put_object(Bucket="pool", Key="d/a.txt", Body=b"newer")
    version = refer(shelf, f"s3://pool/d/a.txt?versionId={old}")
    assert said(shelf, version)["a.txt"][::3] == ("s3://pool/d/a.txt", old)
    assert read(shelf, "far/a.txt") == b"alpha"


def test_an_object_that_is_gone(shelf: Shelf, cloud: Any) -> None:
    refer(shelf, "s3://pool/d/a.txt", "s3://pool/d/empty")
    for item in cloud.list_object_versions(Bucket="pool", Prefix="d/a.txt")["Versions"]:
        cloud.delete_object(Bucket="pool", Key="d/a.txt", VersionId=item["VersionId"])
    used = bring(shelf)
    assert (slugs(used), harvest(used.path)) == ({"a.txt": "no-such-source"}, {"empty": b""})


def test_what_cannot_be_referred_to(shelf: Shelf, cloud: Any) -> None:
    assert refused(shelf, "s3://pool/nothing/here").slug == "no-such-source"
    assert refused(shelf, "s3://").slug == "no-such-source"
    assert refused(shelf, "s3://nobodys-bucket/x").slug in ("no-such-source", "source-denied")
    assert refused(shelf, Referred("s3://pool/d", most=3)).slug == "too-many-objects"
    assert said(shelf, refer(shelf, Referred("s3://pool/d", checksum=False))) == {"d": Reference("s3://pool/d")}


def test_without_the_package(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    objects._stores.clear()
    error = refused(shelf, "s3://pool/d")
    assert (error.slug, error.facts) == ("extra-missing", ("pip install 'artcli[cloud]'",))
