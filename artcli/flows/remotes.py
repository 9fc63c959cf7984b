"""Remotes: where a repository's other places are, and the way in."""

from __future__ import annotations

import os
import re
from pathlib import Path

from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.log import GENESIS
from artcli.catalog.place import Place, open_place
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import CONFIG, FOLDER, Make, Repository, read_place
from artcli.errors import ConflictError, NetworkError, NotFoundError, UsageError
from artcli.flows.transfer import shared

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def add(repository: Repository, name: str, url: str) -> Remote:
    """Give the place at `url` a name, after making an empty directory a place, and fetch its log.

    Raises as `Remotes.add`, `UsageError` (`unknown-scheme`), `NetworkError` (`remote-unreachable`), `ConflictError`
    (`not-a-place`) for a directory with a file in it, and as `Place.fetch`. A start that was cut off is completed.
    """
    path = _path(url)
    Remotes(repository.path).check_new(name)
    if not path.parent.is_dir():
        raise _unreachable(url, "there is no such directory")
    if not _is_place(path) and any(not found.is_dir() for found in path.rglob("*")):
        raise ConflictError("not-a-place", f"a place is made in an empty directory, and this is none: {path}")
    place = open_place(repository.path, _bucket(path, create=True))
    try:
        if place.log.place == repository.place:
            raise ConflictError("not-a-place", f"that is this repository itself: {path}")
        remote = Remote(name, _shown(url), place.log.place)
        Remotes(repository.path).add(remote)
        place.fetch()
    finally:
        place.close()
    return remote


def move(repository: Repository, name: str, url: str) -> None:
    """Say where a remote is to be found now; raises as `reach`."""
    remote = Remotes(repository.path).get(name)._replace(url=_shown(url))
    reach(repository, remote).close()
    Remotes(repository.path).set_url(name, remote.url)


def promote(repository: Repository, name: str) -> None:
    """Make a remote the authority. Raises `NotFoundError` (`no-such-remote`)."""
    remotes = Remotes(repository.path)
    remotes.get(name)
    _keep_facts(repository)
    remotes.promote(name)


def _keep_facts(repository: Repository) -> None:
    """Commit here what only the authority's log says: without it nobody would know what its versions are."""
    known = {fact.id for entry in repository.log.after(-1, GENESIS) for fact in entry.facts}

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        return [fact for fact in shared(catalog) if fact.id not in known]

    repository.commit(plan)


def chosen(repository: Repository, name: str | None) -> Remote:
    """The remote of this name; without a name the authority. Raises `NotFoundError` (`no-such-remote`, `no-remote`)."""
    remotes = Remotes(repository.path)
    if name is not None:
        return remotes.get(name)
    for remote in remotes.all:
        if remote.place == remotes.authority:
            return remote
    raise NotFoundError("no-remote", "which remote? none gives the version numbers", hint="art remote add NAME URL")


def check_there(url: str) -> None:
    """Raise `NetworkError` (`remote-unreachable`) unless there is a repository at `url`."""
    if not _is_place(_path(url)):
        raise _unreachable(url, "there is no repository: is the disk mounted?")


def reach(repository: Repository, remote: Remote) -> Place:
    """The open place; `close` it. Raises `NetworkError` (`remote-unreachable`), `ConflictError` (`another-place`)."""
    check_there(remote.url)
    bucket = _bucket(_path(remote.url))
    if read_place(bucket) != remote.place:
        raise ConflictError(
            "another-place", f"the repository at {remote.url} is not the one that was added as '{remote.name}'"
        )
    return Place(repository.path, remote.place, bucket)


def _shown(url: str) -> str:
    """As it is kept: a directory by its whole path."""
    return str(_path(url))


def _path(url: str) -> Path:
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() == "file":
        return Path(url[scheme.end() :])
    if scheme:
        raise UsageError("unknown-scheme", f"no way to a place at {url}", facts=["possible: a directory, file://"])
    return Path(os.path.abspath(url))


def _is_place(path: Path) -> bool:
    return (path / CONFIG).is_file() or (path / FOLDER / CONFIG).is_file()


def _bucket(path: Path, *, create: bool = False) -> Bucket:
    """The directory itself, or the repository in it."""
    inner = path / FOLDER
    return DiskBucket(inner) if (inner / CONFIG).is_file() else DiskBucket(path, create=create)


def _unreachable(url: str, why: str) -> NetworkError:
    return NetworkError("remote-unreachable", f"the remote at {url} cannot be reached: {why}")
