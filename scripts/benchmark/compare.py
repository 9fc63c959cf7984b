"""A restored tree against its source: every path and size, and the bytes of a seeded sample."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

FILES = 1500  # compared byte by byte in a tree that has more
BLOCKS = 128  # compared in a file that has more
BLOCK = 1 << 20


def difference(source: Path, restored: Path, seed: int = 1) -> str | None:
    """None if `restored` equals `source` (two files or two directories), else the first difference in words."""
    if source.is_file():
        return _file_difference(source, restored, random.Random(seed))
    wanted, found = dict(_files(source)), dict(_files(restored))
    if wanted.keys() != found.keys():
        missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
        example = min(missing or extra)
        return f"{len(missing)} files missing, {len(extra)} too many, as {example}"
    for name, size in wanted.items():
        if found[name] != size:
            return f"{name}: {found[name]} bytes, not {size}"
    chance = random.Random(seed)
    names = sorted(wanted)
    for name in names if len(names) <= FILES else chance.sample(names, FILES):
        told = _file_difference(source / name, restored / name, chance)
        if told:
            return told
    return None


def _files(root: Path) -> Iterator[tuple[str, int]]:
    start = len(os.fspath(root)) + 1
    todo = [os.fspath(root)] if root.is_dir() else []
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                else:
                    yield entry.path[start:], entry.stat(follow_symlinks=False).st_size


def _file_difference(source: Path, restored: Path, chance: random.Random) -> str | None:
    if not restored.is_file():
        return f"{restored.name} is missing"
    size = source.stat().st_size
    if restored.stat().st_size != size:
        return f"{restored.name}: {restored.stat().st_size} bytes, not {size}"
    count = -(-size // BLOCK)
    chosen = range(count) if count <= BLOCKS else sorted({0, count - 1, *chance.sample(range(count), BLOCKS - 2)})
    with source.open("rb", buffering=0) as old, restored.open("rb", buffering=0) as new:
        for block in chosen:
            if os.pread(old.fileno(), BLOCK, block * BLOCK) != os.pread(new.fileno(), BLOCK, block * BLOCK):
                return f"{restored.name}: other bytes in block {block} of 1 MiB"
    return None
