"""az:// — against the emulator, where that is installed."""

from __future__ import annotations

from artcli.buckets.objectstore import ObjectBucket
from artcli.flows.references import objects
from tests.flows.references.kit import bring, read, refer, said, slugs
from tests.flows.shelf import Shelf
from tests.kit.azure import container
from tests.kit.trees import harvest
from tests.store.material import noise

__all__ = ["container"]

BIG = noise(20_000_000, "blob")


def test_blobs(shelf: Shelf, container: str) -> None:
    objects._stores.clear()
    bucket = ObjectBucket(f"az://{container}")
    for key, data in (("d/a.txt", b"alpha"), ("d/sub/b", b"beta"), ("big", BIG)):
        assert bucket.add(key, data)
    version = refer(shelf, f"az://{container}/d", f"az://{container}/big")
    found = said(shelf, version)
    assert set(found) == {"a.txt", "sub/b", "big"}
    assert found["a.txt"].etag
    assert harvest(bring(shelf).path) == {"a.txt": b"alpha", "sub/b": b"beta", "big": BIG}
    assert bring(shelf).plan.is_done
    assert read(shelf, "far/big", "9000000-9000009") == BIG[9_000_000:9_000_010]
    bucket.delete("d/a.txt")
    assert bucket.add("d/a.txt", b"ALPHA")
    assert slugs(bring(shelf, to="other")) == {"a.txt": "source-changed"}
