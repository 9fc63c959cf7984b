"""Long texts kept, and read to be shown.

A list of versions, or of what was said of them, is not to fail because one text is damaged, nor because gc has taken
one that nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from artcli.catalog import texts
from artcli.catalog.catalog import Artifact, Version
from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.texts import Text
from artcli.errors import UNREADABLE

Row = TypeVar("Row", Version, Artifact)


Read = Callable[[Any], Any]
"""Gives the text that stands in a fact, or is named there."""


def as_named(value: Any) -> Any:
    """Leaves the name of a long text where it is."""
    return value


class Reader:
    """Reads the texts of one repository; `lost` is told of each that should be there and cannot be read."""

    def __init__(self, repository: Repository, lost: Callable[[str], None]) -> None:
        self._repository = repository
        self._lost = lost

    def row(self, row: Row) -> Row:
        """The row with its texts instead of their names; None for one that cannot be read."""
        if isinstance(row.description, bytes) or isinstance(row.note, bytes):
            return row._replace(
                description=self._read(row, "description", row.description), note=self._read(row, "note", row.note)
            )
        return row

    def _read(self, row: Version | Artifact, what: str, text: Text | None) -> str | None:
        try:
            return read(self._repository, text)
        except UNREADABLE as error:
            ref = row.ref if isinstance(row, Version) else row.name
            self._lost(f"the {what} of {ref} cannot be read: {error.message}; art fsck")
            return None

    def value(self, value: Any) -> Any:
        """The text that a fact names; what is no name of one, and the name of one that is not to be had, as it is."""
        if isinstance(value, str):
            return value
        try:
            return read(self._repository, texts.named(value))
        except (ValueError, *UNREADABLE):
            return value


@contextmanager
def kept(repository: Repository, *said: Text | None) -> Iterator[tuple[list[Text | None], list[Draft]]]:
    """The texts as facts are to have them, and what else the block has to commit with those facts, and before them.

    Long ones are put into a pack; gc waits until the block is over. Commit that also where no fact names a text after
    all: it was said before, and may have been lost. Raises as `texts.check`, `SpaceError`.
    """
    if not any(map(texts.is_long, said)):
        yield list(said), []
        return
    with repository.writing(), repository.store.writer() as writer:
        named = [texts.keep(writer, text) for text in said]
        flushed = writer.flush()
        yield named, [Draft("index", {"add": flushed.add, "remove": flushed.remove})] if flushed.add else []


def read(repository: Repository, text: Text | None) -> str | None:
    """The text itself; raises `IntegrityError`. Without a long one the store is left alone."""
    return texts.read(repository.store, text) if isinstance(text, bytes) else text


def readable(repository: Repository, row: Row) -> Row:
    """The row with its texts instead of their names; raises `IntegrityError`."""
    return row._replace(description=read(repository, row.description), note=read(repository, row.note))
