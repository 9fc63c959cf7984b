"""A repository with versions of small directories, and a look at what is in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.manifest import chunk_list, entries
from artcli.catalog.repository import Repository
from artcli.files.sources import Source
from artcli.flows.log_artifact import Request, log_artifact
from tests.store.material import noise

PROJECT = "uncategorized"
Files = Mapping[str, bytes]


class Workshop:
    """A repository in `directory` and the folder whose versions it gets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.repository, _ = Repository.init(directory)
        self.art = self.repository.path
        self.folder = directory / "data"

    def log(self, name: str, files: Files, **request: Any) -> Version:
        """A version of `name` with these files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for path, data in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        sources = [Source(bytes(self.folder))]
        logged = log_artifact(self.repository, Request(name, PROJECT, sources, workers=1, **request))
        assert logged.version is not None
        return logged.version

    def remove(self, *refs: str) -> None:
        add_facts(self.repository, "delete", refs)

    def restore(self, *refs: str) -> None:
        add_facts(self.repository, "restore", refs)

    def reopen(self) -> Repository:
        """The repository as the next command finds it."""
        self.repository.close()
        self.repository = Repository(self.art)
        return self.repository

    def content(self, version: Version) -> dict[str, bytes]:
        """What `use` would write; raises where something is missing or damaged."""
        return content(self.repository, version)

    def files(self) -> dict[str, int]:
        """Packs and indexes by their path, with their sizes."""
        return {
            path.relative_to(self.art).as_posix(): path.stat().st_size
            for folder in ("packs", "index")
            for path in (self.art / folder).rglob("*")
            if path.is_file()
        }

    @property
    def size(self) -> int:
        return sum(self.files().values())


def add_facts(repository: Repository, kind: str, refs: Iterable[str]) -> None:
    """Commit one fact for each version."""
    ids = {version.ref: version.id for version in repository.catalog.versions(states=(LIVE, TRASH, PURGED))}
    repository.commit(lambda _, make: [make(Draft(kind, {"version": ids[ref]})) for ref in refs])


def content(repository: Repository, version: Version) -> dict[str, bytes]:
    store = repository.store
    return {
        entry.path.decode(): entry.data
        if entry.data is not None
        else b"".join(store.get(digest) for digest, _ in chunk_list(store, entry))
        for entry in entries(store, version.root)
    }


def noisy(names: Iterable[object], size: int = 2000) -> dict[str, bytes]:
    """Files that nothing makes smaller, each like no other."""
    return {f"{name}.bin": noise(size, str(name)) for name in names}


class Snapshot:
    """The files below a folder as they are now, to be brought back after each of many accidents."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {path: path.read_bytes() for path in self._there()}

    def restore(self) -> None:
        """Only what differs is touched."""
        for path in self._there():
            if path not in self.files or path.is_symlink():
                path.unlink()
        for path, data in self.files.items():
            if not path.exists() or path.read_bytes() != data:
                put(path, data)

    def _there(self) -> list[Path]:
        found = []
        for folder, _, names in os.walk(self.root):
            found += [Path(folder, name) for name in names]
        return found


def put(path: Path, data: bytes) -> None:
    """Write a file of a store, which is read-only, behind its back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
