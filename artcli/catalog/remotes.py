"""The remotes of a repository: names for other places, in `.art/local/remotes.json`.

One place may be the authority: its log comes before the repository's own in the fold (see `fold`), so version numbers
are those that it gives. The first remote that is added is; `promote` makes it another. It stays that when its remote is
removed, for its mirror still tells what its versions are, and numbers never change because a name was forgotten; unless
nothing was ever there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.errors import ConflictError, IntegrityError, NotFoundError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Remote(NamedTuple):
    name: str
    url: str
    """Where it is; never with a password."""
    place: str
    """The id of the place that was there when the remote was added: 32 hex digits."""


class Remotes:
    """The remotes of the repository whose `.art` folder is `path`."""

    def __init__(self, path: Path) -> None:
        """Raises `IntegrityError` (`damaged-remotes`)."""
        self._file = path / "local" / "remotes.json"
        self._read()

    def _read(self) -> None:
        try:
            found = json.loads(self._file.read_bytes())
            self._remotes = {
                name: Remote(name, *_texts(item, "url", "place")) for name, item in found["remotes"].items()
            }
            self.authority: str | None = found["authority"]
            """The id of the place that is."""
        except FileNotFoundError:
            self._remotes, self.authority = {}, None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                "damaged-remotes", f"the list of remotes cannot be read: {self._file}", hint="art help damaged-remotes"
            ) from error

    @property
    def all(self) -> list[Remote]:
        """By name."""
        return sorted(self._remotes.values())

    @property
    def is_shared(self) -> bool:
        """Whether other places are known, or one was that gives the version numbers."""
        return bool(self._remotes) or self.authority is not None

    def get(self, name: str) -> Remote:
        """Raises `NotFoundError` (`no-such-remote`)."""
        found = self._remotes.get(name)
        if found is None:
            known = ", ".join(sorted(self._remotes)) or "none"
            raise NotFoundError("no-such-remote", f"no remote '{name}'", facts=[f"remotes: {known}"])
        return found

    def check_new(self, name: str) -> None:
        """Raises `UsageError` (`bad-remote-name`), `ConflictError` (`remote-exists`)."""
        if not _NAME.fullmatch(name):
            raise UsageError("bad-remote-name", f"not a name for a remote: '{name}'", hint="art remote add nas URL")
        if name in self._remotes:
            raise ConflictError("remote-exists", f"there is a remote '{name}' already", hint="art remote ls")

    def add(self, remote: Remote) -> None:
        """Raises as `check_new`, and as every change `LockedError`."""
        with self._changing():
            self.check_new(remote.name)
            self._remotes[remote.name] = remote
            self.authority = self.authority or remote.place

    def remove(self, name: str, *, wholly: bool = False) -> None:
        """Forget where it is; `wholly`: also that it is the authority, if it is. Raises as `get`."""
        with self._changing():
            removed = self.get(name)
            del self._remotes[name]
            if wholly and removed.place == self.authority:
                self.authority = None

    def promote(self, name: str) -> None:
        """Make it the authority; raises as `get`."""
        with self._changing():
            self.authority = self.get(name).place

    def adopt(self, place: str) -> None:
        """Let this place, whose mirror is here, give the version numbers, though no remote leads there."""
        with self._changing():
            self.authority = place

    def set_url(self, name: str, url: str) -> None:
        """The same place is to be found elsewhere now; raises as `get`."""
        with self._changing():
            self._remotes[name] = self.get(name)._replace(url=url)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The block changes what the file says by then, and that is written, unless it raises."""
        with lock.changing(self._file):
            self._read()
            yield
            remotes = {remote.name: {"url": remote.url, "place": remote.place} for remote in self.all}
            document = {"authority": self.authority, "remotes": remotes}
            replace(self._file, json.dumps(document, indent=1).encode())


def _texts(item: Mapping[str, Any], *names: str) -> list[str]:
    values = [item[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a field is no text")
    return values
