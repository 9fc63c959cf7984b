"""One side of a comparison: a version, a folder of one, or a directory, each as a manifest.

A directory's manifest is made as `log-artifact` would make it: a walk, and only what the stat cache does not vouch for
is read and cut. Its pages are in memory and its chunks nowhere; where it equals what a version holds the pages are the
same, so that a comparison skips them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import Entry, PageSource, Root
from artcli.catalog.repository import Repository
from artcli.catalog.resolve import Resolved
from artcli.content import Buffer, Digest
from artcli.files import reader
from artcli.files.ignore import Rules
from artcli.files.seen import SPECIAL, Seen, kind_of, stat_of
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
from artcli.flows import part
from artcli.flows.ingest import Edit, Ingest
from artcli.flows.judge import file_digest
from artcli.flows.known import known_root
from artcli.flows.meant import copy_around
from artcli.flows.overlay import Overlay
from artcli.flows.reading import Problem
from artcli.flows.references.known import Known
from artcli.progress import Progress, Silent
from artcli.store.codec import Tuner
from artcli.store.pack import Frame
from artcli.store.writer import Flushed
from artcli.threads import worker_count


class Side(NamedTuple):
    """What is compared."""

    name: str
    """As the user knows it."""
    pages: PageSource
    """Of both sides."""
    root: Root
    version: Version | None = None
    directory: Path | None = None
    problems: Sequence[Problem] = ()
    """What in the directory could not be read."""
    expects: Callable[[bytes], bool] = lambda path: True
    """Whether the directory was to hold what there is at a path: where it was not, nothing is missing."""
    as_file: Callable[[Entry], Entry | None] = lambda entry: entry
    """Of a directory: the file that a reference of the other side is here; None if nobody knows what it is."""

    def overlooked(self, other: Entry) -> Entry | None:
        """What a directory has at the path of `other` though no rule makes it part: ignored, but in the other side."""
        if self.directory is None or self._is_behind_link(other.path):
            return None
        source = os.path.join(os.fsencode(self.directory), other.path)
        try:
            stat = stat_of(source)
            kind = kind_of(stat.mode)
            if kind in (SPECIAL, manifest.DIRECTORY):
                return None
            digest = file_digest(Seen(other.path, kind, source, stat))
        except (OSError, reader.Changed):
            return None  # nothing is there, or nothing that could be compared
        return Entry(other.path, kind, 0 if kind == manifest.SYMLINK else stat.size, digest)

    def only_ignored(self, entry: Entry, other: Side) -> bool:
        """Whether a folder counts as empty only because what it has is ignored here, though `other` has it."""
        if self.directory is None or entry.kind != manifest.DIRECTORY:
            return False
        below = manifest.entries(other.pages, other.root, entry.path + b"/")
        return any(self.overlooked(item) is not None for item in below)

    def _is_behind_link(self, path: bytes) -> bool:
        """Whether a symbolic link stands for one of the folders above `path`, so that what is there is not in here."""
        place = os.fsencode(self.directory or "")
        for name in path.split(b"/")[:-1]:
            place = os.path.join(place, name)
            if os.path.islink(place):
                return True
        return False


class Unkept(Overlay):
    """Additions of which nothing stays: pages in memory, chunks nowhere."""

    forks = True

    def encode(self, digest: Digest, chunk: Buffer, tuner: Tuner, offset: int = 0) -> Frame | None:
        return None

    def add(self, frame: Frame) -> bool:
        return False

    def flush(self) -> Flushed:
        return Flushed([], [], [], 0, 0)

    def abandon(self) -> None:
        pass


class _Reading:
    """Progress of which nobody is told that what is read was kept before: nothing is kept."""

    def __init__(self, progress: Progress) -> None:
        self.phase = progress.phase
        self.expect = progress.expect
        self.warn = progress.warn
        self._advance = progress.advance

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        self._advance(files=files, size=size)


def of_version(pages: Unkept, found: Resolved) -> Side:
    """A version, or the folder or file that a path names in it, with that as its top."""
    version, path, _ = found
    if path is None:
        return Side(version.ref, pages, version.root, version)
    root = manifest.build(pages, part.lifted(part.below(pages, version, path), path))
    return Side(f"{version.ref}/{manifest.shown(path)}", pages, root, version)


def of_directory(
    repository: Repository,
    pages: Unkept,
    directory: Path,
    name: str,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Side:
    """A directory as it is now, without what its `.artignore` files leave out. Raises as `Scan`."""
    progress = _Reading(progress or Silent())
    progress.phase("reading")
    known = Known(repository.path).as_file
    with StatCache(repository.path / "cache") as cache:
        catalog = repository.catalog
        sources = [Source(os.fsencode(directory))]
        scan = Scan(sources, Rules(), cache, known_to=lambda page: known_root(catalog, pages, page))
        base = scan.known_root or manifest.build(pages, ())
        ingest = Ingest(pages, scan.known_root, workers=workers or worker_count(), progress=progress)
        looked: list[bytes] = []
        root = manifest.apply(pages, base, _noted(ingest.edits(scan), looked))
        if looked and not ingest.problems and root.page in repository.store:
            scan.save(root.page)  # it equals a version after all: the next time nothing is read
    return Side(name, pages, root, None, directory, ingest.problems, _expectation(repository, directory), known)


def _expectation(repository: Repository, directory: Path) -> Callable[[bytes], bool]:
    """What a directory that lies in a working copy, or is one, was to hold."""
    around = copy_around(repository, directory)
    if around is None or around[0].whole:
        return lambda path: True
    copy, inside = around
    return lambda path: copy.expects(os.path.join(inside, path))


def _noted(edits: Iterable[Edit], looked: list[bytes]) -> Iterator[Edit]:
    """The same edits; the first path of them is in `looked`."""
    for edit in edits:
        if not looked:
            looked.append(edit[0])
        yield edit
