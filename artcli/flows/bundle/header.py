"""What a bundle says of itself, and what is kept where in one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from artcli.buckets.bundle import BundleBeingMade, BundleBucket
from artcli.buckets.prefixed import Prefixed
from artcli.catalog.catalog import Version
from artcli.catalog.log import Log
from artcli.errors import IntegrityError

HEADER = "bundle"
HEADER_SIZE = 1 << 20
FORMAT = 1
MOST_NAMED = 1000
"""Versions that the header of a bundle names."""


class Named(NamedTuple):
    """A version as a bundle names it."""

    id: str
    """Of its fact."""
    ref: str
    """As it was called where the bundle was made."""
    page: str
    """Its root page, in hex."""


class Header(NamedTuple):
    """What a bundle says of itself."""

    place: str
    numbers: str
    """The place whose log, which is in it, gives the version numbers."""
    remote: str | None
    """What this place had was left out."""
    since: list[Named]
    """And what these versions have."""
    versions: list[Named]

    @property
    def is_whole(self) -> bool:
        """Nothing was left out."""
        return not self.since and self.remote is None


def mirrored(bucket: BundleBeingMade | BundleBucket, place: str) -> Log:
    return Log(Prefixed(bucket, f"mirrors/{place}/"), place)


def damaged(bucket: BundleBucket, why: str) -> IntegrityError:
    return IntegrityError(
        "damaged-bundle", f"the bundle is damaged: {bucket.path}", facts=[why], hint=f"art bundle verify {bucket.path}"
    )


def named(versions: Sequence[Version]) -> list[Named]:
    return [Named(version.id, f"{version.project}/{version.ref}", version.root.page.hex()) for version in versions]


def encoded(header: Header) -> bytes:
    return json.dumps({"format": FORMAT, **header._asdict()}, ensure_ascii=False).encode()


def read_header(bucket: BundleBucket) -> Header:
    try:
        said = json.loads(bucket.get(HEADER, 0, HEADER_SIZE + 1))
        if said["format"] != FORMAT:
            raise IntegrityError(
                "newer-format", f"this bundle has format {said['format']}, and this art knows format {FORMAT}",
                hint="pipx upgrade artcli",
            )  # fmt: skip
        place, numbers = (_hex(said[key], 16) for key in ("place", "numbers"))
        remote = None if said["remote"] is None else _hex(said["remote"], 16)
        return Header(place, numbers, remote, *([_one(item) for item in said[key]] for key in ("since", "versions")))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise damaged(bucket, "what it says of itself cannot be read") from error


def _one(item: Any) -> Named:
    id, ref, page = item
    if not isinstance(ref, str) or not ref.isprintable():
        raise ValueError("no name")
    return Named(_hex(id, 16), ref, _hex(page, 32))


def _hex(value: Any, size: int) -> str:
    if not isinstance(value, str) or bytes.fromhex(value).hex() != value or len(value) != 2 * size:
        raise ValueError("no id")
    return value
