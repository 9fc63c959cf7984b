"""Many files for one version, sent one by one: on a bad line, over hours, with restarts of either side in between.

A draft is a folder of this server, `local/drafts/<id>`: what is to be made, and the files that have come, each whole.
A file that is sent again takes the place of the one before. Nothing of it is in the repository until it is committed;
one that nobody has touched for a day is forgotten.

    head.json            {project, name, base, type, aliases, tags, run, description, request, by, version}
    files/<hex>          the bytes; the name is the digest of the path
    files/<hex>.json     {path (hex), size, digest, executable}
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artcli.buckets.replacing import replace
from artcli.content import digest_of
from artcli.web.answers import Refused
from artcli.web.guard import Bearer
from artcli.web.uploads import Wish

EXPIRES = 24 * 3600.0
"""Seconds without a request until a draft is forgotten."""
MOST = 1000
"""Drafts of a place at one time."""
MOST_FILES = 1_000_000
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Come(NamedTuple):
    """A file that has come."""

    path: bytes
    size: int
    digest: str
    executable: bool
    file: Path


class Draft:
    """One draft, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._head: dict[str, Any] = json.loads((folder / "head.json").read_bytes())

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def wish(self) -> Wish:
        return Wish(**{name: self._head[name] for name in Wish._fields})

    @property
    def version(self) -> str | None:
        """The id of the version that it has become."""
        version: str | None = self._head["version"]
        return version

    @property
    def expires(self) -> float:
        """Seconds since 1970."""
        return _touched(self.folder) + EXPIRES

    def place_of(self, path: bytes) -> Path:
        """Where the bytes of a file of this path go."""
        return self.folder / "files" / digest_of(path).hex()

    def add(self, path: bytes, fresh: Path, size: int, digest: str, executable: bool) -> None:
        """Take over the file `fresh`, which is in the draft's folder, as the file of this path."""
        target = self.place_of(path)
        target.with_suffix(".json").unlink(missing_ok=True)  # until it is whole again
        os.replace(fresh, target)
        told = {"path": path.hex(), "size": size, "digest": digest, "executable": executable}
        _write(target.with_suffix(".json"), told)  # and the names of both are on the disk
        self.touch()

    def files(self) -> Iterator[Come]:
        """What has come, in the order of paths."""
        found = sorted(self._come())
        if len(found) > MOST_FILES:
            raise Refused(413, "too-large", f"a draft has at most {MOST_FILES} files")
        return iter(found)

    def _come(self) -> Iterator[Come]:
        for file in (self.folder / "files").glob("*.json"):
            try:
                told = json.loads(file.read_bytes())
            except FileNotFoundError:
                continue  # it is being sent again just now
            yield Come(
                bytes.fromhex(told["path"]), told["size"], told["digest"], told["executable"], file.with_suffix("")
            )

    def done(self, version: str) -> None:
        """It has become this version: its files may go."""
        self._head["version"] = version
        _write(self.folder / "head.json", self._head)
        shutil.rmtree(self.folder / "files")
        (self.folder / "files").mkdir()

    def touch(self) -> None:
        os.utime(self.folder / "head.json")


class Drafts:
    """The drafts of one place, whose folder is `path`."""

    def __init__(self, path: Path) -> None:
        self._folder = path / "local" / "drafts"

    def create(self, wanted: Wish, bearer: Bearer) -> Draft:
        """A new draft; the one that is there, if the same request has made one before."""
        self.sweep()
        id = (wanted.request or secrets.token_hex(16))[:32]
        folder = self._folder / id
        if folder.is_dir():
            return self.get(id, bearer)
        if self._folder.is_dir() and len(os.listdir(self._folder)) >= MOST:
            raise Refused(503, "too-many-drafts", f"there are {MOST} drafts already; they end after a day")
        fresh = self._folder / f".{secrets.token_hex(8)}"
        (fresh / "files").mkdir(parents=True)
        _write(fresh / "head.json", {**wanted._asdict(), "by": bearer.owner, "version": None})
        try:
            fresh.rename(folder)
        except OSError:
            shutil.rmtree(fresh)  # the same request came twice at once
        return self.get(id, bearer)

    def get(self, id: str, bearer: Bearer) -> Draft:
        """The draft of this id, to whoever made it; raises `Refused` (404)."""
        folder = self._folder / id
        if _ID.fullmatch(id) and (folder / "head.json").is_file():
            head = json.loads((folder / "head.json").read_bytes())
            if head["by"] == bearer.owner and time.time() - _touched(folder) < EXPIRES:
                return Draft(folder)
        raise Refused(404, "no-such-draft", "there is no draft of that id, or it has ended")

    def sweep(self) -> None:
        """Forget those that nobody has touched for long."""
        if not self._folder.is_dir():
            return
        for folder in self._folder.iterdir():
            if time.time() - _touched(folder) >= EXPIRES:
                shutil.rmtree(folder, ignore_errors=True)  # another request may sweep, too


def _touched(folder: Path) -> float:
    try:
        return (folder / "head.json").stat().st_mtime
    except OSError:
        return time.time()  # it is being made, or swept


def _write(path: Path, document: dict[str, Any]) -> None:
    replace(path, json.dumps(document).encode())
