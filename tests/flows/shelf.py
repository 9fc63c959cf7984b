"""A repository with versions of small trees, which can be damaged, and what must never come out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.manifest import FILE, REFERENCE, Entry
from artcli.catalog.repository import Repository
from artcli.content import Digest, digest_of
from artcli.files.sources import Source
from artcli.flows import use
from artcli.flows.log_artifact import Request, log_artifact
from artcli.store.pack import DATA, pack_key, read_table
from tests.flows.workshop import PROJECT, put
from tests.kit.trees import Empty, Leaf, Link, Program, Tree, plant
from tests.store.material import noise

LARGE = noise(2_000_000, "large")
"""A file of more than sixteen chunks."""

MIXED: dict[str, Leaf] = {
    "a.txt": b"alpha\n",
    "empty": b"",
    "large": LARGE,
    "link": Link("a.txt"),
    "nothing": Empty(),
    "run.sh": Program(b"#!/bin/sh\n"),
    "sub/medium": noise(300_000, "medium"),
    "sub/one": noise(5000, "one"),
    "sub/two": noise(5000, "two"),
}
"""Every way in which a version keeps a file."""


class Shelf:
    """A repository in `directory`; `folder` is what is logged."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.folder = directory / "data"
        self.repository, _ = Repository.init(directory)

    def log(self, tree: Tree, name: str = "data", **request: Any) -> Version:
        """A version of `tree`, which the folder then holds."""
        plant(self.folder, tree)
        sources = [Source(bytes(self.folder))]
        logged = log_artifact(self.repository, Request(name, PROJECT, sources, workers=2, **request))
        assert logged.version is not None
        return logged.version

    def log_reference(self, name: str = "elsewhere") -> Version:
        """A version with a file and a reference, whose bytes nobody has here."""
        data = b'{"uri":"tape://archive/big"}'
        big = Entry(b"big", REFERENCE, 10**9, digest_of(data), data)
        made = [big, Entry(b"here", FILE, 4, digest_of(b"here"), b"here")]
        with self.repository.writing(), self.repository.store.writer() as writer:
            root = manifest.build(writer, made)
            flushed = writer.flush()
            fact = {
                "project": PROJECT, "name": name, "type": "dataset", "page": root.page.hex(),
                "digest": root.content.hex(), "entries": root.entries, "size": root.size,
                "new": {"entries": 0, "size": 0}, "stored": 0,
            }  # fmt: skip
            index = {"add": flushed.add, "remove": flushed.remove}
            facts = self.repository.commit(lambda _, make: [make(Draft("index", index)), make(Draft("version", fact))])
        version = self.repository.catalog.version(facts[1].id)
        assert version is not None
        return version

    def use(self, ref: str = "data", **request: Any) -> Path:
        """The directory that `art use` fills."""
        return use.use(self.repository, use.Request(ref, PROJECT, self.directory, **request)).path

    def reopen(self) -> None:
        """The repository as the next command finds it."""
        path = self.repository.path
        self.repository.close()
        self.repository = Repository(path)

    def pack(self, digest: Digest) -> Path:
        """The file of a pack."""
        return self.repository.path / pack_key(digest)

    def data_packs(self) -> list[Path]:
        """The packs that hold bytes of files."""
        found = []
        for path in sorted((self.repository.path / "packs").rglob("*")):
            if path.is_file() and read_table(self.repository.bucket, bytes.fromhex(path.name)).kind == DATA:
                found.append(path)
        return found

    @contextmanager
    def damaged(self, path: Path, offset: int) -> Iterator[None]:
        """One bit of a pack is wrong for a while."""
        right = path.read_bytes()
        wrong = bytearray(right)
        wrong[offset] ^= 1 << offset % 8
        put(path, bytes(wrong))
        self.reopen()
        try:
            yield
        finally:
            put(path, right)
            self.reopen()

    def damages(self, count: int) -> Iterator[None]:
        """For each of some `count` places in the data packs: go on with that bit wrong."""
        for path in self.data_packs():
            size = path.stat().st_size
            for offset in range(0, size, max(1, size // count)):
                with self.damaged(path, offset):
                    yield
