"""`art clone`: a repository of one's own of what is in another place."""

from __future__ import annotations

from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import Repository
from artcli.cli import bundled, transferred
from artcli.cli.cloning import begun
from artcli.cli.commands.remote import Url
from artcli.cli.console import Console
from artcli.cli.transferred import TRANSFER as TRANSFER
from artcli.flows import remotes
from artcli.flows.meant import given
from artcli.flows.transfer import Request, fetch, pull

EXAMPLES = """
art clone ../nas              # in the directory nas
art clone ../nas jetracer
art clone ../nas --full everything
art clone ../nas --only 'model*' car
"""

ORIGIN = "origin"


def command(
    ctx: typer.Context,
    url: Url,
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="where; the URL's last word by default")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="bring the bytes of all versions, too")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="GLOB", help="bring the bytes of artifacts with such names")
    ] = None,
    limit_rate: transferred.LimitRate = None,
) -> None:
    """Make a repository in a new directory that knows all that is in another place.

    Its history, runs and lists of files come at once, bytes of files when they are asked for: `art use` brings what it
    needs. The place is the remote `origin`, and the authority. A clone that was cut off is ended by the same command.
    """
    console: Console = ctx.obj
    if bundled.is_bundle(None, url):
        bundled.clone(console, url, directory)
        return
    target = Path(given(directory) if directory is not None else url.rstrip("/").rpartition("/")[2]).absolute()
    with begun(target, url, lambda: remotes.check_there(url)) as path:
        remote = _origin(path, url)
        with (
            closing(Repository(path)) as repository,
            closing(remotes.reach(repository, remote, transferred.paced(limit_rate))) as place,
            console.progress() as progress,
        ):
            done = fetch(repository, place, progress)
            request = Request(None if full else _versions(console, repository, only or []))
            if request.versions is None or request.versions:
                brought = pull(repository, place, request, progress)
                chunks, stored = done.chunks + brought.chunks, done.stored + brought.stored
                done = done._replace(chunks=chunks, stored=stored, seconds=done.seconds + brought.seconds)
    transferred.tell(console, remote, done, "cloned from")


def _origin(path: Path, url: str) -> Remote:
    """The remote of the new repository, which was added if it was begun before."""
    known = {remote.name: remote for remote in Remotes(path).all}
    if ORIGIN in known:
        return known[ORIGIN]
    with closing(Repository(path)) as repository:
        return remotes.add(repository, ORIGIN, url)


def _versions(console: Console, repository: Repository, globs: list[str]) -> frozenset[str]:
    """The ids of all live versions of artifacts that match; a glob that none does is said."""
    versions = list(repository.catalog.versions())
    names = {version.name for version in versions}
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            console.warn(f"no artifact has a name like '{glob}': its bytes come when they are asked for")
    return frozenset(version.id for version in versions if any(fnmatchcase(version.name, glob) for glob in globs))
