"""What `push`, `pull` and `clone` say when they are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.place import Place
from artcli.catalog.remotes import Remote
from artcli.catalog.repository import Repository
from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows import remotes, rollback
from artcli.flows.transfer import Transferred, push

TRANSFER = Schema(
    "transfer",
    fields=[
        Field("remote"),
        Field("url"),
        Field("facts", "count", "changes that the other side had not"),
        Field("chunks", "count", "chunks and pages that it had not"),
        Field("stored", "size", "their bytes, as stored"),
        Field("renumbered", "object", "versions made here that have another number now: from, to"),
    ],
    columns=["remote", "facts", "stored"],
    key="remote",
)


AcceptRollback = Annotated[
    bool, typer.Option("--accept-rollback", help="go on although the remote's history is another than was seen here")
]


def carry(
    console: Console, name: str | None, flow: Callable[..., Transferred], verb: str, *, accept_rollback: bool = False
) -> None:
    """Let `flow`, push or pull, do its work between the repository and the remote of this name, and tell of it.

    `accept_rollback`: a push gives the remote back what it has lost, a pull takes it as it is.
    """
    repository = console.repository()
    remote = remotes.chosen(repository, name)
    before = _refs(repository)
    place = remotes.reach(repository, remote)
    try:
        if accept_rollback:
            accept(console, repository, place, heal=flow is push)
        with console.progress() as progress:
            done = flow(repository, place, progress)
    finally:
        place.close()
    tell(console, remote, done, before, _refs(repository), verb)


def accept(console: Console, repository: Repository, place: Place, *, heal: bool) -> None:
    """Take a history of `place` that is another than was seen here, and say what that means."""
    accepted = rollback.accept(repository, place, heal=heal)
    if accepted is None:
        return
    changes = f"{accepted.lost:,} change{'' if accepted.lost == 1 else 's'}"
    console.say(f"the remote has lost {changes}" + (", which this push gives back" if heal else ""))
    if accepted.elsewhere:
        console.warn(f"{accepted.elsewhere:,} of them cannot be given back: their bytes are not here")


def _refs(repository: Repository) -> dict[str, str]:
    """The refs of all versions by id."""
    return {version.id: version.ref for version in repository.catalog.versions(states=(LIVE, TRASH))}


def tell(
    console: Console, remote: Remote, done: Transferred, before: Mapping[str, str], after: Mapping[str, str], verb: str
) -> None:
    """`before` and `after`: refs by id; each version that has another one now is named."""
    moved = [{"from": ref, "to": after[id]} for id, ref in before.items() if id in after and after[id] != ref]
    for one in moved:
        console.say(f"{one['from']} is {one['to']} now: somebody else's version came first")
    item: dict[str, object] = {"remote": remote.name, "url": remote.url, **done._asdict(), "renumbered": moved}
    changes = f"{done.facts:,} change{'' if done.facts == 1 else 's'}"
    receipt = f"{verb} {remote.name}: {changes}, {formatting.size(done.stored)}" if done.chunks or done.facts else None
    console.record(TRANSFER, item, receipt=receipt or f"{verb} {remote.name}: nothing new", summary=True)
