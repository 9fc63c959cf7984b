"""A version that is put together piece by piece: files, directories, references, in any order, until it is logged.

Content is fixed when it is added: it is read, cut, hashed and put into packs there and then, so that no second copy of
it lies on the disk, and what becomes of the file later is no matter. Single entries gather in memory and are worked
into the manifest when there are many of them, or when the whole is asked for; a directory goes into it as it is read.

An open draft keeps gc away, as every writer does. One that is never logged leaves packs that gc takes.
"""

from __future__ import annotations

import os
import posixpath
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.bucket import Bucket
from artcli.catalog import manifest, resolve
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Entry, Finder, Root
from artcli.catalog.repository import Repository
from artcli.content import Buffer
from artcli.errors import ArtError, UsageError
from artcli.files.ignore import Rules
from artcli.files.seen import Seen, kind_of, stat_of
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
from artcli.flows import copies, part
from artcli.flows.ingest import Edit, Ingest
from artcli.flows.known import known_root
from artcli.flows.log_artifact import Logged, Request, log_root
from artcli.progress import Silent
from artcli.store.codec import Tuner
from artcli.store.writer import Flushed, Manner, Writer
from artcli.threads import worker_count

MOST_EDITS = 32 * 1024
"""Single entries that gather in memory."""

Judge = Callable[[Entry, Entry], None]
"""Told an entry that is there and another one for its path; raises if it must not take its place."""


class _Writer(Writer):
    """Names what it has flushed again until it is told that the log has it: a commit may fail, and be tried again."""

    unsaid = Flushed([], [], [], 0, 0)

    def flush(self) -> Flushed:
        old, new = self.unsaid, super().flush()
        self.unsaid = Flushed(
            [name for name in (*old.add, *new.add) if name not in new.remove],
            [*old.remove, *(name for name in new.remove if name not in old.add)],
            [*old.packs, *new.packs], old.stored + new.stored, old.raw + new.raw,
        )  # fmt: skip
        return self.unsaid


class _Directory(NamedTuple):
    """A directory that the whole draft equalled when it was added."""

    path: Path
    page: bytes


class Drafting:
    """A draft in a repository. Safe among threads; belongs to one process."""

    def __init__(
        self, path: Path, root: Root | None = None, *, planes: bool = True, bucket: Bucket | None = None
    ) -> None:
        """`path`: the `.art` folder of its repository, which it opens for itself, so that it may be used in any thread.

        `root`: a manifest of the repository's to begin with; `bucket`: as `Repository` has it.
        Raises `LockedError` while gc is at work.
        """
        lock = ExitStack()
        self.repository = repository = Repository(path, bucket)
        lock.callback(repository.close)
        lock.enter_context(repository.writing())
        self.writer = _Writer(repository.store, Manner(planes=planes))
        self._finalizer = weakref.finalize(self, _let_go, self.writer, lock, os.getpid())
        self._guard = threading.RLock()
        self._ingest = Ingest(self.writer, root, workers=worker_count(), progress=Silent())
        self._root = root
        self._edits: dict[bytes, Entry | None] = {}
        self._finder: Finder | None = None
        self._directory: _Directory | None = None
        self.left_out: list[str] = []
        """Special files of directories, which have no bytes to keep."""
        self.leading_out: list[str] = []
        """Links of directories that lead out of them: they are kept as links."""

    # --- adding ---

    def add_file(self, path: bytes, source: bytes, judge: Judge | None = None) -> Entry:
        """Add a file of the user's, links followed; raises `ArtError` (`unreadable-files`), OSError, `UsageError`."""
        with self._guard:
            return self.put(self.read_file(path, source), judge)

    def read_file(self, path: bytes, source: bytes) -> Entry:
        """The entry of a file, whose bytes are in the store then; it is no part of the draft yet. Raises the same."""
        source = os.path.realpath(source)
        with self._guard:
            stat = stat_of(source)
            entry = self._ingest.one(Seen(path, kind_of(stat.mode), source, stat))
            self._check_problems()
            if entry is None or entry.kind not in (FILE, EXECUTABLE):
                raise FileNotFoundError(f"no file: {os.fsdecode(source)!r}")
            return entry

    def add_stream(self, path: bytes, content: Iterable[Buffer], judge: Judge | None = None) -> Entry:
        """Add a file of these bytes."""
        with self._guard:
            found = [entry for _, entry in self._ingest.stream(path, content)]
            assert found[0] is not None
            return self.put(found[0], judge)

    def add_version(self, ref: str, project: str, dest: bytes | None, judge: Judge | None = None) -> list[Entry]:
        """Add what a version of the repository holds, or a file or folder of one; raises as `resolve.version`."""
        with self._guard:
            version, path, _ = resolve.version(self.repository.catalog, ref, project)
            is_file = path is not None and manifest.find(self.writer, version.root, path) is not None
            entries = []
            for entry in part.lifted(part.below(self.writer, version, path), path):
                target = (dest or entry.path) if is_file else posixpath.join(dest or b"", entry.path)
                entries.append(self.put(entry._replace(path=target), judge))
            return entries

    def put(self, entry: Entry, judge: Judge | None = None) -> Entry:
        """Set an entry whose bytes are in the draft or the repository; raises `UsageError` (`unsafe-path`)."""
        if fault := manifest.path_fault(entry.path):
            raise UsageError("unsafe-path", f"a version cannot hold a path that {fault}: {manifest.shown(entry.path)}")
        with self._guard:
            before = self.find(entry.path)
            if before is not None and judge is not None:
                judge(before, entry)
            self._edits[entry.path] = entry
            if len(self._edits) >= MOST_EDITS:
                self.root()
            return entry

    def add_directory(self, path: bytes, source: Path, judge: Judge | None = None) -> None:
        """Add what lies in a directory; all of it or, if something fails, nothing.

        A directory that is all there is in the draft is looked up in the stat cache. Raises `ArtError`
        (`unreadable-files`), `NotFoundError`, `UsageError`.
        """
        with self._guard:
            if path or self._root is not None or self._edits:
                scan = Scan[Root]([Source(os.fsencode(source), path)], Rules())
                root = self._apply(self.root(), self._judged(self._noticed(scan, path), judge))
            else:
                root = self._whole(source)
            self._set_root(root)

    def _whole(self, source: Path) -> Root:
        with StatCache(self.repository.path / "cache") as cache:
            catalog, writer = self.repository.catalog, self.writer
            sources = [Source(os.fsencode(source.absolute()))]
            scan = Scan(sources, Rules(), cache, known_to=lambda page: known_root(catalog, writer, page))
            if scan.known_root is not None:
                root = self._apply(scan.known_root, self._noticed(scan, b""))
            else:
                root = manifest.build(writer, (entry for _, entry in self._noticed(scan, b"") if entry is not None))
            self._check_problems()
            scan.save(root.page)
            self._directory = _Directory(source.absolute(), root.page)
        return root

    def _apply(self, root: Root, edits: Iterable[Edit]) -> Root:
        applied = manifest.apply(self.writer, root, edits)
        self._check_problems()
        return applied

    def _noticed(self, scan: Scan[Root], top: bytes) -> Iterator[Edit]:
        """The edits of a directory at `top`, noticing links that lead out of it."""
        for path, entry in self._ingest.edits(scan):
            if entry is not None and entry.kind == SYMLINK:
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.data or b""))
                if target.startswith((b"/", b"../")) or (top and not self._is_below(target, top)):
                    self.leading_out.append(manifest.shown(path))
            yield path, entry

    def _judged(self, edits: Iterable[Edit], judge: Judge | None) -> Iterator[Edit]:
        finder = Finder(self.writer, self.root())
        for path, entry in edits:
            if entry is None:
                continue  # vanished while it was read: nothing is said of what the draft has there
            before = finder.find(path)
            if before is not None and judge is not None:
                judge(before, entry)
            yield path, entry

    def _check_problems(self) -> None:
        problems = self._ingest.problems
        failed = [problem for problem in problems if problem.slug != "special-file"]
        self.left_out += [manifest.shown(problem.path) for problem in problems if problem.slug == "special-file"]
        problems.clear()
        if failed:
            raise ArtError(
                "unreadable-files", f"{len(failed)} files could not be read, and nothing was added",
                facts=[f"{manifest.shown(item.path)}: {item.reason}" for item in failed[:10]],
            )  # fmt: skip

    def remove(self, path: bytes) -> int:
        """Take out the entry at `path`, or all below it; how many those were."""
        with self._guard:
            gone = [entry.path for entry in self.entries(path) if self._is_below(entry.path, path)]
            self._edits.update(dict.fromkeys(gone))
            return len(gone)

    @staticmethod
    def _is_below(path: bytes, folder: bytes) -> bool:
        return not folder or path == folder or path.startswith(folder + b"/")

    # --- asking ---

    def find(self, path: bytes) -> Entry | None:
        """The entry at a path."""
        with self._guard:
            if path in self._edits or self._root is None:
                return self._edits.get(path)
            if self._finder is None:
                self._finder = Finder(self.writer, self._root)
            return self._finder.find(path)

    def entries(self, prefix: bytes = b"") -> Iterator[Entry]:
        """The entries whose path begins so, in order."""
        return manifest.entries(self.writer, self.root(), prefix)

    def root(self) -> Root:
        """The manifest as it is now; raises `UsageError` (`file-and-directory`)."""
        with self._guard:
            if self._root is None or self._edits:
                edits = sorted(self._edits.items())
                if self._root is None:
                    self._set_root(manifest.build(self.writer, (entry for _, entry in edits if entry is not None)))
                else:
                    self._set_root(self._apply(self._root, edits))
                self._edits.clear()
            assert self._root is not None
            return self._root

    def _set_root(self, root: Root) -> None:
        self._root, self._finder = root, None

    # --- its end ---

    def log(self, request: Request) -> Logged:
        """Make a version of it, and let go of it; raises as `log_artifact`, and then it is as it was."""
        with self._guard:
            root = self.root()
            logged = log_root(self.repository, request, self.writer, root, self._ingest)
            if self._directory is not None and self._directory.page == root.page and logged.version is not None:
                copies.remember(self.repository.path, self._directory.path, logged.version)
            self.close()
            return logged

    def moved_to(self, path: Path, *, planes: bool = True) -> Drafting:
        """The same draft in another repository; this one is let go of."""
        with self._guard:
            other = Drafting(path, planes=planes)
            for entry in self.entries():
                tuner = Tuner()
                chunks = list(manifest.chunk_list(self.writer, entry))
                for digest, _ in chunks:
                    frame = other.writer.encode(digest, self.writer.get(digest), tuner)
                    if frame is not None:
                        other.writer.add(frame)
                packed, listed = manifest.put_chunk_list(other.writer, chunks)
                other.put(entry if entry.kind == DIRECTORY else entry._replace(chunks=packed, list=listed))
            self.close()
            return other

    def close(self) -> None:
        """Let go of what was not logged."""
        self._finalizer()


def _let_go(writer: Writer, lock: ExitStack, process: int) -> None:
    if os.getpid() == process:  # after a fork the parent's threads and files are its own
        writer.abandon()
        lock.close()
