"""What a server serves: one place, or those below a folder; each a bucket, and what this machine keeps beside it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli import lock
from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.catalog import repository
from artcli.catalog.repository import CONFIG, FOLDER, OWN, SHARED, encode_config, read_place
from artcli.errors import NotFoundError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""The name of one of several places, as it stands in a URL."""


class Served:
    """One place. `path`: a folder of this machine for what is not shared (`local/`, `cache/`)."""

    def __init__(self, bucket: Bucket, path: Path) -> None:
        """A bucket without a config is made a place.

        Raises as `read_place`.
        """
        self.bucket = bucket
        self.path = path
        if _is_new(bucket):
            if isinstance(bucket, DiskBucket):
                bucket.lay_out(SHARED)
            bucket.add(CONFIG, encode_config(os.urandom(16).hex()))
        self.place = read_place(bucket)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep the gc of a working repository away from what the block adds; raises `LockedError`."""
        if not isinstance(self.bucket, DiskBucket) or not (self.path / "local").is_dir():
            yield
            return
        with lock.held_to_read(self.path / "local" / "gc.lock", wait=repository.LOCK_WAIT):
            yield


def folder_of(path: Path) -> Path:
    """The folder that holds the place at `path`: a repository, its `.art`, the directory of a remote, or an empty one.

    Raises `NotFoundError` (`no-place`).
    """
    for folder in (path, path / FOLDER):
        if (folder / CONFIG).is_file() or (folder / "log").is_dir():
            return folder
    if path.is_dir() and all(found.name in OWN for found in path.iterdir()):
        return path
    several = path.is_dir() and any(found.is_dir() for found in path.iterdir())
    facts = ["if each folder of it is one: art serve --many, and tokens --at DIR/FOLDER"] if several else []
    raise NotFoundError("no-place", f"there is no repository to serve at {path}", facts=facts, hint="art init")


def _is_new(bucket: Bucket) -> bool:
    """Whether nothing is there yet: a place that has lost its config is not made anew."""
    try:
        bucket.get(CONFIG, 0, 1)
        return False
    except Missing:
        return next(bucket.list("log/"), None) is None


class One:
    """A server of one place, whose paths begin with `/v1`."""

    is_several = False

    def __init__(self, served: Served) -> None:
        self._served = served
        self.own = served.path
        """Where what is the server's own is kept."""

    def find(self, name: str) -> Served | None:
        """The place of this name, which is empty."""
        return None if name else self._served


class Several:
    """A server of the places that are folders of `directory`: their paths begin with `/<name>/v1`."""

    is_several = True

    def __init__(self, directory: Path) -> None:
        """Raises `NotFoundError` (`no-place`)."""
        if not directory.is_dir():
            raise NotFoundError("no-place", f"there is no directory {directory}", hint="art serve --help")
        self._directory = directory
        self.own = directory
        """Where what is the server's own is kept."""
        self._open: dict[str, Served] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> Served | None:
        """The place of this name, None if there is none; an empty folder is made a place."""
        if not NAME.fullmatch(name):
            return None
        with self._lock:
            if name not in self._open:
                path = self._directory / name
                if path.is_symlink() or not path.is_dir():
                    return None
                try:
                    folder = folder_of(path)
                except NotFoundError:
                    return None  # some other folder
                self._open[name] = Served(DiskBucket(folder), folder)
            return self._open[name]


Places = One | Several
