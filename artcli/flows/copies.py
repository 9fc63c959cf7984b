"""The working copies of a repository: which directory of this machine holds which version.

`use` makes one, and so does `log-artifact` of a directory: from then on it holds just what the version has. One small
file a directory in `.art/local/copies/`, never synced. They serve `status` and `diff`; what a directory really holds is
decided by its files alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artcli.buckets.replacing import replace
from artcli.catalog import facts
from artcli.catalog.catalog import Version
from artcli.content import digest_of
from artcli.flows.part import ALL, Part

MOST_PARTS = 64
"""Parts of a version that are remembered; what lacks of older ones is no longer told."""


class Copy(NamedTuple):
    path: Path
    version: str
    """Fact id of the version."""
    ref: str
    """What it was called when it was used or logged."""
    parts: Sequence[Part]
    """What of the version was brought."""
    time: str

    @property
    def whole(self) -> bool:
        """All of the version, not parts of it."""
        return any(part.is_all for part in self.parts)

    def expects(self, path: bytes) -> bool:
        """Whether the directory should have what the version has at `path`: else, if it lacks it, nothing is amiss."""
        return any(path in part for part in self.parts)


def remember(
    repository: Path, directory: Path, version: Version, part: Part = ALL, *, beside: Copy | None = None
) -> None:
    """Note that `directory` holds `part` of `version`, `beside` what it held of that version before.

    A note that cannot be written costs a working copy in a list, and no command fails for that.
    """
    parts = [part]
    if beside is not None and beside.version == version.id and not part.is_all:
        parts = [ALL] if beside.whole else [*(old for old in beside.parts if _key(old) != _key(part)), part]
    copy = Copy(directory, version.id, version.ref, parts[-MOST_PARTS:], facts.timestamp(time.time()))
    file = _file(repository, directory)
    if _same(_read(file), copy):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, _text(copy).encode(), durable=False)
    except OSError:
        return  # as promised above


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


def _text(copy: Copy) -> str:
    parts = [{"path": part.path and os.fsdecode(part.path), "only": list(part.only)} for part in copy.parts]
    body = {"path": os.fspath(copy.path), "version": copy.version, "ref": copy.ref, "time": copy.time}
    return json.dumps({**body, "parts": parts})


def _read(file: Path) -> Copy | None:
    try:
        body = json.loads(file.read_bytes())
        return Copy(Path(body["path"]), body["version"], body["ref"], list(map(_part, body["parts"])), body["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # torn by a power cut: a working copy less in a list


def _part(body: dict[str, Any]) -> Part:
    path = body["path"]
    return Part([str(glob) for glob in body["only"]], os.fsencode(path) if path is not None else None)


def _key(part: Part) -> tuple[bytes | None, tuple[str, ...]]:
    return part.path, tuple(part.only)


def _same(known: Copy | None, copy: Copy) -> bool:
    """Nothing is news but the time."""
    return known is not None and _text(known._replace(time="")) == _text(copy._replace(time=""))
