"""References among the entries that are to be written: their bytes are fetched, or it is told which could not be.

What fails at its source is gathered, so that one dead address does not keep the other files away; what fails here (a
full disk, a file in the way) stops all, as it does for files of the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from artcli.catalog.manifest import Entry
from artcli.content import Buffer
from artcli.errors import ArtError, AuthError, IntegrityError, NetworkError, NotFoundError, PartialError, UsageError
from artcli.files.writer import Writer
from artcli.flows.references import fetch, reference
from artcli.flows.references.known import Known
from artcli.flows.references.source import is_known
from artcli.progress import Progress
from artcli.threads import ahead

LARGE = 64 << 20
"""Bytes from which a file is brought alone, told of as it comes; smaller ones several at a time."""
FETCHERS = 8
_WORST_FIRST = (IntegrityError, AuthError, NetworkError, NotFoundError, UsageError)


class Unbrought(NamedTuple):
    """A reference whose bytes are not here."""

    path: bytes
    error: ArtError
    size: int = 0
    """Bytes that it should have."""


class Bringer:
    """Writes references below the root of `writer`."""

    def __init__(self, known: Known, writer: Writer, *, progress: Progress, mtime: int) -> None:
        """`mtime`: the time that every file gets, in nanoseconds since 1970."""
        self.unbrought: list[Unbrought] = []
        self._known = known
        self._writer = writer
        self._progress = progress
        self._mtime = mtime

    def write(self, entries: Sequence[Entry]) -> None:
        """Write them all, or tell in `unbrought`; raises what `Writer` raises."""
        small = [entry for entry in entries if 0 < entry.size < LARGE]
        for entry, error in ahead(lambda entry: (entry, self._create(entry)), small, workers=FETCHERS):
            self._settle(entry, error)
            self._progress.advance(files=1, size=entry.size if error is None else 0)
        for entry in entries:
            if not 0 < entry.size < LARGE:
                self._settle(entry, self._create(entry, self._progress))
                self._progress.advance(files=1)

    def _settle(self, entry: Entry, error: ArtError | None) -> None:
        if error is not None:
            self.unbrought.append(Unbrought(entry.path, error, entry.size))

    def _create(self, entry: Entry, progress: Progress | None = None) -> ArtError | None:
        try:
            blocks = fetch.whole(entry, self._known)
            first = next(blocks, b"")  # before anything is made for it here
            content = _told(chain([first], blocks), progress)
            self._writer.create(entry.path, content, mtime=self._mtime, replace=True)
        except ArtError as error:
            if error.slug not in fetch.SLUGS:
                raise
            return error
        return None


def _told(blocks: Iterator[Buffer], progress: Progress | None) -> Iterator[Buffer]:
    for block in blocks:
        yield block
        if progress is not None:
            progress.advance(size=len(block))


def failure(unbrought: Sequence[Unbrought]) -> ArtError | None:
    """One error for all that could not be brought, the worst kind of them; None if there is none."""
    if not unbrought:
        return None
    errors = [item.error for item in unbrought]
    worst = next((error for kind in _WORST_FIRST for error in errors if isinstance(error, kind)), errors[0])
    name = reference.shown_path(unbrought[[item.error for item in unbrought].index(worst)].path)
    if len(errors) == 1:
        facts = [f"{name} was not brought", *worst.facts]
        return type(worst)(worst.slug, worst.message, facts=facts, hint=worst.hint)
    facts = [f"{reference.shown_path(item.path)}: {item.error.message}" for item in unbrought[:10]]
    message = f"{len(errors):,} files that are kept elsewhere were not brought, among them {name}: {worst.message}"
    return type(worst)(worst.slug, message, facts=facts, hint=worst.hint)


def is_beyond(entry: Entry) -> bool:
    """Nothing here could bring the bytes of a reference, whatever happens."""
    try:
        return not is_known(reference.of(entry).scheme)
    except IntegrityError:
        return True


def is_partial(unbrought: Sequence[Unbrought]) -> bool:
    """Nothing failed but what nobody here can bring: the rest is as good as it can be."""
    return all(isinstance(item.error, PartialError) for item in unbrought)


def paths(unbrought: Sequence[Unbrought]) -> list[str]:
    """The paths of them."""
    return [os.fsdecode(item.path) for item in unbrought]
