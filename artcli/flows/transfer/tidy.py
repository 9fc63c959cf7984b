"""Indexes of another place, merged where eight of a size have come together, so that they stay few.

It is a commit of its own, after a push: the push does not wait for what others do to these indexes meanwhile, and if
they do anything the merging is dropped. Rows of condemned packs are left out; nobody may count on them any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from artcli.catalog.facts import Fact
from artcli.catalog.place import Place
from artcli.errors import ArtError
from artcli.flows.transfer.request import index_fact
from artcli.progress import Progress
from artcli.store.index import Index, index_key, merge_indexes, merge_plan
from artcli.store.writer import Flushed


class _MovedOn(Exception):
    """The indexes are others now."""


def tidy(place: Place, progress: Progress) -> None:
    """Merge the indexes of `place` that are worth it; what goes wrong is told, and harms nothing."""
    indexes = place.store.indexes
    try:
        for group in merge_plan([len(index) for index in indexes]):
            _merge(place, [indexes[at] for at in group])
    except _MovedOn:
        return  # whoever changed them pushes too, and will find them
    except ArtError as error:
        progress.warn(f"indexes were not merged: {error.message}")


def _merge(place: Place, indexes: Sequence[Index]) -> None:
    for index in indexes:
        index.verify()
    condemned = place.catalog.condemned()
    merged = merge_indexes([(row for row in index.rows() if row.pack not in condemned) for index in indexes])
    if place.catalog.has_named_index(merged.name):
        return  # gc may be about to delete what has that name
    place.bucket.add(index_key(merged.name), merged.buffers)
    names = [index.name for index in indexes]

    def plan() -> Sequence[Fact]:
        if place.catalog.condemned() != condemned or not set(names) <= set(place.catalog.indexes()):
            raise _MovedOn
        return index_fact(Flushed([merged.name], names, [], 0, 0))

    place.commit(plan)
