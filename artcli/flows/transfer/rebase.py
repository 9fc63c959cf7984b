"""What becomes of this repository's own changes when others' come before them.

A version made here gets the next number. An alias that somebody else has moved meanwhile stays where they put it: the
move made here is recorded, has no effect, and whoever made it is told how to repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from artcli.flows.renumbered import remember


class Unmoved(NamedTuple):
    """A move of an alias that has no effect, because somebody else had moved it."""

    alias: str
    """`name:alias`."""
    to: str
    """The version that it was to lead to, as `name:vN`."""
    at: str | None
    """The version that it leads to; None: to none."""


class Rebased(NamedTuple):
    """What is another now."""

    renumbered: Sequence[tuple[str, str]] = ()
    """Versions made here: what they were, what they are."""
    unmoved: Sequence[Unmoved] = ()


NOTHING = Rebased()


class Standing:
    """How own changes stood before others' came."""

    def __init__(self, repository: Repository) -> None:
        self._path = repository.path
        self._refs = {version.id: version for version in _own(repository)}
        self._moves = _moves(repository, applied=True)

    def since(self, repository: Repository) -> Rebased:
        """What is another now in the same repository, which may have been opened anew; remembers it."""
        catalog = repository.catalog
        renumbered = []
        for id, before in self._refs.items():
            after = catalog.version(id)
            if after is not None and after.number != before.number:
                renumbered.append((before, after))
        lost = self._moves & _moves(repository, applied=False)
        unmoved = [found for id in sorted(lost) if (found := _unmoved(catalog, id)) is not None]
        if renumbered:
            remember(self._path, renumbered)
        return Rebased([(before.ref, after.ref) for before, after in renumbered], unmoved)


def _own(repository: Repository) -> list[Version]:
    """The versions of which the authority does not know; without an authority all."""
    catalog, states = repository.catalog, (LIVE, TRASH)
    if repository.follower.authority is None:
        return list(catalog.versions(states=states))
    known = (catalog.version(id) for id in sorted(repository.provisional()))
    return [version for version in known if version is not None and version.state in states]


def _moves(repository: Repository, *, applied: bool) -> set[str]:
    """Ids of own facts that move an alias, and have had an effect or not."""
    rows = repository.follower.database.execute(
        "SELECT id FROM facts WHERE kind = 'alias' AND own AND applied = ?", (applied,)
    )
    return {row[0] for row in rows}


def _unmoved(catalog: Catalog, id: str) -> Unmoved | None:
    fact = catalog.event(id)[0].fact
    wanted = catalog.version(fact.data["version"])
    if wanted is None:
        return None
    alias = fact.data["alias"]
    there = catalog.aliased(wanted.artifact, alias)
    if there is not None and there.id == wanted.id:
        return None  # they have moved it to the same version
    return Unmoved(f"{wanted.name}:{alias}", wanted.ref, there.ref if there else None)
