"""A repository: a bucket with a log, the fold that follows it, and what this machine alone keeps beside it.

`commit` is the only way to change one: it reads the log to its end, lets the caller decide on facts in the light of
what is there, and adds them as the next entry; if another process was first, it reads that entry and asks again.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artcli import lock
from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.catalog import facts, following
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import check_required
from artcli.catalog.log import ENTRY_SIZE, FORMAT, Log, decode, entry_key, newer_format
from artcli.catalog.mirror import cache_of, is_mirrored, mirror_of
from artcli.catalog.opened import Opened
from artcli.catalog.remotes import Remotes
from artcli.content import Digest, bound_digest
from artcli.errors import ArtError, ConflictError, IntegrityError, NoRepositoryError
from artcli.store.layered import Layered
from artcli.store.store import Store

FOLDER = ".art"
SHARED = ("index", "log", "log/0000000", "segments", "packs", *(f"packs/{number:02x}" for number in range(256)))
"""Folders of what is shared: there and durable from the first day, so that no later command pays for that."""
OWN = ("tmp", "cache", "local")
CONFIG = "config"
CONFIG_SIZE = 64 * 1024
_PLACE = re.compile(r"[0-9a-f]{32}")
LOCK_WAIT = 60.0
"""Seconds that a command waits for gc, or gc for writers."""
BATCH = ENTRY_SIZE - 64 * 1024
"""Bytes of facts that go into one log entry."""

Make = Callable[[Draft], Fact]
Plan = Callable[[Catalog, Make], Sequence[Fact]]


class Repository:
    """An open repository on this machine's disk; `path` is its `.art` folder."""

    def __init__(self, path: Path, bucket: Bucket | None = None) -> None:
        """Opens it and reads its log to the end; `bucket`: another way to the bytes in `path` than the disk's own.

        Raises `IntegrityError` (`damaged-config`, `damaged-log`, `log-rolled-back`, `newer-format`), `ArtError`
        (`newer-art-needed`).
        """
        self.path = path
        self.bucket: Bucket = bucket or DiskBucket(path, durable=SHARED)
        self.place = read_place(self.bucket)
        self.log = Log(self.bucket, self.place)
        authority = _authority(path)
        self.follower = following.Follower(
            self.log, path / "cache" / "catalog.db", path / "local" / "seen" / self.place, authority,
            aside=cache_of(path, authority.place) if authority else None,
        )  # fmt: skip
        self.actor: str | None = None
        """Who makes the facts, where that is not who runs this program."""
        self.opened = Opened(path)
        self._store: tuple[list[str], Store] | None = None
        self._counted_on: frozenset[Digest] | None = None
        """The packs that were condemned when the writing began that is going on now."""
        self.refresh()

    @classmethod
    def init(cls, directory: Path) -> tuple[Repository, bool]:
        """The repository in `directory/.art`, made if there is none; True with it if it was made now.

        Nothing outside `.art/` is touched; a start that was cut off is completed. Raises as the constructor does:
        a repository that lost its config is not made anew.
        """
        path = directory / FOLDER
        if _is_repository(path):
            return cls(path), False
        bucket = DiskBucket(path, create=True)
        bucket.lay_out(SHARED)
        for name in OWN:
            (path / name).mkdir(exist_ok=True)
        (path / ".gitignore").write_text("*\n")
        bucket.add("config", encode_config(os.urandom(16).hex()))
        return cls(path), True

    @classmethod
    def open(cls, start: Path, named: Path | None = None) -> Repository:
        """The repository of `start` or of the nearest folder above it; `named` is a `.art` folder given outright.

        Raises `NoRepositoryError` (`no-repository`), and as the constructor does.
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
    def catalog(self) -> Catalog:
        """What exists, as of the last `refresh` or `commit`."""
        return Catalog(self.follower.database)

    @property
    def store(self) -> Store:
        """The chunks that the live indexes name, as of the last `refresh`; those that are elsewhere are read there."""
        live = self.catalog.indexes()
        if self._store is None or self._store[0] != live:
            store = self.layered(self._elsewhere) if self.is_shared else Store(self.bucket, live, self._live_now)
            self._store = live, store
        return self._store[1]

    def provisional(self) -> set[str]:
        """Ids of versions that the authority has not yet, so that their numbers may change; none without one."""
        if self.follower.authority is None:
            return set()
        rows = self.follower.database.execute("SELECT id FROM facts WHERE NOT settled AND kind = 'version'")
        return {row[0] for row in rows}

    @property
    def is_shared(self) -> bool:
        """Whether other places are known: then not all that is in the catalogue need be here."""
        return Remotes(self.path).is_shared

    def note_base(self, page: Digest, bases: Iterable[Digest]) -> None:
        """Note that not all below the root page `page` is here if that is so of one of `bases`, of which it is made."""
        opened = self.opened.roots()
        if self.is_shared and page not in opened and any(base in opened or base not in self.store for base in bases):
            self.opened.open(page)

    def layered(self, others: Callable[[], Iterator[Store]]) -> Layered:
        """The own chunks, above these other stores."""
        return Layered(self.bucket, self.catalog.indexes(), self._live_now, others)

    def _elsewhere(self) -> Iterator[Store]:
        from artcli.catalog.reaching import stores_elsewhere

        return stores_elsewhere(self.path)

    def _live_now(self) -> list[str]:
        """The live indexes as the log says now; any thread may ask, whatever goes on in the database."""
        from artcli.catalog.afresh import fold_afresh

        database = fold_afresh(self.log).database
        try:
            return Catalog(database).indexes()
        finally:
            database.close()

    def refresh(self) -> None:
        """Follow the log to its end; raises as the constructor does."""
        self.follower.follow()
        check_required(self.follower.database, writing=False)

    def read_authority_anew(self) -> None:
        """The mirror of the authority was replaced: see `Place.accept_rollback`."""
        self.follower.read_anew(_authority(self.path))

    def commit(self, plan: Plan) -> list[Fact]:
        """Add the facts that `plan(catalog, make)` decides on; it is asked again whenever another process was first.

        The plan sees the catalog as of one log entry, and its facts are the next one. Facts beyond one log entry's size
        go into several, in order, each whole. Returns the facts that were added.
        """
        actor, machine = self.actor or facts.this_actor(), facts.this_machine()
        while True:
            self.refresh()
            check_required(self.follower.database, writing=True)
            with self.follower.snapshot() as head:
                self._check_counted_on()
                made = list(plan(self.catalog, lambda draft: facts.make(draft, actor, machine)))
            first, *rest = batches(made) or [[]]
            if not first or self.follower.commit(head, first):
                for batch in rest:
                    while not self.follower.commit(self.follower.head, batch):
                        self.refresh()
                return made

    def _check_counted_on(self) -> None:
        if self._counted_on is not None and self.catalog.condemned() != self._counted_on:
            raise ConflictError(
                "condemned-meanwhile",
                "gc, at work from elsewhere, has condemned packs that this command may have counted on",
                hint="do it again",
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep gc away from what the block puts into packs until a fact names it.

        A gc that came through a server, or from another machine, is not kept away: what is committed in the block
        raises `ConflictError` (`condemned-meanwhile`) if it has condemned packs since.
        """
        with lock.held(self.path / "local" / "gc.lock", alone=False, wait=LOCK_WAIT):
            self.refresh()
            before, self._counted_on = self._counted_on, self.catalog.condemned()
            try:
                yield
            finally:
                self._counted_on = before

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep gc away from the packs that the block reads."""
        with lock.held_to_read(self.path / "local" / "gc.lock", wait=LOCK_WAIT):
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


def batches(made: Sequence[Fact]) -> list[list[Fact]]:
    """The facts in order, in lists that each fit one log entry."""
    found: list[list[Fact]] = []
    size = BATCH
    for fact in made:
        size += len(fact.line) + 1
        if size > BATCH:
            found.append([])
            size = len(fact.line) + 1
        found[-1].append(fact)
    return found


def _authority(path: Path) -> Log | None:
    """The mirror of the authority's log, if there is an authority that was ever fetched."""
    place = Remotes(path).authority
    return mirror_of(path, place) if place and is_mirrored(path, place) else None


def _is_repository(path: Path) -> bool:
    # a log without its config is a damaged repository, and no place for a new one
    return (path / CONFIG).is_file() or (path / entry_key(0)).is_file()


def repair_config(path: Path) -> str | None:
    """Make the config of the repository `path` anew from its log, if it is gone; returns the place's id then.

    A damaged config must be moved away first. Raises `IntegrityError` (`damaged-log`) if the log cannot tell.
    """
    bucket = DiskBucket(path)
    try:
        place = decode(0, bucket.get(entry_key(0), 0, ENTRY_SIZE + 1)).place
    except Missing:
        raise IntegrityError("damaged-log", "the log of this repository has no beginning", hint="art fsck") from None
    return place if bucket.add(CONFIG, encode_config(place)) else None


def encode_config(place: str) -> bytes:
    """The config of the place of this id."""
    body = json.dumps({"format": FORMAT, "place": place, "created": facts.timestamp(time.time()), "required": []})
    return (body + "\n" + json.dumps({"checksum": bound_digest(CONFIG, body.encode()).hex()}) + "\n").encode()


def read_place(bucket: Bucket) -> str:
    """The place's id in the config; raises `IntegrityError` (`damaged-config`, `newer-format`), `ArtError`."""
    try:
        data = bucket.get(CONFIG, 0, CONFIG_SIZE)
        body, checksum, end = data.split(b"\n")
        if end or json.loads(checksum) != {"checksum": bound_digest(CONFIG, body).hex()}:
            raise ValueError("its checksum does not match")
        found = json.loads(body)
        format, required, place = found["format"], found["required"], found["place"]
        if not _PLACE.fullmatch(place):
            raise ValueError("it names no place")
    except Missing:
        raise _damaged_config("is gone") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged_config("is damaged: it is not what art writes there") from error
    if format != FORMAT:
        raise newer_format(format)
    if required:
        raise ArtError(
            "newer-art-needed", f"this repository needs an art that knows {required}", hint="pipx upgrade artcli"
        )
    return str(place)


def _damaged_config(how: str) -> IntegrityError:
    return IntegrityError("damaged-config", f"the repository's config {how}", hint="art help damaged-config")
