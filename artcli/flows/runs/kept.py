"""Files that were kept with a run, read."""

from __future__ import annotations

import os
from pathlib import Path

from artcli.catalog import manifest
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.errors import NotFoundError
from artcli.flows import contents
from artcli.threads import worker_count


def read(repository: Repository, run: str, name: str, most: float = float("inf")) -> bytes:
    """The content of a file of the run, one of `view.files`; nothing of it is read if it has more bytes than `most`.

    Raises `NotFoundError` (`no-such-path`), and `IntegrityError` where a chunk is missing or damaged.
    """
    for where in reversed(journal.file_places(repository, run)):
        if isinstance(where, Path):
            try:
                _check((where / name).stat().st_size, most)
                return (where / name).read_bytes()
            except FileNotFoundError:
                continue
        with repository.reading():
            store = repository.store
            entry = manifest.find(store, manifest.load_root(store, where), os.fsencode(name))
            if entry is not None:
                _check(entry.size, most)
                return b"".join(contents.file(store, store, entry, workers=worker_count()))
    raise NotFoundError("no-such-path", f"run {run} has no file {name!r}", hint="art run show")


def _check(size: int, most: float) -> None:
    if size > most:
        raise NotFoundError("no-such-path", f"a file of {size:,} bytes, and at most {most:,.0f} are shown")
