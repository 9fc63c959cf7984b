"""A remote is tried: does it answer, how fast, and is it safe for many writers?

What is written for the trial lies below `probe/` and is deleted. `art serve` takes no such keys: it says itself what it
promises and permits, and only reading is measured there.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import NamedTuple

from artcli.buckets.bucket import Bucket
from artcli.buckets.probe import FOLDER, probe
from artcli.buckets.urls import SERVERS, open_bucket, scheme
from artcli.catalog.remotes import Remote
from artcli.catalog.repository import CONFIG, CONFIG_SIZE, Repository
from artcli.errors import ArtError, AuthError
from artcli.flows.remotes import access, check_there

QUESTIONS = 5
LARGE = 4 << 20
"""Bytes that are sent, and at most read, to measure."""


class Trial(NamedTuple):
    """What was found."""

    latency: float
    """Seconds from a small question to its answer; the median of a few."""
    down: int | None
    """Bytes a second; None if there was nothing to read."""
    up: int | None
    """Bytes a second; None if nothing could be written."""
    safe: bool | None
    """Whether of two writers of a name one wins; None if nothing can be written there."""
    found: tuple[str, ...]
    """What is not as it must be, in words."""
    scope: str | None
    """read, write or admin, where a server says it."""


def try_remote(repository: Repository, remote: Remote) -> Trial:
    """Raises as `check_there` and `open_bucket`."""
    check_there(remote.url)
    bucket = open_bucket(remote.url, access=access(repository))
    latency = statistics.median(_seconds(bucket) for _ in range(QUESTIONS))
    if scheme(remote.url) in SERVERS:
        said = _told(remote.url)
        safe = "put-if-absent" in said.features if said else None
        return Trial(latency, _read(bucket), None, safe, (), said.scope if said else None)
    try:
        found = probe(bucket)
        up = _write(bucket)
    except AuthError as error:
        return Trial(latency, _read(bucket), None, None, (error.message,), None)
    return Trial(latency, _read(bucket), up, not found, tuple(found), None)


class _Said(NamedTuple):
    features: list[str]
    scope: str | None


def _told(url: str) -> _Said | None:
    """What `art serve` says of itself; None if it is a plain web server."""
    from artcli.buckets.http import HttpBucket, NotArt
    from artcli.buckets.retry import RetryingBucket
    from artcli.buckets.static import WebBucket

    bucket = open_bucket(url)
    assert isinstance(bucket, RetryingBucket)
    inner = bucket.inner.inner if isinstance(bucket.inner, WebBucket) else bucket.inner
    assert isinstance(inner, HttpBucket)
    try:
        info = inner.info()
    except NotArt:
        return None
    return _Said(list(info.get("features", ())), info.get("scope"))


def _seconds(bucket: Bucket) -> float:
    began = time.perf_counter()
    bucket.get(CONFIG, 0, CONFIG_SIZE)
    return time.perf_counter() - began


def _write(bucket: Bucket) -> int:
    key = FOLDER + os.urandom(16).hex()
    data = os.urandom(LARGE)
    began = time.perf_counter()
    bucket.add(key, data)
    rate = round(LARGE / (time.perf_counter() - began))
    try:
        bucket.delete(key)
    except (ArtError, OSError):
        pass  # who may only add leaves it there
    return rate


def _read(bucket: Bucket) -> int | None:
    """How fast a piece of a pack comes, if there is one."""
    try:
        pack = next(bucket.list("packs/"), None)
    except ArtError:
        return None  # nothing can be listed there
    if pack is None:
        return None
    began = time.perf_counter()
    size = len(bucket.get(pack.key, 0, LARGE))
    return round(size / (time.perf_counter() - began))
