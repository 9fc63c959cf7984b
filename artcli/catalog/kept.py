"""Pages and texts of another place that are kept beside the mirror of its log, so that they can be read without it.

    mirrors/<place id>/packs, index     a store of its own: its live indexes are those that are there
    mirrors/<place id>/kept             up to which log entry it was brought: a number

They are apart from the repository's own store, where a page stands for all below it: of these the chunks of files are
elsewhere. Whatever of it is lost is fetched again.
"""

from __future__ import annotations

import os
from pathlib import Path

from artcli.buckets.bucket import Bucket
from artcli.store.index import index_key
from artcli.store.store import Store
from artcli.store.writer import Flushed


class Kept:
    """What is kept of one place."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        """`bucket`: that of the mirror, in `folder`."""
        self._bucket = bucket
        self._mark = folder / "kept"
        self._store: tuple[list[str], Store] | None = None

    def store(self) -> Store:
        """The chunks that are kept now."""
        names = self._names()
        if self._store is None or self._store[0] != names:
            self._store = names, Store(self._bucket, names, self._names)
        return self._store[1]

    def _names(self) -> list[str]:
        return [item.key.rpartition("/")[2] for item in self._bucket.list("index/")]

    @property
    def mark(self) -> int:
        """The last entry of the log whose facts were looked at; -1: none was."""
        try:
            return int(self._mark.read_text())
        except (OSError, ValueError):
            return -1  # never written, or torn by a power cut: what is there is not brought twice

    def keep(self, flushed: Flushed, mark: int | None = None) -> None:
        """Count on what was written, up to entry `mark`: indexes that were merged into new ones go."""
        for name in flushed.remove:
            self._bucket.delete(index_key(name))
        if mark is not None:
            self.looked_at(mark)

    def looked_at(self, mark: int) -> None:
        """Nothing more is to be brought for the facts up to entry `mark`."""
        fresh = self._mark.with_name(f"{self._mark.name}.{os.getpid()}")
        fresh.write_text(str(mark))
        os.replace(fresh, self._mark)
