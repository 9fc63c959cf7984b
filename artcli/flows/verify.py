"""Every byte of a version, or of a directory, against what the version says: nothing is believed, no cache is asked.

Of a version each page, chunk list and chunk is read, decoded and hashed, and each large file as a whole; what is wrong
with one file is told, and the others are looked at all the same. Of a directory each file is read and hashed; where a
reference was brought, it is compared with what was brought.
"""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, REFERENCE, SYMLINK, Entry
from artcli.catalog.repository import Repository
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError, UsageError
from artcli.files import reader
from artcli.files.ignore import Rules
from artcli.files.seen import SPECIAL, Seen, Special, Unreadable, kind_of, special_name
from artcli.files.sources import Source
from artcli.files.walk import Scan
from artcli.flows import contents, part
from artcli.flows.judge import file_digest
from artcli.flows.meant import held, meant
from artcli.flows.references.known import Known
from artcli.memory import keep_freed_memory
from artcli.progress import Progress, Silent
from artcli.store.ranges import Range, ranges
from artcli.store.store import Store
from artcli.threads import ahead, worker_count

WINDOW = 8192
"""Entries of a version whose chunks are looked up at a time."""
BATCH = 4 << 20
BATCH_FILES = 64
"""Bytes and number of files of a directory that one job reads."""


class Difference(NamedTuple):
    """A path that is not as the version says."""

    path: bytes
    state: str
    """`missing`, `changed`, `extra`, `wrong-kind`, `unreadable`; of a version's own bytes `damaged`."""
    reason: str = ""


class Tally:
    """What has been looked at."""

    def __init__(self, progress: Progress) -> None:
        self.entries = self.size = self.found = self.damaged = 0
        self.elsewhere = 0
        """References of a version: where their bytes are, nobody looked."""
        self._progress = progress

    def begin(self, version: Version, path: bytes | None) -> None:
        """The comparison begins, of all of a version or of what lies at `path`."""
        whole = path is None
        self._progress.phase(
            "verifying", files=version.entries if whole else None, size=version.size if whole else None
        )

    def looked(self, entries: int, size: int) -> None:
        """That many entries, and that many bytes of them, were compared."""
        self.entries += entries
        self.size += size
        self._progress.advance(files=entries, size=size)

    def told(self, differences: Iterable[Difference]) -> Iterator[Difference]:
        """The same differences, counted."""
        for difference in differences:
            self.found += 1
            self.damaged += difference.state == "damaged"
            yield difference


class Check:
    """The comparison that `target` asks for: of a version with itself, or of a directory with its version."""

    def __init__(
        self,
        repository: Repository,
        target: str,
        project: str,
        start: Path,
        against: str | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Raises `NotFoundError`, `UsageError` (`not-a-working-copy`, `nothing-to-compare`, …)."""
        self.repository = repository
        self.tally = Tally(progress or Silent())
        self.workers = workers or worker_count()
        self.seconds = 0.0
        there = start / target
        found = (
            there if against is not None and target and there.is_dir() else meant(repository, target, project, start)
        )
        self.directory = found if isinstance(found, Path) else None
        self.note: str | None = None
        self.expects: Callable[[bytes], bool] = lambda path: True
        if not isinstance(found, Path):
            if against is not None:
                raise UsageError(
                    "nothing-to-compare", f"--against is for a directory, and {target!r} is a version",
                    hint=f"art diff {against} {target}",
                )  # fmt: skip
            self.version, self.path, self.note = found
        elif against is not None:
            self.version, self.path, self.note = resolve.version(repository.catalog, against, project)
        else:
            holds = held(repository, found, target)
            self.version, self.path, self.expects = holds.version, holds.path, holds.expects
        self.name = f"{target} against {self.version.ref}" if self.directory else self.version.ref

    def differences(self) -> Iterator[Difference]:
        """What differs; the tally and the seconds are right afterwards."""
        started = time.monotonic()
        store = self.repository.store
        self.tally.begin(self.version, self.path)
        if self.directory is None:
            yield from of_version(store, self.version, self.path, self.tally, workers=self.workers)
        else:
            known = Known(self.repository.path)
            brought = (known.as_file(entry) or entry for entry in part.below(store, self.version, self.path))
            entries = part.lifted(brought, self.path)
            yield from of_directory(self.directory, entries, self.tally, self.expects, workers=self.workers)
        self.seconds = time.monotonic() - started


# --- a version ---


def of_version(
    store: Store, version: Version, path: bytes | None, tally: Tally, *, workers: int
) -> Iterator[Difference]:
    """The files of a version, or at and below `path`, whose bytes are damaged or missing.

    Raises `IntegrityError` if the list of its files is damaged itself.
    """
    keep_freed_memory()
    entries = part.below(store, version, path)
    while window := list(islice(entries, WINDOW)):
        small: dict[Digest, list[Entry]] = {}
        large = []
        for entry in window:
            if contents.is_large(entry):
                large.append(entry)
            elif entry.data is None and entry.size and entry.kind <= EXECUTABLE:
                small.setdefault(entry.digest, []).append(entry)
            elif entry.kind == REFERENCE:
                tally.elsewhere += 1
            else:
                tally.looked(1, entry.size)  # in its page, which was verified when it was read
        yield from tally.told(_small(store, small, tally, workers))
        for entry in large:
            yield from tally.told(_large(store, entry, tally, workers))


def _small(store: Store, wanted: dict[Digest, list[Entry]], tally: Tally, workers: int) -> Iterator[Difference]:
    """Files of one chunk each, by chunk, in the order of the packs."""

    def check(job: Range) -> list[tuple[Digest, str | None]]:
        return [(digest, _fault(data, wanted[digest][0])) for digest, data in store.fetch_range(job)]

    for results in ahead(check, ranges(store.find, wanted, store.prepare), workers=workers):
        for digest, fault in results:
            entries = wanted[digest]
            tally.looked(len(entries), sum(entry.size for entry in entries))
            if fault is not None:
                yield from (Difference(entry.path, "damaged", fault) for entry in entries)


def _fault(data: Buffer | IntegrityError, entry: Entry) -> str | None:
    if isinstance(data, IntegrityError):
        return data.message
    return None if len(data) == entry.size else f"its chunk has {len(data)} bytes, not {entry.size}"


def _large(store: Store, entry: Entry, tally: Tally, workers: int) -> Iterator[Difference]:
    try:
        for block in contents.file(store, store, entry, workers=workers):
            tally.looked(0, len(block))
    except IntegrityError as error:
        yield Difference(entry.path, "damaged", error.message)
    tally.looked(1, 0)


# --- a directory ---

_Pair = tuple["Entry | None", "Seen | None"]


def of_directory(
    directory: Path, entries: Iterator[Entry], tally: Tally, expects: Callable[[bytes], bool], *, workers: int
) -> Iterator[Difference]:
    """How the files of `directory` differ from `entries`, which are sorted by path.

    What is missing is a difference only if the directory was to hold it, which `expects` tells. Raises as `Scan`.
    """
    top = os.fsencode(directory) + b"/"

    def check(batch: list[_Pair]) -> tuple[int, int, list[Difference]]:
        compared = [entry for entry, _ in batch if entry is not None]
        found = [difference for pair in batch if (difference := _compare(*pair, top)) is not None]
        return len(compared), sum([entry.size for entry in compared]), found

    notices: list[Difference] = []
    for count, size, found in ahead(check, _batches(_pairs(top, entries, notices)), workers=workers):
        tally.looked(count, size)
        yield from tally.told(item for item in found if item.state != "missing" or expects(item.path))
    yield from tally.told(notices)


def _pairs(top: bytes, entries: Iterator[Entry], notices: list[Difference]) -> Iterator[_Pair]:
    """What the version has and what the walk sees, joined by path; what fits into no pair is in `notices` at last."""
    special: dict[bytes, str] = {}
    entry = next(entries, None)
    for change in Scan[None]([Source(top)], Rules.everything()):
        if isinstance(change, Special):
            special[change.path] = change.what
        elif isinstance(change, Unreadable):
            notices.append(Difference(change.path, "unreadable", change.error.strerror or str(change.error)))
        elif isinstance(change, Seen):
            while entry is not None and entry.path < change.path:
                special.pop(entry.path, None)
                yield entry, None
                entry = next(entries, None)
            if entry is not None and entry.path == change.path:
                yield entry, change
                entry = next(entries, None)
            else:
                yield None, change
    while entry is not None:
        special.pop(entry.path, None)
        yield entry, None
        entry = next(entries, None)
    notices += [Difference(path, "extra", f"a {what}") for path, what in sorted(special.items())]


def _batches(pairs: Iterable[_Pair]) -> Iterator[list[_Pair]]:
    batch: list[_Pair] = []
    size = 0
    for pair in pairs:
        batch.append(pair)
        size += pair[0].size if pair[0] is not None else 0
        if size >= BATCH or len(batch) == BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _compare(entry: Entry | None, seen: Seen | None, top: bytes) -> Difference | None:
    """What is wrong at one path."""
    if entry is None:
        return Difference(seen.path, "extra", _KINDS[seen.kind]) if seen is not None else None
    if entry.kind == REFERENCE:  # nobody knows what its bytes are
        return _compare_size(entry, seen)
    if seen is None:
        return _not_seen(entry, top)
    if entry.kind != seen.kind and not {entry.kind, seen.kind} <= {FILE, EXECUTABLE}:
        return Difference(entry.path, "wrong-kind", f"{_KINDS[seen.kind]}, not {_KINDS[entry.kind]}")
    if entry.kind <= EXECUTABLE and entry.size != seen.stat.size:
        return Difference(entry.path, "changed", f"{seen.stat.size} bytes, not {entry.size}")
    try:
        if entry.kind != DIRECTORY and file_digest(seen) != entry.digest:
            return Difference(entry.path, "changed", "other bytes")
    except reader.Changed:
        return Difference(entry.path, "changed", "it changes while it is read")
    except OSError as error:
        return Difference(entry.path, "unreadable", error.strerror or str(error))
    if entry.kind != seen.kind:
        return Difference(entry.path, "changed", f"{_KINDS[seen.kind]}, not {_KINDS[entry.kind]}")
    return None


def _compare_size(entry: Entry, seen: Seen | None) -> Difference | None:
    if seen is None or not entry.size or seen.stat.size == entry.size:
        return None
    return Difference(entry.path, "changed", f"{seen.stat.size} bytes, not {entry.size}")


def _not_seen(entry: Entry, top: bytes) -> Difference | None:
    """What is wrong where the walk saw no file, link or empty folder."""
    try:
        mode = os.lstat(top + entry.path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Difference(entry.path, "missing")
    except OSError as error:
        return Difference(entry.path, "unreadable", error.strerror or str(error))
    if modes.S_ISDIR(mode):
        return None if entry.kind == DIRECTORY else Difference(entry.path, "wrong-kind", "a folder")
    if kind_of(mode) == SPECIAL:
        return Difference(entry.path, "wrong-kind", f"a {special_name(mode)}")
    return Difference(entry.path, "missing")  # reached through a link, or made this moment


_KINDS = {FILE: "a file", EXECUTABLE: "an executable file", SYMLINK: "a symbolic link", DIRECTORY: "an empty folder"}
