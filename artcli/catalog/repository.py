"""A repository: a bucket with a log, the fold that follows it, and what this machine alone keeps beside it.

`commit` is the only way to change one: it reads the log to its end, lets the caller decide on facts in the light of what
is there, and adds them as the next entry; if another process was first, it reads that entry and asks the caller again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.catalog import facts, following, lock
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import check_required
from artcli.catalog.log import ENTRY_SIZE, FORMAT, Log, newer_format
from artcli.content import bound_digest
from artcli.errors import ArtError, IntegrityError, NoRepositoryError
from artcli.store.store import Store

FOLDER = ".art"
LOCK_WAIT = 60.0
"""Seconds that a command waits for gc, or gc for writers."""
BATCH = ENTRY_SIZE - 64 * 1024
"""Bytes of facts that go into one log entry."""

Make = Callable[[Draft], Fact]
Plan = Callable[[Catalog, Make], Sequence[Fact]]


class Repository:
    """An open repository on this machine's disk; `path` is its `.art` folder."""

    def __init__(self, path: Path) -> None:
        """Raises `IntegrityError` (`damaged-config`, `newer-format`) if its `config` cannot be read."""
        self.path = path
        self.bucket: Bucket = DiskBucket(path)
        self.place = _read_place(self.bucket)
        self.log = Log(self.bucket, self.place)
        self.follower = following.Follower(
            self.log, path / "cache" / "catalog.db", path / "local" / "seen" / self.place
        )
        self.catalog = Catalog(self.follower.database)
        self._store: tuple[list[str], Store] | None = None
        check_required(self.follower.database, writing=False)

    @classmethod
    def init(cls, directory: Path) -> tuple[Repository, bool]:
        """The repository in `directory/.art`, made if there is none; True with it if it was made now.

        Nothing outside `.art/` is touched; a start that was cut off is completed.
        """
        path = directory / FOLDER
        if _is_repository(path):
            return cls(path), False
        for name in (
            "tmp",
            "index",
            "log/0000000",
            "segments",
            "cache",
            "local",
            *(f"packs/{i:02x}" for i in range(256)),
        ):
            (path / name).mkdir(parents=True, exist_ok=True)
        (path / ".gitignore").write_text("*\n")
        DiskBucket(path).add("config", _encode_place(os.urandom(16).hex()))
        return cls(path), True

    @classmethod
    def open(cls, start: Path, named: Path | None = None) -> Repository:
        """The repository of `start` or of the nearest folder above it; `named` is a `.art` folder given outright.

        Raises `NoRepositoryError` (`no-repository`).
        """
        if named is not None:
            if not _is_repository(named):
                raise NoRepositoryError("no-repository", f"no art repository at {named}", hint="art init")
            return cls(named)
        start = start.absolute()
        for folder in (start, *start.parents):
            if _is_repository(folder / FOLDER):
                return cls(folder / FOLDER)
        raise NoRepositoryError(
            "no-repository",
            f"not inside an art repository: {start}",
            hint="art init   (makes one in this directory)",
        )

    @property
    def store(self) -> Store:
        """The chunks that the live indexes name, as of the last `refresh`."""
        live = self.catalog.indexes()
        if self._store is None or self._store[0] != live:
            self._store = live, Store(self.bucket, live)
        return self._store[1]

    def refresh(self) -> None:
        """Follow the log to its end."""
        self.follower.follow()

    def commit(self, plan: Plan) -> list[Fact]:
        """Add the facts that `plan(catalog, make)` decides on; it is asked again whenever another process was first.

        Facts beyond one log entry's size go into several, in order, each whole. Returns the facts that were added.
        """
        check_required(self.follower.database, writing=True)
        actor, machine = facts.this_actor(), facts.this_machine()
        while True:
            self.refresh()
            made = list(plan(self.catalog, lambda draft: facts.make(draft, actor, machine)))
            batches = _batches(made)
            if not batches or self._append(batches[0]):
                for batch in batches[1:]:
                    while not self._append(batch):
                        self.refresh()
                return made

    def _append(self, batch: Sequence[Fact]) -> bool:
        n, digest = self.follower.head
        entry = self.log.append(n + 1, digest, batch)
        if entry is not None:
            self.follower.advance(entry)
        return entry is not None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep gc away from what the block puts into packs until a fact names it."""
        with lock.held(self.path / "local" / "gc.lock", alone=False, wait=LOCK_WAIT):
            self.refresh()
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every writer away."""
        with lock.held(self.path / "local" / "gc.lock", alone=True, wait=LOCK_WAIT):
            self.refresh()
            yield

    def close(self) -> None:
        self.follower.close()


def _batches(made: Sequence[Fact]) -> list[list[Fact]]:
    batches: list[list[Fact]] = []
    size = BATCH
    for fact in made:
        size += len(fact.line) + 1
        if size > BATCH:
            batches.append([])
            size = len(fact.line) + 1
        batches[-1].append(fact)
    return batches


def _is_repository(path: Path) -> bool:
    return (path / "config").is_file() and (path / "log").is_dir()


def _encode_place(place: str) -> bytes:
    body = json.dumps({"format": FORMAT, "place": place, "created": facts.timestamp(time.time()), "required": []})
    return (body + "\n" + json.dumps({"checksum": bound_digest("config", body.encode()).hex()}) + "\n").encode()


def _read_place(bucket: Bucket) -> str:
    try:
        body, checksum = bucket.get("config").decode().splitlines()
        found = json.loads(body)
        if json.loads(checksum) != {"checksum": bound_digest("config", body.encode()).hex()}:
            raise ValueError("checksum does not match")
        format, required, place = found["format"], found["required"], str(found["place"])
    except Missing:
        raise IntegrityError(
            "damaged-config", "the repository's config is gone", hint="art help damaged-config"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            "damaged-config", f"the repository's config is damaged: {error}", hint="art help damaged-config"
        ) from error
    if format != FORMAT:
        raise newer_format(format)
    if required:
        raise ArtError(
            "newer-art-needed",
            f"this repository needs an art that knows {required}",
            hint="pipx upgrade artcli",
        )
    return place
