"""The working copies of a repository: which directory of this machine holds which version.

One small file a directory in `.art/local/copies/`. They serve `status`; what a directory really holds is decided by its
files alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import facts
from artcli.catalog.catalog import Version
from artcli.content import digest_of


class Copy(NamedTuple):
    path: Path
    version: str
    """Fact id of the version."""
    ref: str
    """What it was called when it was used."""
    whole: bool
    """All of the version, not a part."""
    time: str


def remember(repository: Path, directory: Path, version: Version, whole: bool) -> None:
    """Note that `directory` holds `version`."""
    file = _file(repository, directory)
    body = {
        "path": os.fspath(directory),
        "version": version.id,
        "ref": version.ref,
        "whole": whole,
        "time": facts.timestamp(time.time()),
    }
    text = json.dumps(body)
    if _same(file, body):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(text, errors="surrogateescape")
    os.replace(fresh, file)


def forget(repository: Path, directory: Path) -> None:
    """Forget what `directory` held."""
    _file(repository, directory).unlink(missing_ok=True)


def all_copies(repository: Path) -> Iterator[Copy]:
    """The remembered working copies whose directory is still there, by path; the others are forgotten."""
    folder = repository / "local" / "copies"
    found = [copy for file in folder.glob("*.json") if (copy := _read(file))]
    for copy in sorted(found, key=lambda copy: copy.path):
        if copy.path.is_dir():
            yield copy
        else:
            forget(repository, copy.path)


def copy_at(repository: Path, directory: Path) -> Copy | None:
    """What `directory` was made to hold."""
    return _read(_file(repository, directory))


def _file(repository: Path, directory: Path) -> Path:
    return repository / "local" / "copies" / f"{digest_of(os.fsencode(directory.absolute()))[:16].hex()}.json"


def _read(file: Path) -> Copy | None:
    try:
        body = json.loads(file.read_text(errors="surrogateescape"))
        return Copy(Path(body["path"]), body["version"], body["ref"], bool(body["whole"]), body["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # torn by a power cut: a working copy less in a list


def _same(file: Path, body: dict[str, object]) -> bool:
    known = _read(file)
    return known is not None and (known.version, known.whole) == (body["version"], body["whole"])
