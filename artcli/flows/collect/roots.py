"""What gc starts from: providers of root pages and of texts, and the versions and runs whose time has come.

A provider answers with the root pages of manifests that must stay whole, or with chunks that stand alone, such as long
texts and what runs said. Versions, runs and the trash are the first; whatever else comes to hold some (drafts, mirrors)
adds itself to the lists here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from artcli.catalog import moments
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import PLAUSIBLE_SINCE
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.place import Place
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register, Run, Segment
from artcli.content import Digest
from artcli.flows import rm

PLAUSIBLE_UNTIL = PLAUSIBLE_SINCE + 50 * 365 * 86400
"""A clock beyond this is wrong."""


class Standing(NamedTuple):
    """The repository as it will be when gc's facts are in the log."""

    repository: Repository | Place
    catalog: Catalog
    """Of a fold that comes from the log alone."""
    deleted: Sequence[Version]
    """Versions that go to the trash now."""
    purged: Sequence[Version]
    """Versions that leave the trash for good."""
    purged_runs: Sequence[Run] = ()
    """Runs that do."""

    @property
    def register(self) -> Register:
        """The runs of that catalog."""
        return Register(self.catalog.database)


Provider = Callable[[Standing], Iterable[Digest]]


def live_versions(standing: Standing) -> Iterable[Digest]:
    gone = {version.id for version in standing.deleted}
    return _here(standing, (version for version in standing.catalog.versions() if version.id not in gone))


def trashed_versions(standing: Standing) -> Iterable[Digest]:
    return _here(standing, trash(standing))


def _here(standing: Standing, versions: Iterable[Version]) -> Iterable[Digest]:
    """Their root pages, but for versions that the authority has and whose bytes were never brought here."""
    settled = standing.catalog.settled()
    store = standing.repository.store
    for version in versions:
        if version.id not in settled or version.root.page in store:
            yield version.root.page


def trash(standing: Standing) -> list[Version]:
    """What the trash will hold."""
    gone = {version.id for version in standing.purged}
    there = standing.catalog.versions(states=(TRASH,))
    return [*(version for version in there if version.id not in gone), *standing.deleted]


def kept_texts(standing: Standing) -> Iterable[Digest]:
    """All that was ever said of live versions, and of artifacts until their last version leaves the trash."""
    purged = {version.id for version in standing.purged}
    gone = purged | {version.id for version in trash(standing)}
    left = standing.catalog.versions(states=(LIVE, TRASH))
    ending = {version.artifact for version in standing.purged}
    ending -= {version.artifact for version in left if version.id not in purged}
    for text in standing.catalog.texts():
        if text.version not in gone and (text.version is not None or text.artifact not in ending):
            yield text.digest


def trashed_texts(standing: Standing) -> Iterable[Digest]:
    """What was said of versions in the trash."""
    ids = {version.id for version in trash(standing)}
    return (text.digest for text in standing.catalog.texts() if text.version in ids)


def files_of_runs(standing: Standing) -> Iterable[Digest]:
    return _pages(standing, standing.register.holding((LIVE,)))


def files_of_trashed_runs(standing: Standing) -> Iterable[Digest]:
    return _pages(standing, _trashed_parts(standing))


def _pages(standing: Standing, parts: Iterable[Segment]) -> Iterable[Digest]:
    """Root pages of the files of runs; where there is an authority, those whose bytes are only there are left out."""
    may_be_there = standing.repository.follower.authority is not None
    store = standing.repository.store
    return (part.page for part in parts if part.page and not (may_be_there and part.page not in store))


def said_by_runs(standing: Standing) -> Iterable[Digest]:
    return (chunk for part in standing.register.holding((LIVE,)) for chunk in (*part.records, *part.console))


def texts_of_runs(standing: Standing) -> Iterable[Digest]:
    return (text.digest for text in standing.register.texts((LIVE,)))


def texts_of_trashed_runs(standing: Standing) -> Iterable[Digest]:
    gone = {run.id for run in standing.purged_runs}
    return (text.digest for text in standing.register.texts((TRASH,)) if text.run not in gone)


def said_by_trashed_runs(standing: Standing) -> Iterable[Digest]:
    return (chunk for part in _trashed_parts(standing) for chunk in (*part.records, *part.console))


def _trashed_parts(standing: Standing) -> Iterable[Segment]:
    gone = {run.id for run in standing.purged_runs}
    return (part for part in standing.register.holding((TRASH,)) if part.run not in gone)


def trashed_runs(standing: Standing) -> list[Run]:
    """Runs that the trash will hold."""
    gone = {run.id for run in standing.purged_runs}
    return [run for run in standing.register.runs(states=(TRASH,)) if run.id not in gone]


KEPT_ROOTS: Sequence[Provider] = (live_versions, files_of_runs)
TRASH_ROOTS: Sequence[Provider] = (trashed_versions, files_of_trashed_runs)
KEPT_TEXTS: Sequence[Provider] = (kept_texts, said_by_runs, texts_of_runs)
TRASH_TEXTS: Sequence[Provider] = (trashed_texts, said_by_trashed_runs, texts_of_trashed_runs)
ALL_ROOTS, ALL_TEXTS = (*KEPT_ROOTS, *TRASH_ROOTS), (*KEPT_TEXTS, *TRASH_TEXTS)


def asked(providers: Sequence[Provider], standing: Standing) -> Iterable[Digest]:
    """The answers of all providers."""
    return (digest for provider in providers for digest in provider(standing))


# --- the versions and runs whose time has come ---


def superfluous(catalog: Catalog) -> list[Version]:
    """Live versions beyond what their artifacts keep."""
    return [
        version
        for artifact in catalog.artifacts()
        if artifact.keep_last is not None
        for version in rm.beyond_keep_last(catalog, artifact)
        if version.state == LIVE
    ]


class Expiry:
    """Which versions and runs of the trash are old enough, by clocks of which some are wrong.

    A board without a battery says 1970 and other clocks are ahead. A deletion whose time cannot be true is as old as
    the first later fact whose time can: it cannot be younger. Without one, or by a clock now that cannot be right, no
    age is known, and what is in the trash stays.
    """

    def __init__(self, catalog: Catalog, grace: float, now: float | None = None) -> None:
        """`grace`: seconds in the trash; `now`: seconds since 1970."""
        self._catalog = catalog
        self._grace = grace
        self._now = time.time() if now is None else now
        self._times: list[tuple[int, float]] | None = None

    @property
    def is_clock_plausible(self) -> bool:
        return PLAUSIBLE_SINCE <= self._now < PLAUSIBLE_UNTIL

    def is_due(self, deleted: Version | Run) -> bool:
        """Whether what is in the trash may leave it."""
        if not self.is_clock_plausible:
            return False
        moment = self._moment(deleted)
        return moment is not None and self._now - moment >= self._grace

    def _moment(self, deleted: Version | Run) -> float | None:
        """When it was deleted, or a later moment."""
        run, version = (deleted.id, None) if isinstance(deleted, Run) else (None, deleted.id)
        deletions = self._catalog.events(version=version, run=run, backwards=True)
        event = next((event for event in deletions if event.fact.kind == "delete" and event.applied), None)
        if event is None:
            return None
        if self._can_be(moment := moments.seconds(event.fact.time)):
            return moment
        if self._times is None:
            self._times = [(event.seq, moments.seconds(event.fact.time)) for event in self._catalog.events()]
        return next((moment for seq, moment in self._times if seq > event.seq and self._can_be(moment)), None)

    def _can_be(self, moment: float) -> bool:
        return PLAUSIBLE_SINCE <= moment <= self._now


def due(catalog: Catalog, expiry: Expiry | None) -> list[Version]:
    """Versions that leave the trash: those that `expiry` says, or all if it is None; never one with an alias."""
    return [
        version
        for version in catalog.trash()
        if (expiry is None or expiry.is_due(version)) and not catalog.aliases_of(version)
    ]


def due_runs(catalog: Catalog, expiry: Expiry | None) -> list[Run]:
    """Runs that leave the trash: those that `expiry` says, or all if it is None."""
    return [run for run in Register(catalog.database).runs(states=(TRASH,)) if expiry is None or expiry.is_due(run)]
