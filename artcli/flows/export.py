"""A version, or a folder of one, as an archive: streamed, so that it never lies anywhere but in the archive."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import FILE, REFERENCE, Entry
from artcli.catalog.repository import Repository
from artcli.content import Buffer
from artcli.errors import ArtError, NotFoundError, UsageError
from artcli.files.fresh import check_free
from artcli.files.writer import Writer
from artcli.flows import contents, part
from artcli.flows.archive import FORMATS
from artcli.flows.references import fetch
from artcli.flows.references.bring import Unbrought
from artcli.flows.references.known import Known
from artcli.progress import Progress, Silent
from artcli.threads import worker_count

PACKED = {".tgz": "gzip", ".gz": "gzip", ".zst": "zstd", ".xz": "xz", ".bz2": "bzip2"}
"""Suffixes of archives that another program compresses."""


class Exported(NamedTuple):
    """What went into an archive."""

    entries: int
    size: int
    """Bytes of its files."""
    archive: int
    """Bytes of the archive."""
    left_out: list[Unbrought]
    """Entries whose bytes are kept elsewhere, and could not be had."""
    seconds: float


class Export:
    """An archive of what `ref` means, to be taken once."""

    def __init__(
        self,
        repository: Repository,
        ref: str,
        project: str,
        format: str,
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Raises `NotFoundError`, `UsageError` (`bad-archive`) for a format that is none of `FORMATS`."""
        if format not in FORMATS:
            raise UsageError(
                "bad-archive", f"there is no archive format {format!r}", facts=[f"formats: {', '.join(FORMATS)}"],
                hint=f"art export {ref} --format tar",
            )  # fmt: skip
        found = resolve.version(repository.catalog, ref, project)
        self.version: Version = found.version
        self.note = found.note
        self.format = format
        self._path = found.path
        self._store = repository.store
        self._workers = workers or worker_count()
        self._progress = progress or Silent()
        self._entries = self._size = self._archive = 0
        self._left_out: list[Unbrought] = []
        self._known = Known(repository.path)
        self._started = time.monotonic()
        if self._path is not None:
            next(part.below(self._store, self.version, self._path))  # there, or an error before the first byte

    @property
    def name(self) -> str:
        """What the archive is called if nobody says otherwise."""
        below = "-" + os.fsdecode(self._path).replace("/", "-") if self._path else ""
        return f"{self.version.name}-v{self.version.number}{below}.{self.format}"

    @property
    def done(self) -> Exported:
        """What has gone into the archive so far."""
        seconds = time.monotonic() - self._started
        return Exported(self._entries, self._size, self._archive, self._left_out, seconds)

    def blocks(self) -> Iterator[Buffer]:
        """The bytes of the archive; raises `IntegrityError` where something is missing or damaged."""
        size = None if self._path else self.version.size
        self._progress.phase("exporting", files=None if self._path else self.version.entries, size=size)
        entries = part.lifted(part.below(self._store, self.version, self._path), self._path)
        for block in FORMATS[self.format](self._opened(entries)):
            self._archive += len(block)
            yield block

    def _opened(self, entries: Iterator[Entry]) -> Iterator[contents.Opened]:
        """The entries with their bytes, in their order; references by themselves, between those that are here."""
        for is_here, some in groupby(entries, lambda entry: entry.kind != REFERENCE):
            if is_here:
                found = contents.files(self._store, self._store, some, workers=self._workers, progress=self._progress)
            else:
                found = (opened for entry in some if (opened := self._fetched(entry)) is not None)
            for opened in found:
                self._entries += 1
                self._size += opened.entry.size
                yield opened

    def _fetched(self, entry: Entry) -> contents.Opened | None:
        """A reference as a file of its own; None if its bytes cannot be had.

        Its size stands before its bytes in an archive: one of which nobody says the size cannot be there.
        """
        try:
            size = fetch.size_of(entry)
            if size is None:
                raise NotFoundError("no-such-source", "its source does not say how many bytes it has")
            blocks = fetch.whole(entry, self._known)
            first = next(blocks, b"")
        except ArtError as error:
            if error.slug not in fetch.SLUGS:
                raise
            self._left_out.append(Unbrought(entry.path, error))
            return None
        wanted = entry._replace(kind=FILE, size=size, data=None)
        return contents.Opened(wanted, _exactly(wanted, chain([first], blocks)))

    def write(self, path: Path) -> None:
        """Make the file `path` of it, under a temporary name until it is whole.

        Raises `ConflictError` (`destination-not-empty`) if there is something, and as `blocks`.
        """
        check_free(path)
        with Writer(path.parent) as writer:
            writer.create(os.fsencode(path.name), self.blocks())


def _exactly(entry: Entry, blocks: Iterator[Buffer]) -> Iterator[Buffer]:
    """The same bytes; raises `IntegrityError` (`source-changed`) if they are not as many as the archive has said."""
    left = entry.size
    for block in blocks:
        left -= len(block)
        if left < 0:
            break
        yield block
    if left:
        raise fetch.changed(manifest.shown(entry.path), f"it has not the {entry.size:,} bytes that were announced")


def format_of(path: str | None) -> str:
    """The format that a file's name asks for; tar where it says nothing. Raises `UsageError` (`bad-archive`)."""
    suffix = os.path.splitext(path or "")[1].lower()
    if packer := PACKED.get(suffix):
        raise UsageError(
            "bad-archive", f"an archive is not compressed here: {path!r}",
            hint=f"art export REF --format tar -o - | {packer} > {path}",
        )  # fmt: skip
    return suffix[1:] if suffix[1:] in FORMATS else "tar"
