"""What a transfer carries: facts, and the pages and chunks without which they would not be true where they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from artcli.catalog import texts
from artcli.catalog.catalog import Catalog, Event, Version
from artcli.catalog.facts import Fact
from artcli.catalog.fold import LIVE, OF_A_PLACE, PURGED, TRASH
from artcli.catalog.runs.fold import named
from artcli.catalog.runs.register import Register, Segment
from artcli.content import Digest


class Selection(NamedTuple):
    """Some versions, with what is known of them and of the runs that made them."""

    versions: frozenset[str]
    """Their ids."""
    artifacts: frozenset[int]
    runs: frozenset[str]
    """Ids of the runs that logged them."""

    @classmethod
    def of(cls, catalog: Catalog, versions: Iterable[Version]) -> Selection:
        """The selection of these versions of `catalog`."""
        chosen = list(versions)
        register = Register(catalog.database)
        runs = {run.id for version in chosen for run in register.producers(version.id)}
        ids = frozenset(version.id for version in chosen)
        return cls(ids, frozenset(version.artifact for version in chosen), frozenset(runs))

    def has(self, event: Event) -> bool:
        """Whether a fact says something of the selection."""
        if event.run is not None:
            return event.run in self.runs
        if event.version is not None:
            return event.version in self.versions
        return event.artifact in self.artifacts


class Needed(NamedTuple):
    """What must be in a place for facts to be true there."""

    roots: list[Digest]
    """Root pages of manifests."""
    texts: list[Digest]
    """Chunks that stand alone: long texts, what runs said."""


def shared(events: Iterable[Event]) -> Iterator[Event]:
    """Those that are others' business too."""
    return (event for event in events if event.fact.kind not in OF_A_PLACE)


def everything(catalog: Catalog, selection: Selection | None = None) -> Needed:
    """What all that is there needs, or the selection: versions and runs that are live or in the trash."""
    register = Register(catalog.database)
    versions: Iterable[Version] = catalog.versions(states=(LIVE, TRASH))
    segments: Iterable[Segment] = register.holding((LIVE, TRASH))
    said = list(catalog.texts())
    of_runs = list(register.texts((LIVE, TRASH)))
    if selection is not None:
        versions = [version for version in versions if version.id in selection.versions]
        segments = [segment for run in sorted(selection.runs) for segment in register.segments(run)]
        said = [text for text in said if text.artifact in selection.artifacts]
        said = [text for text in said if text.version is None or text.version in selection.versions]
        of_runs = [text for text in of_runs if text.run in selection.runs]
    needed = Needed([version.root.page for version in versions], [text.digest for text in said])
    needed.texts.extend(text.digest for text in of_runs)
    for segment in segments:
        _need_segment(needed, segment)
    return needed


def needs(catalog: Catalog, facts: Iterable[Fact]) -> Needed:
    """What these facts of `catalog` need; of what was purged since, nothing."""
    register = Register(catalog.database)
    needed = Needed([], [])
    runs: dict[str, None] = {}
    for fact in facts:
        if fact.kind == "version":
            version = catalog.version(fact.id)
            if version is not None and version.state != PURGED:
                needed.roots.append(version.root.page)
        elif fact.kind == "segment" and (run := named(fact.data)):
            runs[run] = None
        needed.texts.extend(text for text in texts.said(fact.data) if _is_needed(catalog, register, fact, text))
    for run in runs:
        known = register.run(run)
        if known is None or known.state != PURGED:
            for segment in register.segments(run):
                _need_segment(needed, segment)
    return needed


def _need_segment(needed: Needed, segment: Segment) -> None:
    if segment.page:
        needed.roots.append(segment.page)
    needed.texts.extend((*segment.records, *segment.console))


def _is_needed(catalog: Catalog, register: Register, fact: Fact, text: Digest) -> bool:
    run = named(fact.data)
    return register.has_text(run, text) if run else catalog.has_text(text)
