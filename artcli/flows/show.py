"""What something is: a version, a file in one, a fact; found by reference, digest, path or fact id.

What a text is taken for, in this order: a path on disk if it says so (`./x`, `/x`), a digest or fact id, a reference,
and last a path on disk that happens to exist.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Artifact, Catalog, Event, Version
from artcli.catalog.finding import Found, find_file
from artcli.catalog.folder import Item
from artcli.catalog.repository import Repository
from artcli.content import Digest
from artcli.errors import NotFoundError, UsageError
from artcli.flows.ls import no_such_path
from artcli.flows.meant import copy_around

HEX = re.compile(r"[0-9a-fA-F]{12,64}")
_MADE = re.compile(r"(.+)[:-](v[0-9]+)")
_BLOCK = 1 << 20


class Shown(NamedTuple):
    """What was found: a version with its artifact, something in it, or a fact that made no version."""

    artifact: Artifact | None
    version: Version | None
    aliases: list[str]
    tags: list[str]
    item: Item | None = None
    """The file or folder in the version, if that is what was asked for."""
    entries: int = 1
    """Entries in the folder."""
    size: int = 0
    """Bytes of the file, or of all in the folder."""
    event: Event | None = None
    note: str | None = None


def show(repository: Repository, text: str, project: str, start: Path) -> Shown:
    """What `text` means; `start` is the directory that relative paths begin in.

    Raises `NotFoundError` (`no-such-path`, `no-such-digest`, `unknown-file`, …), `UsageError`.
    """
    catalog, path = repository.catalog, start / text
    if text.startswith(("./", "../", "/")) or text in (".", ".."):
        return of_path(repository, path, project)
    if HEX.fullmatch(text) and catalog.artifact(project, text) is None:
        return of_digest(repository, text.lower())
    try:
        found = resolve.version(catalog, text, project)
    except (NotFoundError, UsageError) as error:
        if error.slug in ("no-such-artifact", "bad-reference") and text and os.path.lexists(path):
            return of_path(repository, path, project)
        raise
    shown = _of_version(catalog, found.version)._replace(note=found.note)
    return _inside(repository, shown, found.version, found.path)


def of_digest(repository: Repository, digest: str) -> Shown:
    """The newest version with this digest, the fact of this id, or the newest version that has a file of this digest.

    Raises `NotFoundError` (`no-such-digest`).
    """
    catalog = repository.catalog
    if versions := catalog.with_digest(digest):
        return _of_version(catalog, versions[0])
    events = catalog.event(digest)
    if len(events) == 1:
        version = catalog.version(events[0].fact.id)
        return _of_version(catalog, version) if version else Shown(None, None, [], [], event=events[0])
    found = find_file(catalog, repository.store, lambda entry: entry.digest.hex().startswith(digest))
    if found is None:
        message = f"no version, file or fact has a digest that starts with {digest}"
        raise NotFoundError("no-such-digest", message, hint="art log")
    return _of_file(catalog, found)


def of_path(repository: Repository, path: Path, project: str) -> Shown:
    """The newest version that has a file of these bytes; or the version that a directory was made to hold.

    A directory that came from elsewhere tells by its name, such as `dataset:v3`.

    Raises `NotFoundError` (`no-such-file`, `unknown-file`, `unknown-directory`).
    """
    catalog = repository.catalog
    if path.is_file():
        digest, size = _digest_of(path)
        found = find_file(catalog, repository.store, lambda entry: entry.digest == digest and entry.size == size)
        if found is None:
            raise NotFoundError("unknown-file", f"no live version has a file of these bytes: {path}", hint="art ls")
        return _of_file(catalog, found)
    if not path.is_dir():
        raise NotFoundError("no-such-file", f"there is no file or directory {path}", hint="art ls")
    around = copy_around(repository, Path(os.path.abspath(path)))
    held = catalog.version(around[0].version) if around else None
    if around and held:
        return _inside(repository, _of_version(catalog, held), held, around[1])
    made = _MADE.fullmatch(path.resolve().name)
    if made is None:
        raise NotFoundError("unknown-directory", f"no version was put into this directory: {path}", hint="art ls")
    version = resolve.version(catalog, f"{made[1]}:{made[2]}", project)
    return _of_version(catalog, version.version)._replace(note=version.note)


def _of_version(catalog: Catalog, version: Version) -> Shown:
    artifact = catalog.artifact_by_id(version.artifact)
    return Shown(artifact, version, catalog.aliases_of(version), catalog.tags_of(version))


def _of_file(catalog: Catalog, found: Found) -> Shown:
    item = Item(found.entry.path, found.entry)
    return _of_version(catalog, found.version)._replace(item=item, size=found.entry.size)


def _inside(repository: Repository, shown: Shown, version: Version, path: bytes | None) -> Shown:
    """A file or folder of a version; the version itself if no path is given."""
    if not path:
        return shown
    pages = repository.store
    entry = manifest.find(pages, version.root, path)
    if entry is not None:
        return shown._replace(item=Item(path, entry), size=entry.size)
    count = size = 0
    for entry in manifest.entries(pages, version.root, path + b"/"):
        count, size = count + 1, size + entry.size
    if not count:
        raise no_such_path(version, path)
    return shown._replace(item=Item(path + b"/", None), entries=count, size=size)


def _digest_of(path: Path) -> tuple[Digest, int]:
    hasher, size = blake3(), 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
            size += len(block)
    return hasher.digest(), size
