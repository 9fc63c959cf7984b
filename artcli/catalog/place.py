"""Another place, as this machine sees it: a bucket that holds a repository, and the mirror of its log here.

What exists there is asked of the mirror, without the network; `fetch` brings the mirror up to date. A commit there is
what it is everywhere: the next log entry, won by whoever adds it first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from artcli import lock
from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.buckets.probe import FOLDER as PROBES
from artcli.catalog import mirror, repository
from artcli.catalog.afresh import indexes_after
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.following import Follower, Head
from artcli.catalog.kept import Kept
from artcli.catalog.log import Log
from artcli.catalog.repository import CONFIG, SHARED, batches, encode_config, read_place
from artcli.content import Digest, digest_of
from artcli.errors import ArtError, IntegrityError, NetworkError
from artcli.store.pack import PREFIX
from artcli.store.store import Store
from artcli.store.writer import Manner

PUBLISHERS = 4
"""Packs that are on their way to another machine at the same time."""


def open_place(path: Path, bucket: Bucket) -> Place:
    """The place that `bucket` is, as the repository with the `.art` folder `path` sees it; an empty one is made one.

    Raises `IntegrityError` (`damaged-config`, `newer-format`), `ArtError` (`newer-art-needed`).
    """
    if all(item.key.startswith(PROBES) for item in bucket.list("")):
        if isinstance(bucket, DiskBucket):
            bucket.lay_out(SHARED)
        bucket.add(CONFIG, encode_config(os.urandom(16).hex()))
    return Place(path, read_place(bucket), bucket)


def kept_of(path: Path, place: str) -> Kept:
    """The pages and texts of a place that the repository with the `.art` folder `path` keeps."""
    return Kept(mirror.mirror_of(path, place).bucket, mirror.folder_of(path, place))


class Place:
    """An open place; `close` it."""

    def __init__(self, path: Path, place: str, bucket: Bucket) -> None:
        """`path`: the `.art` folder of the repository that sees it; `place`: its id. Nothing is asked of it yet."""
        self.path = path
        self.bucket = bucket
        self._open_mirror(place)
        self.indexes_folder = None if isinstance(bucket, DiskBucket) else path / "cache" / f"place-{place}" / "indexes"
        """What is kept here of its indexes, if it is far away (see `afar`)."""

    def _open_mirror(self, place: str) -> None:
        self.mirror = mirror.mirror_of(self.path, place)
        self.log = Log(self.bucket, place, self.mirror.bucket)
        self.kept = kept_of(self.path, place)
        seen = self.path / "local" / "seen" / f"{place}.mirror"
        self.follower = Follower(self.mirror, mirror.cache_of(self.path, place), seen)
        self.follower.follow()
        self._store: tuple[tuple[list[str], frozenset[Digest]], Store] | None = None

    @property
    def catalog(self) -> Catalog:
        """What exists there, as far as it was fetched."""
        return Catalog(self.follower.database)

    @property
    def store(self) -> Store:
        """The chunks that are there, as far as it was fetched; none counts that is in condemned packs."""
        known = live, condemned = self.catalog.indexes(), self.catalog.condemned()
        if self._store is None or self._store[0] != known:
            renewed = partial(self._live_now, live, self.follower.head)
            self._store = known, Store(self.bucket, live, renewed, remote=self.indexes_folder, condemned=condemned)
        return self._store[1]

    def _live_now(self, live: Sequence[str], head: Head) -> list[str]:
        """The live indexes as its log says now; `live`: what they were after entry `head`. Any thread may ask."""
        return indexes_after(live, self.log.after(*head))

    def fetch(self) -> int:
        """Bring the mirror up to date; how many entries it has more.

        Raises as `mirror.fetch`, and `ConflictError` (`remote-rolled-back`) where its log is another one by now; one
        that is only shorter is noticed by `check`.
        """
        before = self.follower.head
        try:
            news = mirror.fetch(self.log, self.mirror, before) != before
        except IntegrityError:
            self.follower.follow()
            self.check()
            raise
        if news:
            self.follower.follow()
        return self.follower.head.n - before.n

    def has_news(self) -> bool:
        """Whether there is an entry that is not in the mirror; raises as `mirror.has_news`."""
        return mirror.has_news(self.log, self.follower.head)

    def check(self) -> None:
        """Raise `ConflictError` (`remote-rolled-back`) unless the log there still has all that was mirrored."""
        mirror.check_reaches(self.log, self.follower.head)

    def fetch_anew(self) -> Log:
        """Copy the log there, whatever was seen of it before, beside the mirror. Raises as `mirror.fetch`."""
        return mirror.fetch_anew(self.log, self.path)

    def check_whole(self) -> None:
        """As `check`; also raises `IntegrityError` (`damaged-log`) if the log there has a hole behind its end."""
        self.check()
        mirror.check_ends(self.log, self.follower.head)

    def accept_rollback(self) -> None:
        """Let what `fetch_anew` brought be the mirror.

        A repository whose authority this is must read its mirror anew, see `Repository.read_authority_anew`.
        """
        self.follower.close()
        self.follower.forget_mark()
        mirror.replace(self.path, self.log.place)
        self._open_mirror(self.log.place)

    def is_authority_of(self, seen_by: repository.Repository) -> bool:
        """Whether the version numbers of that repository are those that this place gives."""
        authority = seen_by.follower.authority
        return authority is not None and authority.place == self.log.place

    def manner(self, pusher: str) -> Manner:
        """How the repository `pusher` (its place's id) writes packs there.

        Their first bytes follow from who pushes, to where, and from what was condemned there last: a push that begins
        again makes the same packs, but never one that gc may be about to delete.
        """
        condemned = b"".join(sorted(self.catalog.condemned()))
        prefix = digest_of(f"{pusher} {self.log.place} ".encode() + condemned)[:PREFIX]
        is_disk = isinstance(self.bucket, DiskBucket)
        return Manner(reread=is_disk, merges=False, publishers=1 if is_disk else PUBLISHERS, prefix=prefix)

    def has(self, fact_id: str) -> bool:
        """Whether its log holds the fact, as far as it was fetched."""
        found = self.follower.database.execute("SELECT 1 FROM facts WHERE id = ?", (fact_id,))
        return found.fetchone() is not None

    def commit(self, plan: Callable[[], Sequence[Fact]]) -> list[Fact]:
        """Add the facts that `plan()` decides on as the next entry; it is asked again if somebody else was first.

        Of facts that do not fit one entry the first are added, and it is asked for the rest: what it relied on may
        have gone meanwhile. Returns the facts that were added. Raises as `check`.
        """
        self.check()
        made: list[Fact] = []
        while True:
            self.fetch()
            first, *rest = batches(list(plan())) or [[]]
            if first and not self._append(first):
                continue
            made += first
            if not rest:
                return made

    def _append(self, batch: Sequence[Fact]) -> bool:
        head = self.follower.head
        added = self.log.append(head.n + 1, head.digest, batch) is not None
        self.fetch()
        return added

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep the gc of a place that is somebody's working repository away from what the block reads and adds there.

        Raises `LockedError` (`locked`), and `NetworkError` (`remote-unreachable`) if the block fails because the
        directory is gone: a stick was pulled out.
        """
        if not isinstance(self.bucket, DiskBucket):
            yield
            return
        root = self.bucket.root
        try:
            if not (root / "local").is_dir():
                yield
                return
            with lock.held_to_read(root / "local" / "gc.lock", wait=repository.LOCK_WAIT):
                yield
        except (OSError, ArtError) as error:
            if isinstance(error, NetworkError) or (root / CONFIG).is_file():
                raise
            raise NetworkError(
                "remote-unreachable",
                f"the remote at {root} cannot be reached any more: is the disk still there?",
                facts=[str(error)],
            ) from error

    def close(self) -> None:
        self.follower.close()
