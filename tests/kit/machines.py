"""Machines that share a place, all of it in memory but what each machine keeps for itself, so that buckets can fail.

    world = World(directory, ["car", "laptop"])
    with world.open("car") as car:
        car.log("d", {"a": b"1"})
        car.push()

The place is made by whoever opens it first. What is in the buckets and directories can be photographed and told again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artcli.buckets.bucket import Bucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.catalog import Version
from artcli.catalog.place import Place, open_place
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import SHARED, Repository
from artcli.files.sources import Source
from artcli.flows.log_artifact import Request, log_artifact
from artcli.flows.transfer import Transferred, fetch, pull, push
from tests.kit import trees
from tests.kit.trees import Tree

PROJECT = "uncategorized"
PLACE = "nas"

Wrap = Callable[[Bucket], Bucket]


def as_it_is(bucket: Bucket) -> Bucket:
    return bucket


class Machine:
    """An open repository, and the place as it sees it."""

    def __init__(self, home: Path, own: Bucket, shared: Bucket) -> None:
        self.home = home
        self.art = home / ".art"
        self._own, self._shared = own, shared
        self.repository = Repository(self.art, own)
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        """The place, opened when it is first needed, and then the authority."""
        if self._place is None:
            self._place = open_place(self.art, self._shared)
            if not Remotes(self.art).all:
                Remotes(self.art).add(Remote(PLACE, "memory", self._place.log.place))
                self._place.fetch()
                self.reopen()
        return self._place

    def reopen(self) -> None:
        self.repository.close()
        self.repository = Repository(self.art, self._own)

    def log(self, name: str, tree: Tree, **more: Any) -> Version:
        folder = self.home / "data"
        trees.plant(folder, tree)
        request = Request(name, PROJECT, [Source(bytes(folder))], workers=1, allow_empty=True, **more)
        logged = log_artifact(self.repository, request)
        assert logged.version is not None
        return logged.version

    def push(self) -> Transferred:
        place = self.place  # first: the repository may be opened again
        return push(self.repository, place)

    def fetch(self) -> Transferred:
        place = self.place
        done = fetch(self.repository, place)
        self.reopen()
        return done

    def pull(self) -> Transferred:
        place = self.place
        done = pull(self.repository, place)
        self.reopen()  # if this was the first fetch, there is an authority only now
        return done

    def close(self) -> None:
        if self._place is not None:
            self._place.close()
        self.repository.close()


class World:
    """Machines by name, and the bucket that is the place of all."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self.directory = directory
        self.shared = MemoryBucket()
        self.own = {name: MemoryBucket() for name in names}
        for name, bucket in self.own.items():
            home = directory / name
            home.mkdir(parents=True)
            repository, _ = Repository.init(home)
            repository.close()
            bucket.add("config", (home / ".art/config").read_bytes())
            for folder in SHARED:
                shutil.rmtree(home / ".art" / folder, ignore_errors=True)

    @contextmanager
    def open(self, name: str, own: Wrap = as_it_is, shared: Wrap = as_it_is) -> Iterator[Machine]:
        """The machine at work; its own bucket and the shared one as `own` and `shared` wrap them."""
        machine = Machine(self.directory / name, own(self.own[name]), shared(self.shared))
        try:
            yield machine
        finally:
            machine.close()

    @contextmanager
    def open_place(self) -> Iterator[Repository | None]:
        """The place itself as a repository, for whoever wants to look into it; None if there is none yet."""
        folder = self.directory / "look"
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("cache", "local"):
            (folder / ".art" / name).mkdir(parents=True)
        if not any(True for _ in self.shared.list("config")):
            yield None
            return
        repository = Repository(folder / ".art", self.shared)
        try:
            yield repository
        finally:
            repository.close()

    # --- photographs ---

    def photograph(self, directory: Path) -> World:
        """The same world once more, in another directory, which is not within its own."""
        assert not directory.is_relative_to(self.directory), "the next copy would hold this one, too"
        copy = object.__new__(World)
        copy.directory = directory
        shutil.copytree(self.directory, directory, symlinks=True)
        copy.shared = copied(self.shared)
        copy.own = {name: copied(bucket) for name, bucket in self.own.items()}
        return copy


def copied(bucket: MemoryBucket) -> MemoryBucket:
    copy = MemoryBucket()
    for item in bucket.list(""):
        copy.add(item.key, bucket.get(item.key))
    return copy
