"""What gc of a repository and gc of a shared place have in common: what is asked, what came of it, and what stays.

See `collect` for the one and `collect.shared` for the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from artcli.catalog.afresh import catch_up, fold_afresh
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.log import Log
from artcli.catalog.place import Place
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs.register import Run
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.flows.careful import open_index
from artcli.flows.collect import roots
from artcli.flows.collect.marks import KEPT, TRASHED, UNREACHED, Marks, mark_all
from artcli.flows.collect.plan import Plan
from artcli.flows.collect.roots import Expiry, Standing
from artcli.progress import Progress
from artcli.store.store import Store

GRACE = 30 * 86400.0
"""Seconds in the trash."""
MOST_FACTS = 1000
"""Versions that one log entry deletes or purges; more come in rounds."""


class Request(NamedTuple):
    """How to collect."""

    grace: float = GRACE
    """Seconds that a deleted version stays in the trash."""
    empty_trash: bool = False
    """The trash goes now, whatever its age."""
    dry_run: bool = False
    now: float | None = None
    """Seconds since 1970, instead of the clock's."""
    readers: float = GRACE
    """Seconds that condemned packs of a shared place stay, for those who still read them."""


DEFAULT = Request()


class Collected(NamedTuple):
    """What came of it, or would come of it."""

    dry_run: bool
    freed: int
    """Bytes."""
    stored: int
    """Bytes of packs and indexes that remain."""
    dust_files: int
    dust_size: int
    """Of `freed`: what killed commands had left."""
    packs_deleted: int
    packs_rewritten: int
    deleted: Sequence[Version]
    """Versions beyond keep-last, now in the trash."""
    purged: Sequence[Version]
    """Versions that have left the trash."""
    purged_runs: Sequence[Run]
    """Runs that have."""
    trash: Sequence[Version]
    """Versions in the trash."""
    trash_runs: Sequence[Run]
    """Runs in it."""
    trash_size: int
    """Bytes that only they hold."""
    wanted: int
    """Bytes of room on the disk with which more could be freed; 0 if nothing more could."""
    seconds: float
    condemned: int = 0
    """Packs of a shared place that are there still, and on which nobody may count any more."""
    condemned_size: int = 0
    """Their bytes."""
    kept_size: int = 0
    """Of `freed`: pages and texts of other places that nothing needs any more."""


class MovedOn(Exception):
    """The log has grown by something that changes what must stay."""


class Collection:
    """One run."""

    def __init__(self, holder: Repository | Place, log: Log, request: Request, progress: Progress) -> None:
        """`log`: of `holder`, where it is quickest to read."""
        self.holder = holder
        self.log = log
        self.bucket = holder.bucket
        self.request = request
        self.progress = progress
        self.started = time.monotonic()
        self.opened: Set[Digest] = frozenset()
        """Root pages below which what is not here is in another place."""
        self.deleted: list[Version] = []
        self.purged: list[Version] = []
        self.purged_runs: list[Run] = []

    def read_log(self) -> None:
        """Fold the log to its end, from its beginning."""
        self.progress.phase("reading the log")
        self.fold = fold_afresh(self.log, self.holder.follower.authority)
        self.catalog = Catalog(self.fold.database)

    def catch_up(self) -> None:
        """Fold what has come since."""
        catch_up(self.fold, self.log, self.holder.follower.authority)

    def choose(self) -> Standing:
        """Which versions and runs go."""
        request = self.request
        expiry = None if request.empty_trash else Expiry(self.catalog, request.grace, request.now)
        if expiry is not None and not expiry.is_clock_plausible:
            self.progress.warn("this machine's clock is wrong: what is in the trash stays there")
        purged, deleted = roots.due(self.catalog, expiry), roots.superfluous(self.catalog)
        runs = roots.due_runs(self.catalog, expiry)
        if not request.dry_run:
            purged = purged[:MOST_FACTS]
            deleted = deleted[: MOST_FACTS - len(purged)]
            runs = runs[: MOST_FACTS - len(purged) - len(deleted)]
        return Standing(self.holder, self.catalog, deleted, purged, runs)

    def mark(self, standing: Standing, store: Store, marks: Marks) -> None:
        """Mark all that the others need; raises `IntegrityError` (`gc-refuses-damage`)."""
        self.progress.phase("looking for what is needed")
        try:
            for providers, mark in ((roots.KEPT_ROOTS, KEPT), (roots.TRASH_ROOTS, TRASHED)):
                self.mark_all(marks, store, roots.asked(providers, standing), mark)
        except IntegrityError as error:
            raise refusal(error) from error
        for providers, mark in ((roots.KEPT_TEXTS, KEPT), (roots.TRASH_TEXTS, TRASHED)):
            for text in roots.asked(providers, standing):
                if marks.put(text, mark) is None and self.holder.follower.authority is None:
                    # nothing else hangs on it, and nobody could remove it from the history
                    self.progress.warn(f"what was said of versions, or by runs, is lost, see art fsck: {text.hex()}")

    def mark_all(self, marks: Marks, store: Store, pages: Iterable[Digest], mark: int) -> None:
        """As `marks.mark_all`."""
        mark_all(marks, store, pages, mark, self.progress.advance, self.opened)

    def check_chosen(self, standing: Standing) -> None:
        """Raise `MovedOn` unless the versions and runs that were chosen may still go."""
        due = {version.id for version in roots.due(self.catalog, None)}
        due |= {run.id for run in roots.due_runs(self.catalog, None)}
        extra = {version.id for version in roots.superfluous(self.catalog)}
        chosen = {version.id for version in standing.purged} | {run.id for run in standing.purged_runs} <= due
        if not chosen or not all(version.id in extra for version in standing.deleted):
            raise MovedOn

    def check_texts(self, standing: Standing, marks: Marks) -> None:
        """Raise `MovedOn` if a text that must stay now was not reached."""
        if any(marks.put(text, KEPT) == UNREACHED for text in roots.asked(roots.ALL_TEXTS, standing)):
            raise MovedOn

    def facts(self, standing: Standing, make: Make, new: list[str], old: list[str]) -> list[Fact]:
        """What the log is to say: versions and runs that go, indexes that come and go."""
        why = "trash emptied" if self.request.empty_trash else "in the trash for longer than the grace"
        made = [make(Draft("purge", {"version": version.id}, why)) for version in standing.purged]
        made += [make(Draft("purge", {"run": run.id}, why)) for run in standing.purged_runs]
        made += [make(Draft("delete", {"version": version.id}, "keep-last")) for version in standing.deleted]
        if new or old:
            made.append(make(Draft("index", {"add": new, "remove": old})))
        return made

    def note(self, standing: Standing) -> None:
        """Remember what has gone in this round."""
        self.deleted += standing.deleted
        self.purged += standing.purged
        self.purged_runs += standing.purged_runs

    def again(self, standing: Standing, plan: Plan) -> bool:
        """Whether another round does more: there are more versions than one entry takes, or there is new room."""
        most = len(standing.deleted) + len(standing.purged) + len(standing.purged_runs) >= MOST_FACTS
        return most or (plan.postponed > 0 and bool(plan.rewritten))

    def store_of(self, live: list[str]) -> Store:
        """The store of these indexes, each of which is what its name says."""
        store = Store(self.bucket, live)
        try:
            for name in live:
                open_index(self.bucket, name)
            for error in store.damaged:
                raise error
        except IntegrityError as error:
            raise refusal(error) from error
        return store

    def after(self, standing: Standing) -> Standing:
        """What the catalog, which knows a commit's facts by now, leaves out by itself."""
        return standing if self.request.dry_run else standing._replace(deleted=(), purged=(), purged_runs=())


def refusal(error: IntegrityError) -> IntegrityError:
    """The error for damage that gc does not dare to work with."""
    return IntegrityError(
        "gc-refuses-damage",
        "gc deletes nothing while something that versions need cannot be read",
        facts=[error.message, *error.facts],
        hint="art fsck",
    )
