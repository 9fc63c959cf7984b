"""A remote whose history is another than this machine has seen: an old copy was put in its place, or files went.

Nobody can tell from here whether that was meant. So a push or a pull refuses, until somebody says which of the two it
is to be: the remote is taken as it is now, or it is given back what it has lost, as far as that is here. What was
mirrored of it stays in `lost+found` in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from artcli.catalog import texts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.fold import OF_A_PLACE
from artcli.catalog.following import START, Head
from artcli.catalog.log import Log
from artcli.catalog.place import Place
from artcli.catalog.repository import Make, Repository
from artcli.content import Digest
from artcli.errors import ConflictError
from artcli.store.store import Store


class Accepted(NamedTuple):
    """What came of it."""

    lost: int
    """Changes that were in the remote's log and are not any more."""
    kept: int
    """Those of them that are to be given back to it, beside those that were made here."""
    elsewhere: int
    """Versions, or parts of runs, that cannot be given back, for their bytes are not here."""


def accept(repository: Repository, place: Place, *, heal: bool) -> Accepted | None:
    """Take the log of `place` as it is; None if it is as it was seen.

    `heal`: what it has lost, and was not made here, is kept as if it had been, so that the next push gives it back.
    Raises as `Place.fetch_anew`; then nothing has changed.
    """
    try:
        place.check()
        place.fetch()
        return None
    except ConflictError as error:
        if error.slug != "remote-rolled-back":
            raise
    with repository.writing():
        now = place.fetch_anew()
        parted = _parted(place.mirror, now)
        there = {fact.id for fact in _facts(now, parted)}
        lost = [fact for fact in _facts(place.mirror, parted) if fact.id not in there]
        # before the mirror goes: what only it says would be said nowhere, were this the end
        kept, elsewhere = _keep(repository, place, lost) if heal else (0, 0)
        place.accept_rollback()
        repository.read_authority_anew()
    return Accepted(len(lost), kept, elsewhere)


def _parted(old: Log, now: Log) -> Head:
    """The last entry that both have: what follows is little, however long they are."""
    last = START
    for one, other in zip(old.after(*START), now.after(*START), strict=False):
        if one.digest != other.digest:
            break
        last = Head(one.n, one.digest)
    return last


def _facts(log: Log, since: Head) -> Iterator[Fact]:
    """Those after an entry that are others' business too."""
    return (fact for entry in log.after(*since) for fact in entry.facts if fact.kind not in OF_A_PLACE)


def _keep(repository: Repository, place: Place, lost: list[Fact]) -> tuple[int, int]:
    """Commit here what was lost, as far as its bytes are here; how many facts, and how many that name other bytes."""
    asked = {fact.id for fact in lost}
    own = {fact.id for fact in _facts(repository.log, START) if fact.id in asked}
    only_there = place.is_authority_of(repository)
    elsewhere: set[str] = set()

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        store = repository.store
        found = []
        for fact in lost:
            is_known = fact.id in own if only_there else bool(catalog.event(fact.id))
            if is_known or fact.data.get("version") in elsewhere:
                continue
            if _is_here(store, fact):
                found.append(fact)
            else:
                elsewhere.add(fact.id)
        return found

    return len(repository.commit(plan)), len(elsewhere)


def _is_here(store: Store, fact: Fact) -> bool:
    try:
        return all(name in store for name in named_chunks(fact.data))
    except ValueError:
        return False  # it names what no chunk is called


def named_chunks(data: Any) -> Iterator[Digest]:
    """The pages, texts and records that the data of a fact name; raises ValueError where a name is none."""
    yield from texts.said(data)
    for key, value in data.items():
        if key == "page":
            yield bytes.fromhex(str(value))
        elif key in ("records", "console") and isinstance(value, list):
            yield from (bytes.fromhex(str(name)) for name in value)
