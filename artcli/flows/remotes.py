"""Remotes: where a repository's other places are, and the way in."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.buckets.limited import Meter
from artcli.buckets.memory import MemoryBucket
from artcli.buckets.probe import FOLDER as PROBES
from artcli.buckets.probe import ProvenBucket
from artcli.buckets.scratch import TEMPORARY
from artcli.buckets.urls import Access, directory, normal, open_bucket, settled
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.following import START
from artcli.catalog.log import GENESIS
from artcli.catalog.mirror import forget
from artcli.catalog.place import Place, open_place
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import CONFIG, CONFIG_SIZE, FOLDER, Make, Repository, encode_config, read_place
from artcli.errors import ArtError, AuthError, ConflictError, IntegrityError, NetworkError, NotFoundError
from artcli.flows.proven import prove
from artcli.flows.transfer.cargo import shared
from artcli.settings import Settings


def add(repository: Repository, name: str, url: str, *, single_writer: bool = False) -> Remote:
    """Give the place at `url` a name, after making an empty directory or bucket a place, and fetch its log.

    `single_writer`: the user's word that nobody else writes there; else the place must show that it is safe for many.

    Raises as `Remotes.add` and `open_bucket`, `NetworkError` (`remote-unreachable`), `ConflictError` (`not-a-place`)
    where something else is, (`unsafe-place`); and as `Place.fetch`: it is a remote then. A start that was cut off is
    completed.
    """
    Remotes(repository.path).check_new(name)
    url = settled(url)
    bucket, found = _begun(url, access(repository))
    proven(repository, url, bucket, single_writer=single_writer)
    place = _opened(repository, bucket, found)
    try:
        if place.log.place == repository.place:
            raise ConflictError("not-a-place", f"that is this repository itself: {url}")
        remote = Remote(name, url, place.log.place)
        Remotes(repository.path).add(remote)
        try:
            place.fetch()
        except ArtError as error:
            error.facts = (
                *error.facts,
                f"'{name}' is a remote now, but what it holds could not be learned",
                f"to try again: art fetch {name}; to forget it: art remote rm {name}",
            )
            raise
    finally:
        place.close()
    return remote


def _begun(url: str, how: Access) -> tuple[Bucket, str | None]:
    """The bucket of a place, or of what may become one; with the id of the place, if that is known already.

    What is found where there was no place a moment ago may be one that another command has begun meanwhile.
    """
    path = directory(url)
    if path is None:
        bucket = open_bucket(url, access=how)
        place = _place_in(bucket)
        if place is None and any(not item.key.startswith(PROBES) for item in bucket.list("")):
            place = _place_in(bucket)
            if place is None:
                raise ConflictError("not-a-place", f"a place is made where nothing is, and something is at {url}")
        return bucket, place
    if not path.parent.is_dir():
        raise _unreachable(url, "there is no such directory")
    if not _is_place(path) and _holds_files(path) and not _is_place(path):
        raise ConflictError("not-a-place", f"a place is made in an empty directory, and this is none: {path}")
    return open_bucket(url, create=True), None


def _holds_files(path: Path) -> bool:
    """Whether there are files below, other than of those who are making a place there, or were when the power went."""
    making = {str(path / TEMPORARY), str(path / PROBES.rstrip("/"))}
    return any(files for folder, _, files in os.walk(path) if folder not in making)


def _opened(repository: Repository, bucket: Bucket, place: str | None) -> Place:
    """The place, made if there is none yet; of a directory `open_place` sees to that, which makes its folders too."""
    if isinstance(bucket, DiskBucket):
        return open_place(repository.path, bucket)
    if place is None:
        bucket.add(CONFIG, encode_config(os.urandom(16).hex()))
        place = read_place(bucket)
    return Place(repository.path, place, bucket)


def proven(repository: Repository, url: str, bucket: Bucket, *, single_writer: bool = False) -> None:
    """As `prove`; a place from which this machine can only read need not be safe for writers."""
    try:
        prove(repository.path, url, bucket, single_writer=single_writer)
    except ArtError as error:
        if not isinstance(error, AuthError) and error.slug != "cannot-write":
            raise
        if _place_in(bucket) is None:
            raise


def move(repository: Repository, name: str, url: str, *, single_writer: bool = False) -> None:
    """Say where a remote is to be found now; raises as `reach` and, of the place, as `add`."""
    remote = Remotes(repository.path).get(name)._replace(url=settled(url))
    place = reach(repository, remote, look=True)
    try:
        proven(repository, remote.url, place.bucket, single_writer=single_writer)
    finally:
        place.close()
    Remotes(repository.path).set_url(name, remote.url)


def remove(repository: Repository, name: str) -> None:
    """Forget a remote, and what this machine has of it: but not of the authority, whose log gives the numbers if there
    is any of it, nor of a place that another remote is. Raises `NotFoundError` (`no-such-remote`).
    """
    remotes = Remotes(repository.path)
    place = remotes.get(name).place
    with closing(as_seen(repository, name)) as seen:
        remotes.remove(name, wholly=seen.follower.head == START)
    if place not in {remotes.authority, *(remote.place for remote in remotes.all)}:
        forget(repository.path, place)


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
        return [event.fact for event in shared(catalog.events()) if event.fact.id not in known]

    repository.commit(plan)


def chosen(repository: Repository, name: str | None) -> Remote:
    """The remote of this name or address; without one that of ART_REMOTE, or the authority.

    An address in ART_REMOTE that is no remote yet is added. Raises `NotFoundError` (`no-such-remote`, `no-remote`), and
    as `add`.
    """
    remotes = Remotes(repository.path)
    if name is None and (wanted := os.environ.get("ART_REMOTE")):
        if os.sep in wanted and wanted not in {remote.name for remote in remotes.all}:
            return _added(repository, wanted)
        name = wanted
    if name is not None:
        found = _of_url(remotes, name) if os.sep in name else None
        return found or remotes.get(name)
    for remote in remotes.all:
        if remote.place == remotes.authority:
            return remote
    known = ", ".join(remote.name for remote in remotes.all)
    raise NotFoundError(
        "no-remote", "which remote? none gives the version numbers", facts=[f"remotes: {known}"] if known else [],
        hint="art remote promote NAME" if known else "art remote add NAME URL",
    )  # fmt: skip


def address(path: Path) -> str | None:
    """Where the remote is that `chosen` gives when none is named; None if there is none. Nothing is asked or added.

    `path`: the `.art` folder of the repository. Raises as `Remotes` and `normal`.
    """
    remotes = Remotes(path)
    wanted = os.environ.get("ART_REMOTE")
    if wanted and os.sep in wanted:
        return normal(wanted)
    for remote in remotes.all:
        if remote.name == wanted if wanted else remote.place == remotes.authority:
            return remote.url
    return None


def _added(repository: Repository, url: str) -> Remote:
    """The remote at `url`, added under a free name unless there is one; another command may do the same just now."""
    while True:
        remotes = Remotes(repository.path)
        if found := _of_url(remotes, url):
            return found
        try:
            return add(repository, _free_name({remote.name for remote in remotes.all}), url)
        except ConflictError as error:
            if error.slug != "remote-exists":
                raise


def _of_url(remotes: Remotes, url: str) -> Remote | None:
    wanted = normal(url)
    return next((remote for remote in remotes.all if remote.url == wanted), None)


def _free_name(known: Iterable[str]) -> str:
    numbered = itertools.chain(["origin"], (f"origin{number}" for number in itertools.count(2)))
    return next(name for name in numbered if name not in known)


def check_there(url: str) -> None:
    """Raise `NetworkError` (`remote-unreachable`), `NotFoundError` (`no-place`) unless a repository is at `url`.

    Raises as `open_bucket`, too.
    """
    url = settled(url)
    path = directory(url)
    if path is None:
        _place_at(url, open_bucket(url, access=access()))
    elif not _is_place(path):
        raise _unreachable(url, "there is no repository: is the disk mounted?")


def reach(
    repository: Repository, remote: Remote, meter: Meter | None = None, *, look: bool = False,
    patience: float | None = None,
) -> Place:  # fmt: skip
    """The open place; `close` it. Where it was not proven that many may write, that is done before the first write.

    `meter` counts what goes over a network, and holds it to a rate; `patience`: seconds, instead of what is set.
    Whether the place is there and the right one is found out now if it costs nothing or nothing was ever fetched from
    it, or if `look`; else by its log.

    Raises as `check_there`, `ConflictError` (`another-place`).
    """
    path = directory(remote.url)
    if path is not None:
        check_there(remote.url)
    how = access(repository)._replace(meter=meter)
    bucket = open_bucket(remote.url, access=how if patience is None else how._replace(patience=patience))
    if path is None:
        bucket = ProvenBucket(bucket, lambda inner: prove(repository.path, remote.url, inner))
    place = Place(repository.path, remote.place, bucket)
    if path is None and place.follower.head.n >= 0 and not look:
        return place
    try:
        if _place_at(remote.url, bucket) != remote.place:
            raise ConflictError(
                "another-place", f"the repository at {remote.url} is not the one that was added as '{remote.name}'"
            )
    except BaseException:
        place.close()
        raise
    return place


def access(repository: Repository | None = None) -> Access:
    """How places are spoken to, as the settings say."""
    return Access(patience=Settings(repository=repository.path if repository else None).number("patience"))


def as_seen(repository: Repository, name: str) -> Place:
    """The place of a remote as it was when it was last heard of: nothing is asked of it. `close` it."""
    remote = Remotes(repository.path).get(name)
    return Place(repository.path, remote.place, MemoryBucket())


def _is_place(path: Path) -> bool:
    return (path / CONFIG).is_file() or (path / FOLDER / CONFIG).is_file()


def _place_in(bucket: Bucket) -> str | None:
    """The id of the place, None if there is none; raises as `read_place` of a config that is damaged."""
    try:
        return read_place(bucket)
    except IntegrityError:
        try:
            bucket.get(CONFIG, 0, CONFIG_SIZE)
        except Missing:
            return None
        raise


def _place_at(url: str, bucket: Bucket) -> str:
    """The id of the place; raises `NotFoundError` (`no-place`), and as `read_place`."""
    place = _place_in(bucket)
    if place is None:
        raise NotFoundError("no-place", f"there is no repository at {url}", hint="art help no-place")
    return place


def _unreachable(url: str, why: str) -> NetworkError:
    return NetworkError("remote-unreachable", f"the remote at {url} cannot be reached: {why}")
