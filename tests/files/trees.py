"""A walk's changes applied to a plain dict: the model against which walks are tested."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from artcli.files.ignore import Rules
from artcli.files.reader import read_link, read_small
from artcli.files.seen import DIRECTORY, SYMLINK, Change, Gone, Seen
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan

ROOT = b"p" * 32
Model = dict[bytes, tuple[int, bytes]]
"""Kind and content by path."""


def source(path: Path, dest: bytes = b"") -> Source:
    return Source(os.fsencode(path), dest)


def read(seen: Seen) -> tuple[int, bytes]:
    if seen.kind == DIRECTORY:
        return seen.kind, b""
    if seen.kind == SYMLINK:
        return seen.kind, read_link(seen.source)
    return seen.kind, read_small(seen.source, seen.stat)


def apply(model: Model, changes: Iterable[Change]) -> list[Change]:
    """Apply edits to `model`, checking that they are sorted and that each changes something that is there."""
    seen = list(changes)
    last = b""
    for change in seen:
        if isinstance(change, Seen | Gone):
            assert last == b"" or change.path > last, (last, change)
            last = change.path
        if isinstance(change, Seen):
            model[change.path] = read(change)
        elif isinstance(change, Gone):
            del model[change.path]
    return seen


def whole(*sources: Source, rules: Rules | None = None) -> Model:
    """What the sources hold, by a walk that knows nothing."""
    model: Model = {}
    apply(model, Scan(sources, rules or Rules()))
    return model


class Tree:
    """A tree that is walked again and again with a cache."""

    def __init__(self, cache: Path, *sources: Source, rules: Rules | None = None) -> None:
        self.cache = cache
        self.sources = sources
        self.rules = rules or Rules()
        self.model: Model = {}

    def walk(self, save: bool = True) -> list[Change]:
        with StatCache(self.cache) as cache:
            scan = Scan(self.sources, self.rules, cache, lambda root: root)
            if scan.known_root is None:
                self.model = {}
            changes = apply(self.model, scan)
            if save:
                assert scan.save(ROOT)
        assert self.model == whole(*self.sources, rules=self.rules)
        return changes

    def paths(self, save: bool = True) -> list[bytes]:
        """The paths that a walk reports."""
        return [change.path for change in self.walk(save)]


def age(path: Path, seconds: float = 3600) -> None:
    """Make times old. A change time cannot be set: tests that need belief let the clock run ahead instead."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment), follow_symlinks=False)
