"""A version, or a folder of one, as an archive: streamed, so that it never lies anywhere but in the archive."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import REFERENCE, Entry
from artcli.catalog.repository import Repository
from artcli.content import Buffer
from artcli.errors import ConflictError, UsageError
from artcli.files.writer import Writer
from artcli.flows import contents, part
from artcli.flows.archive import FORMATS
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
    left_out: list[str]
    """Paths of entries whose bytes are kept elsewhere."""
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
        self._left_out: list[str] = []
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
        opened = contents.files(
            self._store, self._store, self._kept(entries), workers=self._workers, progress=self._progress
        )
        for block in FORMATS[self.format](opened):
            self._archive += len(block)
            yield block

    def _kept(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.kind == REFERENCE:
                self._left_out.append(manifest.shown(entry.path))
                continue
            self._entries += 1
            self._size += entry.size
            yield entry

    def write(self, path: Path) -> None:
        """Make the file `path` of it, under a temporary name until it is whole.

        Raises `ConflictError` (`destination-not-empty`) if there is something, and as `blocks`.
        """
        check_free(path)
        with Writer(path.parent) as writer:
            writer.create(os.fsencode(path.name), self.blocks())


def check_free(path: Path) -> None:
    """Raise `ConflictError` (`destination-not-empty`) if something has this name."""
    if os.path.lexists(path):
        raise ConflictError(
            "destination-not-empty", f"there is something already: {path}", hint="give another name with -o"
        )


def format_of(path: str | None) -> str:
    """The format that a file's name asks for; tar where it says nothing. Raises `UsageError` (`bad-archive`)."""
    suffix = os.path.splitext(path or "")[1].lower()
    if packer := PACKED.get(suffix):
        raise UsageError(
            "bad-archive", f"an archive is not compressed here: {path!r}",
            hint=f"art export REF --format tar -o - | {packer} > {path}",
        )  # fmt: skip
    return suffix[1:] if suffix[1:] in FORMATS else "tar"
