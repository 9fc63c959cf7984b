"""Which places have shown that they are safe for many writers, remembered by this machine in `local/probed.json`.

A place is tried (see `buckets.probe`) when it becomes a remote, and before the first write after its address or the
version of art has changed. The word of a user who alone writes there stands in its place, until the address changes.
`art serve` need not be tried: it lets nobody write twice, and takes no other keys than a place has.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from artcli import __version__, lock
from artcli.buckets.bucket import Bucket
from artcli.buckets.probe import probe
from artcli.buckets.replacing import replace
from artcli.buckets.urls import SERVERS, scheme
from artcli.errors import ConflictError


def prove(path: Path, url: str, bucket: Bucket, *, single_writer: bool = False) -> None:
    """Try the bucket at `url`, unless this version of art has, for the repository whose `.art` folder is `path`.

    `single_writer`: the user's word that nobody else writes there; nothing is tried then. Raises `ConflictError`
    (`unsafe-place`), and what the bucket raises.
    """
    if scheme(url) in SERVERS:
        return
    known = told = _read(path).get(url)
    if single_writer:
        told = {"art": __version__, "single_writer": True}
    elif not isinstance(told, dict) or not (told.get("single_writer") or told.get("art") == __version__):
        found = probe(bucket)
        if found:
            raise ConflictError(
                "unsafe-place",
                f"two who write to {url} at once would lose versions",
                facts=found,
                hint="art help unsafe-place",
            )
        told = {"art": __version__}
    if told != known:
        with lock.changing(_file(path)):
            replace(_file(path), json.dumps({**_read(path), url: told}, indent=1).encode(), durable=False)


def _file(path: Path) -> Path:
    return path / "local" / "probed.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_file(path).read_bytes())
    except (OSError, ValueError):
        return {}  # then it is tried again
    return found if isinstance(found, dict) else {}
