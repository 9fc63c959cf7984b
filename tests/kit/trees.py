"""Small directories as dictionaries: what a test wrote, what it finds, compared at a glance."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from artcli.catalog.catalog import Version
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, REFERENCE, SYMLINK, chunk_list, entries
from artcli.content import digest_of
from artcli.store.store import Store


class Link(NamedTuple):
    """A symbolic link."""

    target: str


class Program(NamedTuple):
    """An executable file."""

    data: bytes


class Empty(NamedTuple):
    """A directory with nothing in it."""


Leaf: TypeAlias = "bytes | Link | Program | Empty"
Tree: TypeAlias = "Mapping[str, Leaf]"


def plant(root: Path, tree: Tree) -> None:
    """Make `root` hold `tree` and nothing else; files that are right already keep their times."""
    there = harvest(root)
    for path in set(there) - set(tree):
        fell(root, path)
    root.mkdir(parents=True, exist_ok=True)
    for path in sorted(tree):
        if there.get(path) != tree[path]:
            put(root, path, tree[path])


def put(root: Path, path: str, leaf: Leaf) -> None:
    """Put one leaf into the directory, in the place of whatever is there."""
    target = root / path
    above = Path(path).parent
    while above != Path("."):
        if (root / above).is_symlink() or (root / above).is_file():
            (root / above).unlink()
        above = above.parent
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)  # whatever it is
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(leaf, Link):
        target.symlink_to(leaf.target)
    elif isinstance(leaf, Empty):
        target.mkdir()
    else:
        target.write_bytes(leaf.data if isinstance(leaf, Program) else leaf)
        target.chmod(0o755 if isinstance(leaf, Program) else 0o644)


def fell(root: Path, path: str) -> None:
    """Remove one leaf, and the directories that this leaves empty."""
    target = root / path
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    else:
        target.unlink()
    above = target.parent
    while above != root and not os.listdir(above):
        above.rmdir()
        above = above.parent


def harvest(root: Path, but: Collection[str] = ()) -> dict[str, Leaf]:
    """What is in a directory, without what lies in the folders `but`; nothing if there is none."""
    found: dict[str, Leaf] = {}
    if root.is_dir():
        _gather(os.fspath(root), "", but, found)
    return found


def _gather(folder: str, prefix: str, but: Collection[str], found: dict[str, Leaf]) -> None:
    with os.scandir(folder) as rows:
        for row in rows:
            key = prefix + row.name
            if row.is_symlink():
                found[key] = Link(os.readlink(row.path))
            elif row.is_file():
                with open(row.path, "rb") as file:
                    data = file.read()
                found[key] = Program(data) if row.stat().st_mode & 0o100 else data
            elif row.is_dir() and key not in but:
                if not os.listdir(row.path):
                    found[key] = Empty()
                _gather(row.path, f"{key}/", but, found)


def content(store: Store, version: Version) -> dict[str, Leaf]:
    """What a version holds, every byte verified; raises where something is missing or damaged."""
    found: dict[str, Leaf] = {}
    for entry in entries(store, version.root):
        path = os.fsdecode(entry.path)
        if entry.kind == DIRECTORY:
            found[path] = Empty()
        elif entry.kind == SYMLINK:
            found[path] = Link(os.fsdecode(entry.data or b""))
        elif entry.kind == REFERENCE:
            raise AssertionError(f"a reference that no test has made: {path}")
        else:
            data = entry.data
            if data is None:
                data = b"".join(store.get(digest) for digest, _ in chunk_list(store, entry))
            assert digest_of(data) == entry.digest
            assert len(data) == entry.size
            found[path] = Program(data) if entry.kind == EXECUTABLE else data
    return found
