"""The bytes of files in versions, streamed and verified: nothing is written anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import REFERENCE, SIZE_LIMIT, Entry
from artcli.catalog.repository import Repository
from artcli.content import Buffer
from artcli.errors import UsageError
from artcli.flows import contents, part
from artcli.flows.references import fetch
from artcli.flows.references.known import Known
from artcli.threads import worker_count

_SPAN = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


class Span(NamedTuple):
    """Bytes of a file, as an HTTP range has them."""

    first: int | None
    """None: the last `last` bytes."""
    last: int | None
    """The last byte that is meant; None: to the end."""

    def of(self, size: int) -> tuple[int, int]:
        """(start, end) in a file of `size` bytes, the end exclusive; raises `UsageError` (`bad-range`)."""
        if self.first is None:
            return max(0, size - (self.last or 0)), size
        if self.first >= size:
            raise _bad(f"the file has {size} bytes, and none at {self.first}")
        return self.first, size if self.last is None else min(size, self.last + 1)


class Opened(NamedTuple):
    """A file that is there and may be read."""

    version: Version
    entry: Entry
    start: int
    end: int
    """Of the bytes that are wanted; exclusive."""
    note: str | None

    @property
    def size(self) -> int:
        return self.end - self.start


def span(text: str) -> Span:
    """`0-499` (both included), `500-` (to the end), `-500` (the last 500); raises `UsageError` (`bad-range`)."""
    found = _SPAN.fullmatch(text)
    if not found or text == "-":
        raise _bad(f"a range is A-B, A- or -N: {text!r}")
    first, last = (int(word) if word else None for word in found.groups())
    if first is not None and last is not None and first > last:
        raise _bad(f"the range ends before it begins: {text!r}")
    return Span(first, last)


def find(repository: Repository, refs: Sequence[str], project: str, wanted: Span | None = None) -> list[Opened]:
    """The files that `refs` name, all of them or none.

    Raises `NotFoundError`, `UsageError` (`which-file`, `bad-range`), of a reference as `fetch.size_of`.
    """
    opened = []
    for ref in refs:
        found = resolve.version(repository.catalog, ref, project)
        entry = part.file(repository.store, found.version, found.path)
        size = _size(entry)
        start, end = wanted.of(size) if wanted else (0, size)
        opened.append(Opened(found.version, entry, start, end, found.note))
    return opened


def read(repository: Repository, opened: Opened, workers: int | None = None) -> Iterator[Buffer]:
    """The wanted bytes of a file, in order; raises as `contents.file`, of a reference as `fetch.whole`."""
    if opened.entry.kind == REFERENCE:
        if (opened.start, opened.end) == (0, _size(opened.entry)):
            return fetch.whole(opened.entry, Known(repository.path))
        return fetch.part(opened.entry, opened.start, opened.end)
    return contents.file(
        repository.store,
        repository.store,
        opened.entry,
        workers=workers or worker_count(),
        start=opened.start,
        end=opened.end,
    )


def _size(entry: Entry) -> int:
    """Bytes of a file; of a reference of which nobody says it more than it can have."""
    if entry.kind != REFERENCE:
        return entry.size
    size = fetch.size_of(entry)
    return SIZE_LIMIT if size is None else size


def _bad(why: str) -> UsageError:
    return UsageError("bad-range", why, hint="art cat REF/PATH --range 0-499")
