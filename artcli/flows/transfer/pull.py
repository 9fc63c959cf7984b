"""Fetch and pull: what another place has comes here.

A fetch brings its log, what its runs said and the manifests of its newest and named versions: enough to see, to trace
and to build on what is there, and little however large the data are. A pull brings chunks of files, too, so that these
versions are here.

The pages and texts that a fetch brings are kept beside the mirror of the log, apart from the repository's own: what is
in the repository's own store is whole, with all below it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.fold import LIVE, OF_A_PLACE
from artcli.catalog.kept import Kept
from artcli.catalog.place import Place, kept_of
from artcli.catalog.repository import Make, Repository
from artcli.catalog.view import View
from artcli.content import Digest
from artcli.flows.transfer.cargo import Needed, everything, needs, shared
from artcli.flows.transfer.copying import Copying, Price
from artcli.flows.transfer.rebase import NOTHING, Standing
from artcli.flows.transfer.request import ALL, Request, Transferred, check_price, index_fact
from artcli.progress import Progress, Silent
from artcli.store.store import Store
from artcli.store.writer import Writer

WORKERS = 8
"""Threads that read from another place: each waits for answers more than it works."""


def fetch(repository: Repository, place: Place, progress: Progress | None = None) -> Transferred:
    """Bring the log of `place` to its mirror, and pages and texts beside it; one request where there is no news.

    Raises as `Place.fetch` and `Place.has_news`.
    """
    started = time.monotonic()
    told = progress or Silent()
    told.phase("fetching")
    standing = Standing(repository)
    with place.at_work(), repository.reading():
        is_new = place.follower.head.n < 0
        news = place.fetch() if is_new or place.has_news() else 0
        if news or is_new:
            place.check_whole()  # without news one request is all that is asked
        facts, price = _keep(repository, place, told)
    if news:
        repository.refresh()
    rebased = standing.since(repository) if news else NOTHING
    return Transferred(facts, price.chunks, price.stored, seconds=time.monotonic() - started, rebased=rebased)


def _keep(repository: Repository, place: Place, progress: Progress) -> tuple[int, Price]:
    """Bring what the facts that were not looked at yet need beside chunks of files; how many facts these were."""
    since, head = place.kept.mark, place.follower.head.n
    if since >= head:
        return 0, Price(0, 0)
    catalog = place.catalog
    news = [event.fact for event in shared(catalog.since(since))]
    needed = needs(catalog, news)._replace(roots=list(_newest(catalog)))
    kept, own = place.kept.store(), repository.store
    with kept.writer() as writer:
        with Copying(
            place.store, lambda digests: own.missing(kept.missing(digests)), writer, progress,
            workers=WORKERS, files=False,
        ) as copying:  # fmt: skip
            price = copying.plan(needed)
        place.kept.keep(writer.flush(), head)
    return len(news), price


def keep_manifest(repository: Repository, page: Digest) -> None:
    """Keep the manifest with this root page, if that is not here, beside the mirror of the authority's log.

    A directory that holds the version can be compared with it then, wherever it is taken. Raises as `Store.get`.
    """
    authority = repository.follower.authority
    if authority is not None:
        own = repository.store
        _keep_manifest(kept_of(repository.path, authority.place), own, page, own.missing)


def kept_pages(view: View, page: Digest) -> Store:
    """Where the manifest with this root page is read: beside the mirror of the place that is looked into, brought there
    by a question for each level of its pages. Raises as `Store.get`.
    """
    _keep_manifest(view.seen.kept, view.store, page, set)
    return view.seen.kept.store()


def _keep_manifest(kept: Kept, source: Store, page: Digest, afar: Callable[[Iterable[Digest]], set[Digest]]) -> None:
    """`afar`: which of some pages are not on this machine unless they are kept."""
    store = kept.store()

    def lacking(digests: Sequence[Digest]) -> set[Digest]:
        return afar(store.missing(digests))

    if not lacking([page]):
        return  # what is kept is kept whole
    with store.writer() as writer:
        with Copying(source, lacking, writer, Silent(), workers=WORKERS, files=False) as copying:
            copying.plan(Needed([page], []))
        kept.keep(writer.flush())


def _newest(catalog: Catalog) -> Iterator[Digest]:
    """The root pages of the newest version of each artifact, and of those that have an alias."""
    for summary in catalog.summaries():
        if summary.latest is not None:
            yield summary.latest.root.page
        for alias in catalog.aliases(summary.artifact.id):
            version = catalog.version(alias.version)
            if version is not None and version.state == LIVE:
                yield version.root.page


def pull(
    repository: Repository, place: Place, request: Request = ALL, progress: Progress | None = None, *,
    others: Callable[[], Iterator[Store]] = lambda: iter(()),
) -> Transferred:  # fmt: skip
    """Bring what `place` has to the repository: its log to the mirror, chunks to the store.

    The facts of an authority come with its log; those of any other place are committed here. `others`: where chunks may
    be that the place has not. Raises as `push`, and as `others`.
    """
    told = progress or Silent()
    started = time.monotonic()
    with place.at_work(), repository.writing():
        told.phase("comparing")
        standing = Standing(repository)
        place.fetch()
        place.check_whole()
        repository.refresh()
        done = _Pull(repository, place, request, told, others).run()
    return done._replace(seconds=time.monotonic() - started, rebased=standing.since(repository))


class _Pull:
    def __init__(
        self, repository: Repository, place: Place, request: Request, progress: Progress,
        others: Callable[[], Iterator[Store]],
    ) -> None:  # fmt: skip
        self.repository = repository
        self.others = others
        self.place = place
        self.request = request
        self.progress = progress
        self.selection = request.selection(place.catalog)
        self.is_authority = place.is_authority_of(repository)

    def run(self) -> Transferred:
        needed = everything(self.place.catalog, self.selection)
        if self.request.dry_run:
            with self._copying(None) as copying:
                price = copying.plan(needed)
            return Transferred(len(self._facts(self.repository.catalog)), price.chunks, price.stored, True)
        with self.repository.store.writer() as writer:
            copied = self._copy(writer, needed)
            flushed = writer.flush()

            def plan(catalog: Catalog, make: Make) -> list[Fact]:
                return [*index_fact(flushed), *self._facts(catalog)]

            made = self.repository.commit(plan)
        self.repository.opened.close(needed.roots)
        return Transferred(sum(fact.kind not in OF_A_PLACE for fact in made), copied, flushed.stored)

    def _facts(self, catalog: Catalog) -> list[Fact]:
        """The facts that have to be committed here."""
        if self.is_authority:
            return []
        events = shared(self.place.catalog.events())
        chosen = (event.fact for event in events if self.selection is None or self.selection.has(event))
        return [fact for fact in chosen if not catalog.event(fact.id)]

    def _copy(self, writer: Writer, needed: Needed) -> int:
        with self._copying(writer) as copying:
            price = copying.plan(needed)
            check_price(price, self.request)
            self.progress.phase("receiving", size=price.stored)
            copying.carry_out()
            return copying.copied

    def _copying(self, writer: Writer | None) -> Copying:
        own = self.repository.store
        source = self.repository.layered(lambda: chain((self.place.kept.store(), self.place.store), self.others()))
        return Copying(
            source, own.missing, writer, self.progress, workers=WORKERS, through=bool(self.repository.opened.roots())
        )
