"""What a name meant here before others' versions came first: remembered until somebody asks for it by that name.

It is told then, once. `local/renumbered.json`: `project/name:vN` to the id of the version that it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from artcli.buckets.replacing import replace
from artcli.catalog.catalog import Version
from artcli.catalog.repository import Repository

_FILE = "renumbered.json"


def remember(path: Path, renumbered: Sequence[tuple[Version, Version]]) -> None:
    """Versions of the repository with the `.art` folder `path` were those, and are these now."""
    known = dict(_read(path))
    for before, after in renumbered:
        known[f"{before.project}/{before.ref}"] = after.id
    _write(path, known)


def meant_before(repository: Repository, version: Version) -> str | None:
    """A sentence, once, if the name of `version` meant another one here before it was renumbered."""
    known = dict(_read(repository.path))
    id = known.pop(f"{version.project}/{version.ref}", None)
    if id is None:
        return None
    _write(repository.path, known)
    other = repository.catalog.version(id)
    if other is None or other.id == version.id:
        return None
    return f"{version.ref} was another version here, before others' came first: that is {other.ref} now"


def _read(path: Path) -> Mapping[str, str]:
    try:
        found = json.loads((path / "local" / _FILE).read_bytes())
        return {str(ref): str(id) for ref, id in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}  # never written, or torn: it is a help, not the truth


def _write(path: Path, known: Mapping[str, str]) -> None:
    try:
        replace(path / "local" / _FILE, json.dumps(known).encode(), durable=False)
    except OSError:
        return  # as above
