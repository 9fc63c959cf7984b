"""Push and fetch in one, for those who do it often and by the way: after a version was logged, or again and again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import Repository
from artcli.catalog.runs import liveness
from artcli.flows import rates, remotes
from artcli.flows.runs.seal import settle
from artcli.flows.transfer import Rebased, Transferred, fetch, push
from artcli.progress import Progress, Silent

BY_THE_WAY = 10.0
"""Seconds without progress after which a push that nobody waits for lets it be."""


class Synced(NamedTuple):
    """What went where."""

    remote: str
    url: str
    pushed: Transferred
    fetched: Transferred
    rebased: Rebased
    """What of the changes made here is another now."""


def is_shared(repository: Path) -> bool:
    """Whether there is a remote to push to."""
    return bool(Remotes(repository).all)


def push_news(
    path: Path, remote: str | None = None, progress: Progress | None = None, *, patience: float | None = None
) -> Transferred:
    """Push what is new in the repository with the `.art` folder `path` to a remote, by default the authority.

    Raises as `remotes.chosen`, `remotes.reach` and `push`. `patience`: seconds, instead of what is set.
    """
    with closing(Repository(path)) as repository:
        found = remotes.chosen(repository, remote)
        with closing(remotes.reach(repository, found, patience=patience)) as place:
            done = push(repository, place, progress=progress)
            rates.remember(path, found.place, done.stored, done.seconds)
    return done


def sync(path: Path, remote: str | None = None, progress: Progress | None = None) -> Synced:
    """Push, then fetch; raises as `push_news`."""
    told = progress or Silent()
    with closing(Repository(path)) as repository:
        if liveness.needs_care(repository):
            settle(repository)  # what dead processes have left of their runs
        found = remotes.chosen(repository, remote)
        with closing(remotes.reach(repository, found)) as place:
            looked_at = place.kept.mark
            pushed = push(repository, place, progress=told)
            own = pushed.facts if place.kept.mark == looked_at else 0  # they come back, among others'
            fetched = fetch(repository, place, told)
            fetched = fetched._replace(facts=max(0, fetched.facts - own))
            rates.remember(path, found.place, pushed.stored, pushed.seconds)
    both = pushed.rebased, fetched.rebased
    rebased = Rebased([one for part in both for one in part.renumbered], [one for part in both for one in part.unmoved])
    return Synced(found.name, found.url, pushed, fetched, rebased)
