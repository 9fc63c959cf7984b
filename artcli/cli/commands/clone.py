"""`art clone`: a repository of one's own of what is in another place."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import CONFIG, FOLDER, Repository
from artcli.cli import bundled, transferred
from artcli.cli.commands.remote import Url
from artcli.cli.console import Console
from artcli.errors import ConflictError
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
BEGUN = "local/clone-of"
"""In a repository that a clone has begun and not ended: what it is to be a clone of."""


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
    begun = target / FOLDER / BEGUN
    if (target / FOLDER / CONFIG).exists() and not (begun.is_file() and begun.read_text() == url):
        raise ConflictError("destination-not-empty", f"there is a repository already: {target}", hint="art pull")
    remotes.check_there(url)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.write_text(url)
    repository, _ = Repository.init(target)
    known = {remote.name: remote for remote in Remotes(repository.path).all}
    remote = known.get(ORIGIN) or remotes.add(repository, ORIGIN, url)
    repository.close()
    repository = Repository(target / FOLDER)
    place = remotes.reach(repository, remote, transferred.paced(limit_rate))
    try:
        with console.progress() as progress:
            done = fetch(repository, place, progress)
            request = Request(None if full else _versions(repository, only or []))
            if request.versions is None or request.versions:
                brought = pull(repository, place, request, progress)
                chunks, stored = done.chunks + brought.chunks, done.stored + brought.stored
                done = done._replace(chunks=chunks, stored=stored, seconds=done.seconds + brought.seconds)
        begun.unlink()
        transferred.tell(console, remote, done, "cloned from")
    finally:
        place.close()
        repository.close()


def _versions(repository: Repository, globs: list[str]) -> frozenset[str]:
    """The ids of all live versions of artifacts that match."""
    versions = repository.catalog.versions()
    return frozenset(version.id for version in versions if any(fnmatchcase(version.name, glob) for glob in globs))
