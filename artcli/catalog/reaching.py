"""Where chunks may be that a repository has not: what is kept here of its remotes, then these themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from artcli.buckets.urls import Access, open_bucket
from artcli.catalog.mirror import is_mirrored
from artcli.catalog.place import Place, kept_of
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import read_place
from artcli.errors import ArtError, CommError, ConflictError, NetworkError
from artcli.settings import Settings
from artcli.store.store import Store


def stores_elsewhere(path: Path) -> Iterator[Store]:
    """The stores to ask for a chunk that the repository with the `.art` folder `path` has not, the authority's first.

    A remote that cannot be reached is passed over; `NetworkError` (`bytes-elsewhere`) is raised after the last one, or
    if there is none though another place gives the numbers: what is known from a bundle may be nowhere near.
    """
    remotes = Remotes(path)
    ordered = sorted(remotes.all, key=lambda remote: (remote.place != remotes.authority, remote.name))
    for place in dict.fromkeys([*filter(None, [remotes.authority]), *(remote.place for remote in ordered)]):
        if is_mirrored(path, place):
            yield kept_of(path, place).store()
    if not ordered:
        raise NetworkError(
            "bytes-elsewhere", "what is asked for is not here, and there is no remote that may have it",
            hint="art remote add NAME URL",
        )  # fmt: skip
    failures: list[tuple[Remote, ArtError]] = []
    for remote in ordered:
        try:
            found = open_to_read(path, remote)
        except (CommError, ConflictError) as error:
            failures.append((remote, error))
            continue
        yield found.store
    if failures:
        names = ", ".join(remote.name for remote, _ in failures)
        raise NetworkError(
            "bytes-elsewhere",
            f"what is asked for is not here, and where it may be cannot be reached: {names}",
            facts=[error.message for _, error in failures],
            hint="art help bytes-elsewhere",
        )


def open_to_read(path: Path, remote: Remote) -> Place:
    """The place of a remote, its log read to the end; raises `CommError` and `ConflictError` (`another-place`)."""
    patience = Settings(repository=path).number("patience")
    bucket = open_bucket(remote.url, access=Access(patience=patience))
    if read_place(bucket) != remote.place:
        raise ConflictError(
            "another-place", f"the repository at {remote.url} is not the one that was added as '{remote.name}'"
        )
    place = Place(path, remote.place, bucket)
    place.fetch()
    return place
