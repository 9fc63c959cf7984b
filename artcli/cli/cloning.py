"""A new repository that is to be a clone: until it is whole it says of what, so that the same command ends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli.catalog.repository import CONFIG, FOLDER, Repository
from artcli.errors import ConflictError

BEGUN = "local/clone-of"


@contextmanager
def begun(target: Path, source: str, look: Callable[[], None]) -> Iterator[Path]:
    """The `.art` folder of the repository in `target`, made for the block; it is whole once that has ended well.

    Before anything is made, `look` raises if there is nothing to be cloned at `source`. Raises `ConflictError`
    (`destination-not-empty`) if there is a repository that was not begun for it.
    """
    path, said = target / FOLDER, os.fsencode(source)
    mark = path / BEGUN
    if (path / CONFIG).exists() and not (mark.is_file() and mark.read_bytes() == said):
        raise ConflictError("destination-not-empty", f"there is a repository already: {target}", hint="art pull")
    look()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(said)
    made, _ = Repository.init(target)
    made.close()
    yield path
    mark.unlink()
