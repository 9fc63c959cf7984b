"""What `push`, `pull`, `fetch` and `clone` have in common: which remote, which versions, what they say when done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from artcli.buckets.limited import Meter
from artcli.buckets.urls import directory
from artcli.catalog import resolve
from artcli.catalog.place import Place
from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import Repository
from artcli.cli import formatting, sizes
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import NotFoundError
from artcli.flows import rates, remotes, rollback
from artcli.flows.transfer import Rebased, Request, Transferred
from artcli.progress import Progress
from artcli.wording import duration

TRANSFER = Schema(
    "transfer",
    fields=[
        Field("remote"),
        Field("url"),
        Field("facts", "count", "changes that the other side had not"),
        Field("chunks", "count", "chunks and pages that it had not"),
        Field("stored", "size", "their bytes, as stored"),
        Field("seconds", "duration", "that it took; with -n about what it would take, if that can be told"),
        Field("dry_run", "truth", "nothing was done"),
        Field("renumbered", "object", "versions made here that have another number now: from, to"),
        Field("unmoved", "object", "aliases moved here that somebody else had moved before: alias, to, at"),
    ],
    columns=["remote", "facts", "stored"],
    key="remote",
)

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REMOTE] [REF]...", help="a remote, else the authority; versions, else all"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="say what would travel, do nothing")]
Most = Annotated[
    str | None, typer.Option("--max-bytes", metavar="SIZE", help="do nothing if more would travel: 500MB, 2GB")
]
LimitRate = Annotated[
    str | None,
    typer.Option("--limit-rate", metavar="RATE", help="over a network, no more in a second: 500KB/s, 5MB/s"),
]

AcceptRollback = Annotated[
    bool, typer.Option("--accept-rollback", help="go on although the remote's history is another than was seen here")
]

Flow = Callable[[Repository, Place, Request, Progress], Transferred]


def carry(
    console: Console,
    words: Sequence[str] | None,
    flow: Flow,
    verb: str,
    *,
    dry_run: bool = False,
    most: str | None = None,
    rate: str | None = None,
    heal: bool | None = None,
) -> None:
    """Let `flow` do its work between the repository and a remote, and tell of it.

    The first of `words` may be a remote; the others are versions. `heal`: a remote that has lost what was seen there is
    accepted, and given that back, or not.
    """
    repository = console.repository()
    remote, wanted = _told(repository, list(words or ()))
    limit = None if most is None else sizes.parse(most)
    place = remotes.reach(repository, remote, paced(rate))
    try:
        if heal is not None and not dry_run:
            accept(console, repository, place, heal=heal)
        with console.progress() as progress:
            request = Request(_versions(console, repository, place, wanted), dry_run, limit)
            done = flow(repository, place, request, progress)
    finally:
        place.close()
    held = sizes.parse(rate) if rate and directory(remote.url) is None else 0
    if dry_run:
        least = done.stored / held if held else 0.0
        done = done._replace(seconds=max(least, rates.seconds(repository.path, remote.place, done.stored)))
    elif not held:  # else it could be faster
        rates.remember(repository.path, remote.place, done.stored, done.seconds)
    tell(console, remote, done, verb)


def paced(rate: str | None) -> Meter | None:
    """What holds a place to so many bytes a second, as they were typed; raises `UsageError` (`bad-size`)."""
    return None if rate is None else Meter(sizes.parse(rate))


def accept(console: Console, repository: Repository, place: Place, *, heal: bool) -> None:
    """Take a history of `place` that is another than was seen here, and say what that means."""
    accepted = rollback.accept(repository, place, heal=heal)
    if accepted is None:
        return
    changes = formatting.counted(accepted.lost, "change")
    console.say(f"the remote has lost {changes}" + (", which this push gives back" if heal else ""))
    if accepted.elsewhere:
        console.warn(f"{accepted.elsewhere:,} of them cannot be given back: their bytes are not here")


def _told(repository: Repository, words: list[str]) -> tuple[Remote, list[str]]:
    """The remote and the references that the words of a command are."""
    known = {remote.name for remote in Remotes(repository.path).all}
    if words and (words[0] in known or "://" in words[0] or words[0].startswith(("/", "./", "../"))):
        return remotes.chosen(repository, words[0]), words[1:]
    try:
        if words and ":" not in words[0] and not repository.catalog.projects_with(words[0]):
            return remotes.chosen(repository, words[0]), words[1:]
        return remotes.chosen(repository, None), words
    except NotFoundError:
        if words:
            return remotes.chosen(repository, words[0]), words[1:]  # which says that there is no such remote
        raise


def _versions(console: Console, repository: Repository, place: Place, refs: Sequence[str]) -> frozenset[str] | None:
    """The ids of the versions that the references mean here, or if they mean nothing here, over there."""
    if not refs:
        return None
    ids: set[str] = set()
    for ref in refs:
        try:
            ids.add(resolve.version(repository.catalog, ref, console.project).version.id)
        except NotFoundError:
            place.fetch()
            repository.refresh()
            known = repository.catalog if place.is_authority_of(repository) else place.catalog
            ids.add(resolve.version(known, ref, console.project).version.id)
    return frozenset(ids)


def tell(console: Console, remote: Remote, done: Transferred, verb: str) -> None:
    """Say what was done, and what is another now of what was made here."""
    tell_rebased(console, done.rebased)
    item: dict[str, object] = {"remote": remote.name, "url": remote.url, **done._asdict(), **rebased(done.rebased)}
    console.record(TRANSFER, item, receipt=_receipt(remote, done, verb), summary=True)


def rebased(found: Rebased) -> dict[str, object]:
    """As JSON has it."""
    return {
        "renumbered": [{"from": before, "to": after} for before, after in found.renumbered],
        "unmoved": [moved._asdict() for moved in found.unmoved],
    }


def tell_rebased(console: Console, found: Rebased) -> None:
    """Name each version that has another number, and each alias that somebody else has moved."""
    for before, after in found.renumbered:
        console.say(f"{before} is {after} now: somebody else's version came first")
    for alias, to, at in found.unmoved:
        where = f"stays at {at}" if at else "leads nowhere"
        word = alias.partition(":")[2]
        console.say(f"{alias} {where}, where somebody else has put it; to move it: art alias {to} {word}")


def _receipt(remote: Remote, done: Transferred, verb: str) -> str:
    what = f"{'would have ' if done.dry_run else ''}{verb} {remote.name}"
    if not (done.chunks or done.facts):
        return f"{what}: nothing new"
    changes = f"{formatting.counted(done.facts, 'change')}, " if done.facts else ""
    said = f"{what}: {changes}{formatting.size(done.stored)}"
    return f"{said}, about {duration(done.seconds)}" if done.dry_run and done.seconds else said
