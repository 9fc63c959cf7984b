"""The ways to a place: what the address of a remote may be, and the bucket that is there.

    DIRECTORY, file://DIRECTORY                        the directory itself, or the repository in it
    s3://BUCKET/PREFIX  gs://BUCKET/…  az://CONTAINER/…  an object store
    http://HOST[:PORT][/PATH]  https://…                `art serve`; or any web server, to read from
    ssh://[USER@]HOST[:PORT]/PATH                       `art serve` on that machine, through ssh
    art+lan://NAME                                      `art serve --lan` in the local network

An address never holds a secret: what looks like one is refused, unsaid. What goes over a network is tried again.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from artcli.buckets import lan, objectstore
from artcli.buckets.bucket import Bucket
from artcli.buckets.credentials import token_for
from artcli.buckets.disk import DiskBucket
from artcli.buckets.limited import Meter, MeteredBucket
from artcli.buckets.retry import PATIENCE, RetryingBucket
from artcli.errors import UsageError

if TYPE_CHECKING:
    from artcli.buckets.line import HttpLine
    from artcli.buckets.ssh import SshLine

REPOSITORY = ".art"
SERVERS = ("http", "https", "ssh", lan.SCHEME)
"""Schemes of `art serve`."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
WAYS = ("a directory", "file://", "http://", "https://", "ssh://", "art+lan://", "s3://", "gs://", "az://")


class Access(NamedTuple):
    """How a place is spoken to."""

    patience: float = PATIENCE
    """Seconds without any success until it counts as unreachable."""
    token: str | None = None
    """For a server; None: that of ART_TOKEN, or the one that the user keeps for the address."""
    meter: Meter | None = None
    """Counts what goes over a network, and holds it to a rate."""


def open_bucket(url: str, *, access: Access | None = None, create: bool = False) -> Bucket:
    """The bucket at `url`; nothing is asked of a network yet.

    A directory gives a plain `DiskBucket`, made if `create`; anything else is wrapped so that it is tried again. Raises
    `UsageError` (`unknown-scheme`, `bad-url`, `secret-in-url`), `NotFoundError` (`bucket-not-found`) for a directory
    that is not there, `ArtError` (`extra-missing`), `AuthError` (`no-credentials`).
    """
    access = access or Access()
    url = normal(url)
    path = directory(url)
    if path is not None:
        inner = path / REPOSITORY
        return DiskBucket(inner) if (inner / "config").is_file() else DiskBucket(path, create=create)
    return RetryingBucket(_far(url, access), patience=access.patience)


def _far(url: str, access: Access) -> Bucket:
    kind = scheme(url)
    if kind in objectstore.SCHEMES:
        bucket = objectstore.ObjectBucket(url)
        return MeteredBucket(bucket, access.meter) if access.meter else bucket
    if kind == "ssh":
        from artcli.buckets.http import HttpBucket

        pipe = _ssh_line(url, os.environ.get("ART_SSH"), os.environ.get("ART_SSH_COMMAND"))
        pipe.meter = access.meter or pipe.meter
        return HttpBucket(pipe)
    line = http_line(url, access.token, access.meter)
    if kind == lan.SCHEME:
        from artcli.buckets.http import HttpBucket

        return HttpBucket(line)
    from artcli.buckets.static import WebBucket

    return WebBucket(line)


def http_line(url: str, token: str | None = None, meter: Meter | None = None) -> HttpLine:
    """The way to the server at `url`, http, https or art+lan; `token`: instead of what is kept for it.

    Raises as `lan.resolve`.
    """
    from artcli.buckets.line import HttpLine

    token = token or token_for(url)
    if scheme(url) != lan.SCHEME:
        return HttpLine(url, token, meter)
    address, fingerprint = lan.resolve(url)
    return HttpLine(address, token, meter, fingerprint=fingerprint, place=url)


@lru_cache(maxsize=4)
def _ssh_line(url: str, *_: str | None) -> SshLine:
    """One ssh for all who open the same address in this process."""
    from artcli.buckets.ssh import SshLine

    return SshLine(url)


def scheme(url: str) -> str:
    """The word before `://`, in lower case; "file" for a directory."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else "file"


def directory(url: str) -> Path | None:
    """The directory that `url` names, as a whole path; None if it is not on this machine."""
    if scheme(url) != "file":
        return None
    found = _SCHEME.match(url)
    return Path(os.path.abspath(os.fsdecode(unquote_to_bytes(os.fsencode(url[found.end() :]))) if found else url))


def normal(url: str) -> str:
    """`url` as it is kept and shown: a directory by its whole path, others without what means nothing.

    Raises `UsageError` (`unknown-scheme`, `bad-url`, `secret-in-url`).
    """
    kind = scheme(url)
    if kind == "file":
        return str(directory(url))
    _check_no_secret(url)
    if kind in objectstore.SCHEMES:
        _, container, prefix = objectstore.parts(url)
        return f"{kind}://{container}/{prefix}".rstrip("/")
    if kind == "ssh":
        return url.rstrip("/")
    if kind in ("http", "https"):
        return _web(url)
    if kind == lan.SCHEME:
        return str(lan.parse(url))
    raise UsageError(
        "unknown-scheme", f"no way to a place at {url}", facts=["possible: " + ", ".join(WAYS)],
        hint="art help unknown-scheme",
    )  # fmt: skip


def settled(url: str) -> str:
    """As `normal`, for a remote that is added now: of a server in the local network the certificate is pinned.

    Raises as `normal` and `lan.resolve`.
    """
    return lan.pinned(url) if scheme(url) == lan.SCHEME else normal(url)


def _web(url: str) -> str:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0 and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        named = False  # brackets or a port that are none
    if not named:
        raise UsageError(
            "bad-url", f"not the address of a server: {url}", facts=["such as https://host:8080/name"],
            hint="art help bad-url",
        )  # fmt: skip
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def _check_no_secret(url: str) -> None:
    """Raise `UsageError` (`secret-in-url`), which does not repeat it, if the address holds a password or a token."""
    try:
        found = urlsplit(url)
        secret = found.password is not None or (found.username is not None and found.scheme.lower() != "ssh")
    except ValueError:
        found, secret = urlsplit(""), "@" in url
    if secret or found.query or found.fragment:
        raise UsageError(
            "secret-in-url",
            "the address of a remote holds no password, token, '?' or '#'",
            facts=["addresses are shown, logged and shared; a token is kept apart, for your eyes only"],
            hint="art help secret-in-url",
        )
