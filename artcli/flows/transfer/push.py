"""Push: what is here goes to another place.

The commit over there is won by whoever is first, as everywhere. What may have happened there meanwhile is that gc has
condemned packs on whose chunks this push counted, its own among them: then these chunks are brought anew before it
tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from typing import Protocol

from artcli.catalog.catalog import Catalog, Event
from artcli.catalog.facts import Fact
from artcli.catalog.fold import OF_A_PLACE
from artcli.catalog.place import Place
from artcli.catalog.repository import Repository
from artcli.content import Digest
from artcli.errors import AuthError
from artcli.flows.transfer.cargo import Needed, needs, shared
from artcli.flows.transfer.copying import Copying, Price
from artcli.flows.transfer.rebase import Standing
from artcli.flows.transfer.request import ALL, Request, Transferred, check_price, index_fact
from artcli.flows.transfer.tidy import tidy
from artcli.progress import Progress, Silent
from artcli.store.store import Store
from artcli.store.writer import Flushed, Writer
from artcli.threads import worker_count


class _Moved(Exception):
    """Packs were condemned since the chunks were compared."""


class _Condemned(Exception):
    """What was brought has been condemned over there."""


def push(repository: Repository, place: Place, request: Request = ALL, progress: Progress | None = None) -> Transferred:
    """Bring what the repository has to `place`: chunks, then facts in one entry of its log.

    Raises as `Place.fetch` and `Place.commit`, `IntegrityError` for chunks of ours that are missing or damaged, and
    `SpaceError` (`over-max-bytes`).
    """
    with place.at_work(), repository.reading():
        standing = Standing(repository)
        unsettled = repository.follower.fold.unsettled if place.is_authority_of(repository) else None
        work = _Push(repository, place, request, progress or Silent(), unsettled)
        done = work.run()
        if done.facts and not request.dry_run and place.kept.mark == work.before:
            place.kept.looked_at(work.before + 1)  # what was made here need not be looked at by the next fetch
    repository.refresh()
    return done._replace(rebased=standing.since(repository))


def copy(
    source: Place, target: Place, pusher: str, request: Request = ALL, progress: Progress | None = None
) -> Transferred:
    """Bring what one place has to another one, past the repository `pusher` (its place's id); raises as `push`."""
    with target.at_work(), source.at_work():
        source.check_whole()
        return _Push(_Lent(source, pusher), target, request, progress or Silent(), None).run()


class Origin(Protocol):
    """Where what is brought comes from."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def store(self) -> Store: ...
    @property
    def place(self) -> str:
        """The id by which packs that are made again are the same."""

    def refresh(self) -> None:
        """See what has happened since."""


class _Lent:
    """A place as an origin."""

    def __init__(self, source: Place, pusher: str) -> None:
        self._source = source
        self.place = pusher

    @property
    def catalog(self) -> Catalog:
        return self._source.catalog

    @property
    def store(self) -> Store:
        return self._source.store

    def refresh(self) -> None:
        self._source.fetch()


class _Push:
    def __init__(
        self,
        repository: Origin,
        place: Place,
        request: Request,
        progress: Progress,
        unsettled: Callable[[], Iterable[str]] | None,
    ) -> None:
        """`unsettled`: the ids of the facts that the place has not, if that is known without asking for each."""
        self.repository = repository
        self.unsettled = unsettled
        self.place = place
        self.request = request
        self.progress = progress
        self.started = time.monotonic()
        self.copied = self.stored = 0
        self.before = -1
        """The entry of the place's log that ours, or the last of ours, follows."""

    def run(self) -> Transferred:
        self.progress.phase("comparing")
        self.place.fetch()
        self.place.check_whole()
        self.repository.refresh()
        events = self._lacking()
        if self.request.dry_run or not events:
            price = self._price(needs(self.repository.catalog, [event.fact for event in events]))
            return self._done(len(events), price)
        while True:
            try:
                with self.place.store.writer(self.place.manner(self.repository.place)) as writer:
                    done = self._bring(writer)
                tidy(self.place, self.progress)
                return done
            except _Condemned:
                self.progress.warn("gc has condemned what this push counted on; that is brought anew")

    def _lacking(self) -> list[Event]:
        """The facts that the place has not, in the order of the fold."""
        catalog = self.repository.catalog
        selection = self.request.selection(catalog)
        if self.unsettled is not None:
            found = [event for id in self.unsettled() for event in catalog.event(id)]
        else:
            found = [event for event in catalog.events() if not self.place.has(event.fact.id)]
        return [event for event in shared(found) if selection is None or selection.has(event)]

    def _price(self, needed: Needed) -> Price:
        with self._copying(None) as copying:
            return copying.plan(needed)

    def _copying(self, writer: Writer | None) -> Copying:
        store = self.place.store
        return Copying(self.repository.store, store.missing, writer, self.progress, workers=worker_count())

    def _bring(self, writer: Writer) -> Transferred:
        """Chunks, then facts, until both are there and nothing that was counted on was condemned meanwhile."""
        flushed = Flushed([], [], [], 0, 0)
        while True:
            standing = self.place.catalog.condemned()
            events = self._lacking()
            flushed = _joined(flushed, self._copy(writer, needs(self.repository.catalog, [e.fact for e in events])))
            try:
                made = self._commit(flushed, standing)
            except _Moved:
                if self.place.catalog.condemned() & {bytes.fromhex(pack) for pack in flushed.packs}:
                    raise _Condemned from None
                continue
            return self._done(sum(fact.kind not in OF_A_PLACE for fact in made), Price(self.copied, self.stored))

    def _copy(self, writer: Writer, needed: Needed) -> Flushed:
        if self.request.most is not None:
            check_price(self._price(needed), self.request)  # the plan below already sends pages
        with self._copying(writer) as copying:
            price = copying.plan(needed)
            self.progress.phase("sending", size=price.stored)
            copying.carry_out()
            flushed = writer.flush()
            self.copied += copying.copied
            self.stored += flushed.stored
            return flushed

    def _commit(self, flushed: Flushed, standing: Set[Digest]) -> list[Fact]:
        def plan() -> list[Fact]:
            if self.place.catalog.condemned() != standing:
                raise _Moved
            self.repository.refresh()
            self.before = self.place.follower.head.n
            return [*index_fact(flushed), *(event.fact for event in self._lacking())]

        try:
            return self.place.commit(plan)
        except AuthError as error:
            raise self._named(error) from None

    def _named(self, error: AuthError) -> AuthError:
        """The same error; of a fact that the place names, and does not take from us, what it is in our words."""
        refused = next((event.fact for event in self._lacking() if event.fact.id in error.message), None)
        if refused is None:
            return error
        return AuthError(
            error.slug,
            error.message,
            facts=[
                f"that is: {_told(refused, self.repository.catalog)}",
                "changes go together, so none was taken; all are kept here",
                "push with a token that permits it (art login, ART_TOKEN), or versions without it:",
            ],
            hint="art push NAME:VERSION",
        )

    def _done(self, facts: int, price: Price) -> Transferred:
        return Transferred(facts, price.chunks, price.stored, self.request.dry_run, time.monotonic() - self.started)


def _told(fact: Fact, catalog: Catalog) -> str:
    """A fact in a few words, such as "delete of data:v0"."""
    data = fact.data
    version = catalog.version(str(data.get("version", "")))
    about = f"{version.project}/{version.ref}" if version else data.get("name") or data.get("from") or data.get("run")
    return f"{fact.kind} of {about}" if about else fact.kind


def _joined(first: Flushed, second: Flushed) -> Flushed:
    """What two flushes of one writer say together."""
    add = [name for name in first.add if name not in second.remove] + second.add
    return Flushed(add, [], first.packs + second.packs, first.stored + second.stored, first.raw + second.raw)
