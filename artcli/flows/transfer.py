"""Push and pull: what one place has and another lacks goes there.

Both are one thing in two directions: copy the chunks that the target lacks (packs, then their index), then add the
facts that it lacks, with that index, as one log entry. A page that the target has stands for all below it, for no log
names what is not there; so what is compared is what is new, however much exists. A cut-off transfer leaves packs that
nobody names, and the same command begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from artcli.catalog import facts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, OF_A_PLACE, TRASH
from artcli.catalog.manifest.reach import walk_pages
from artcli.catalog.place import Place
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs.register import Register
from artcli.content import Digest
from artcli.progress import Progress, Silent
from artcli.store.store import Store
from artcli.store.writer import Flushed, Writer
from artcli.threads import worker_count

BATCH = 16 * 1024
"""Chunks that are looked up, and read, together."""


class Transferred(NamedTuple):
    """What a push or a pull has done."""

    facts: int
    chunks: int
    """That the target did not have."""
    stored: int
    """Their bytes, as stored."""


def push(repository: Repository, place: Place, progress: Progress | None = None) -> Transferred:
    """Bring what the repository has to `place`: chunks, then facts in one entry of its log.

    Raises as `Place.fetch` and `Place.commit`, and `IntegrityError` for chunks of ours that are missing or damaged.
    """
    with place.at_work(), repository.reading():
        place.check()
        place.fetch()
        made, copied, flushed = _push(repository, place, progress or Silent())
    repository.refresh()
    return Transferred(sum(fact.kind not in OF_A_PLACE for fact in made), copied, flushed.stored)


def _push(repository: Repository, place: Place, progress: Progress) -> tuple[list[Fact], int, Flushed]:
    with place.store.writer() as writer:
        copied = _copy(_needed(repository.catalog), repository.store, place.store, writer, progress)
        flushed = writer.flush()

        def plan() -> list[Fact]:
            lacking = [fact for fact in shared(repository.catalog) if not place.has(fact.id)]
            return [*_index(flushed), *lacking]

        return place.commit(plan), copied, flushed


def pull(repository: Repository, place: Place, progress: Progress | None = None) -> Transferred:
    """Bring what `place` has to the repository: its log to the mirror, chunks to the store.

    The facts of an authority come with its log; those of any other place are committed here. Raises as `push`.
    """
    with place.at_work(), repository.writing(), repository.store.writer() as writer:
        place.check()
        place.fetch()
        copied = _copy(_needed(place.catalog), place.store, repository.store, writer, progress or Silent())
        flushed = writer.flush()
        authority = repository.follower.authority
        is_authority = authority is not None and authority.place == place.log.place

        def plan(catalog: Catalog, make: Make) -> list[Fact]:
            lacking = [] if is_authority else [fact for fact in shared(place.catalog) if not catalog.event(fact.id)]
            return [*_index(flushed), *lacking]

        made = repository.commit(plan)
    return Transferred(sum(fact.kind not in OF_A_PLACE for fact in made), copied, flushed.stored)


def shared(catalog: Catalog) -> Iterator[Fact]:
    """The facts of a place that are others' business too, in the order of its fold."""
    return (event.fact for event in catalog.events() if event.fact.kind not in OF_A_PLACE)


def _index(flushed: Flushed) -> list[Fact]:
    if not flushed.add and not flushed.remove:
        return []
    draft = Draft("index", {"add": flushed.add, "remove": flushed.remove})
    return [facts.make(draft, facts.this_actor(), facts.this_machine())]


class _Needed(NamedTuple):
    """What must be in a place for its facts to be true."""

    roots: list[Digest]
    """Of manifests."""
    texts: list[Digest]
    """Chunks that stand alone: long texts, what runs said."""


def _needed(catalog: Catalog) -> _Needed:
    register = Register(catalog.database)
    segments = list(register.holding((LIVE, TRASH)))
    roots = [version.root.page for version in catalog.versions(states=(LIVE, TRASH))]
    roots += [segment.page for segment in segments if segment.page]
    texts = [text.digest for text in catalog.texts()]
    texts += [text.digest for text in register.texts((LIVE, TRASH))]
    texts += [chunk for segment in segments for chunk in (*segment.records, *segment.console)]
    return _Needed(roots, texts)


def _copy(needed: _Needed, source: Store, target: Store, writer: Writer, progress: Progress) -> int:
    """Put into `writer` what `target` lacks of it; how many chunks."""
    count = 0
    seen = _Seen(target)
    for digest in needed.texts:
        if not seen(digest):
            writer.put(source.get(digest))
            count += 1
    for chunks in _batches(_reached(needed.roots, source, seen, writer)):
        for frame in source.frames(chunks, workers=worker_count()):
            writer.add(frame)
            count += 1
            progress.advance(size=frame.stored)
    return count + seen.pages


class _Seen:
    """Whether the target has a page or chunk, or was just given it."""

    def __init__(self, target: Store) -> None:
        self._target = target
        self._met: set[Digest] = set()
        self.pages = 0
        """Pages that were copied."""

    def __call__(self, digest: Digest) -> bool:
        if digest in self._met or digest in self._target:
            return True
        self._met.add(digest)
        return False


def _reached(roots: Iterable[Digest], source: Store, seen: _Seen, writer: Writer) -> Iterator[Digest]:
    """The chunks of files that the target lacks; pages are copied on the way."""
    for root in roots:
        if root not in source:
            continue  # a version whose bytes are elsewhere
        for reached in walk_pages(source, root, seen):
            writer.put(source.get(reached.page))
            seen.pages += 1
            yield from (digest for digest, _ in reached.chunks if not seen(digest))


def _batches(digests: Iterator[Digest]) -> Iterator[list[Digest]]:
    batch: list[Digest] = []
    for digest in digests:
        batch.append(digest)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
