"""From an address to entries: one for a file, one for each file of a directory or prefix."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from artcli.catalog import manifest
from artcli.catalog.manifest import Entry, Pages, Root
from artcli.errors import UsageError
from artcli.flows import revise
from artcli.flows.references.reference import Reference, check_uri
from artcli.flows.references.source import Source, is_known, missing, patiently, source_of
from artcli.progress import Progress, Silent

MOST_EDITS = 32 * 1024
"""References that are sorted in memory."""
MOST = 10_000_000
"""Files that one address may stand for unless more are asked for: what W&B takes, and what a version is made for."""


class Referred(NamedTuple):
    """What to refer to."""

    uri: str
    dest: bytes | None = None
    """Where it goes; None: see `entries`."""
    checksum: bool = True
    most: int | None = None


def entries(
    uri: str, dest: bytes | None = None, *, checksum: bool = True, most: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Entry]:  # fmt: skip
    """The references that `uri` stands for, at `dest` in the version or below it.

    Without `dest` a file keeps its name, and a folder's files come at the top. Without `checksum` nothing is asked of
    the source: one reference of the address alone; so it is for schemes that nobody here knows.

    Raises `UsageError` (`bad-uri`, `too-many-objects`), `NotFoundError` (`no-such-source`), `AuthError`,
    `NetworkError`, `ArtError` (`unreadable-files`).
    """
    progress = progress or Silent()
    address = Reference(check_uri(uri))
    if not checksum or not is_known(address.scheme):
        yield _canonical(address).entry(dest or _name(uri))
        return
    source = source_of(address)
    found = patiently(lambda: source.describe(uri))
    if found is not None:
        progress.advance(files=1, size=found.size or 0)
        yield found.entry(dest or _name(found.uri))
        return
    yield from _below(source, uri, dest, most or MOST, progress)


def added(pages: Pages, root: Root, asked: Sequence[Referred], progress: Progress) -> Root:
    """The manifest `root` with the references that are asked for.

    Sources list them in an order of their own: so they are sorted, `MOST_EDITS` at a time. Raises as `entries`, and
    `UsageError` (`unsafe-path`).
    """
    found = (
        entry
        for one in asked
        for entry in entries(one.uri, one.dest, checksum=one.checksum, most=one.most, progress=progress)
    )
    while batch := sorted(islice(found, MOST_EDITS)):
        for entry in batch:
            if fault := manifest.path_fault(entry.path):
                path = manifest.shown(entry.path)
                raise UsageError("unsafe-path", f"a version cannot hold a path that {fault}: {path}")
        edits = {entry.path: entry for entry in batch}
        root = revise.add(pages, root, edits, edits.items())
    return root


def _below(source: Source, uri: str, dest: bytes | None, most: int, progress: Progress) -> Iterator[Entry]:
    listed = source.below(uri)
    first = next(listed, None)
    if first is None:
        raise missing(uri)
    for count, (path, reference) in enumerate(chain([first], listed)):
        if count >= most:
            raise UsageError(
                "too-many-objects", f"there are more than {most:,} files at {uri}",
                hint="art help references",
            )  # fmt: skip
        progress.advance(files=1, size=reference.size or 0)
        yield reference.entry(posixpath.join(dest, path) if dest else path)


def _canonical(address: Reference) -> Reference:
    """A path of this machine as it is kept."""
    if address.scheme != "file":
        return address
    from artcli.flows.references import local

    return Reference(local.address(local.given(address.uri)))


def _name(uri: str) -> bytes:
    """What a file is called where nobody says so: the last part of its address."""
    scheme, _, rest = uri.partition("://")
    path = rest.partition("?")[0].partition("#")[0] if scheme.lower().startswith("http") else rest
    name = path.rstrip("/").rpartition("/")[2]
    return (unquote_to_bytes(name) if scheme.lower() in ("file", "http", "https") else name.encode()) or b"reference"
