"""A bundle is made: what some versions need, less what the other side has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.bundle import BundleBeingMade
from artcli.catalog import facts, mirror
from artcli.catalog.catalog import Catalog, Event, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.following import START
from artcli.catalog.log import GENESIS, Log
from artcli.catalog.manifest import walk_batches
from artcli.catalog.place import Place
from artcli.catalog.repository import CONFIG, Repository, batches, encode_config
from artcli.content import Buffer, Digest
from artcli.errors import UsageError
from artcli.files.fresh import check_free, fresh_file
from artcli.flows.bundle.header import HEADER, MOST_NAMED, Header, Named, encoded, mirrored, named
from artcli.flows.transfer.cargo import Selection, everything, needs, shared
from artcli.flows.transfer.copying import Copying, Price
from artcli.progress import Progress, Silent
from artcli.store.store import Store
from artcli.store.writer import Flushed, Manner
from artcli.threads import worker_count


class Made(NamedTuple):
    """What went into a bundle."""

    versions: list[Named]
    since: list[Named]
    facts: int
    chunks: int
    stored: int
    """Bytes of the chunks, as stored."""
    size: int
    """Bytes of the file."""


def create(
    repository: Repository,
    path: Path,
    versions: Sequence[Version],
    *,
    since: Sequence[Version] = (),
    place: Place | None = None,
    progress: Progress | None = None,
) -> Made:
    """Make the file `path` of `versions`, or where there are none, of all that `place` lacks.

    `since`: versions that the other side has. `place`: it also has what this place had when it was last heard of.
    Raises `ConflictError` (`destination-not-empty`), `UsageError` (`nothing-to-bundle`), `IntegrityError`, and
    `SpaceError`.
    """
    told = progress or Silent()
    check_free(path)
    with repository.reading():
        repository.refresh()
        with closing(_Making(repository, versions, since, place, told)) as made, fresh_file(path) as fd:
            return made.write(fd)


def _held(repository: Repository, theirs: Catalog) -> list[Version]:
    """The versions of another place, as far as its log was fetched, whose pages are here."""
    found = [repository.catalog.version(version.id) for version in theirs.versions()]
    return [version for version in found if version is not None and version.root.page in repository.store]


class _Making:
    def __init__(
        self,
        repository: Repository,
        versions: Sequence[Version],
        since: Sequence[Version],
        place: Place | None,
        progress: Progress,
    ) -> None:
        self.repository = repository
        self.catalog = repository.catalog
        self.since = since
        self.place = place
        self.progress = progress
        self.selection = Selection.of(self.catalog, versions) if versions else None
        self.versions = list(versions) or self._lacking_versions()
        self.there = _There()

    def close(self) -> None:
        self.there.close()

    def _lacking_versions(self) -> list[Version]:
        if self.place is None:
            raise UsageError("nothing-to-bundle", "say which versions", hint="art bundle create trip.artb model:latest")
        return [version for version in self.catalog.versions() if not self.place.has(version.id)]

    def _events(self) -> list[Event]:
        """The facts that go in, in the order of the fold."""
        chosen = self.selection
        events = (event for event in shared(self.catalog.events()) if chosen is None or chosen.has(event))
        if self.place is None or chosen is not None:
            return list(events)
        return [event for event in events if not self.place.has(event.fact.id)]

    def write(self, fd: int) -> Made:
        events = self._events()
        if not events:
            raise UsageError("nothing-to-bundle", "there is nothing that the other side lacks", hint="art log")
        self.progress.phase("comparing")
        held = _held(self.repository, self.place.catalog) if self.place is not None else []
        self.there.fill(self._own_store(), [*self.since, *held])
        bundle, place = BundleBeingMade(fd), os.urandom(16).hex()
        bundle.add(CONFIG, encode_config(place))
        flushed, price = self._copy(bundle, [event.fact for event in events])
        self._commit(bundle, place, flushed, [event.fact for event in events])
        numbers = self._keep_numbers(bundle)
        remote = self.place.log.place if self.place is not None else None
        header = Header(place, numbers, remote, named(self.since), named(self.versions[:MOST_NAMED]))
        bundle.add(HEADER, encoded(header))
        bundle.finish()
        return Made(header.versions, header.since, len(events), price.chunks, flushed.stored, bundle.size)

    def _own_store(self) -> Store:
        """What is here, and nothing that would have to be fetched."""
        return Store(self.repository.bucket, self.catalog.indexes())

    def _copy(self, bundle: BundleBeingMade, carried: Sequence[Fact]) -> tuple[Flushed, Price]:
        needed = needs(self.catalog, carried) if self.selection is None else everything(self.catalog, self.selection)
        store = Store(bundle, ())
        with store.writer(Manner(merges=False)) as writer:
            copying = Copying(self.repository.store, self.there.lacking, writer, self.progress, workers=worker_count())
            with copying:
                price = copying.plan(needed)
                self.progress.phase("bundling", size=price.stored)
                copying.carry_out()
            return writer.flush(), price

    def _commit(self, bundle: BundleBeingMade, place: str, flushed: Flushed, carried: Sequence[Fact]) -> None:
        draft = Draft("index", {"add": flushed.add, "remove": flushed.remove})
        index = [facts.make(draft, facts.this_actor(), facts.this_machine())] if flushed.add else []
        log, digest = Log(bundle, place), GENESIS
        for n, batch in enumerate(batches([*index, *carried])):
            entry = log.append(n, digest, batch)
            assert entry is not None
            digest = entry.digest

    def _keep_numbers(self, bundle: BundleBeingMade) -> str:
        """Copy the log that gives the numbers; returns whose it is. An authority that is empty gives none yet."""
        authority = self.repository.follower.authority
        log = authority if authority is not None and authority.read(0) is not None else self.repository.log
        mirror.fetch(log, mirrored(bundle, log.place), START)
        return log.place


class _There:
    """The pages and chunks that the other side has: on the disk, however many they are."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE there (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def close(self) -> None:
        self._database.close()

    def fill(self, store: Store, versions: Sequence[Version]) -> None:
        """What these versions need, as far as their pages are in `store`."""
        roots = [version.root.page for version in versions if version.root.page in store]

        def read(pages: Sequence[Digest]) -> dict[Digest, Buffer]:
            return dict(store.read(pages, workers=worker_count()))

        for reached in walk_batches(read, dict.fromkeys(roots), self.lacking):
            found = [(one.page,) for one in reached] + [(digest,) for one in reached for digest, _ in one.chunks]
            self._database.executemany("INSERT OR IGNORE INTO there VALUES (?)", found)

    def lacking(self, digests: Sequence[Digest]) -> Collection[Digest]:
        """Those of `digests` that it has not."""
        asked = "SELECT 1 FROM there WHERE digest = ?"
        return {digest for digest in digests if self._database.execute(asked, (digest,)).fetchone() is None}
