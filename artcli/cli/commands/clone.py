"""`art clone`: a repository of one's own of what is in another place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artcli.catalog.repository import FOLDER, Repository
from artcli.cli import transferred
from artcli.cli.commands.remote import Url
from artcli.cli.console import Console
from artcli.errors import ConflictError
from artcli.flows import remotes
from artcli.flows.meant import given
from artcli.flows.transfer import pull

EXAMPLES = """
art clone ../nas              # in the directory nas
art clone ../nas jetracer
"""

ORIGIN = "origin"


def command(
    ctx: typer.Context,
    url: Url,
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="where; the URL's last word by default")
    ] = None,
) -> None:
    """Make a repository in a new directory and bring all that is in another place there.

    The place is its remote `origin`, and the authority.
    """
    console: Console = ctx.obj
    target = Path(given(directory) if directory is not None else url.rstrip("/").rpartition("/")[2]).absolute()
    if (target / FOLDER).exists():
        raise ConflictError("destination-not-empty", f"there is a repository already: {target}", hint="art pull")
    remotes.check_there(url)
    repository, _ = Repository.init(target)
    remote = remotes.add(repository, ORIGIN, url)
    repository.close()
    repository = Repository(target / FOLDER)
    place = remotes.reach(repository, remote)
    try:
        with console.progress() as progress:
            done = pull(repository, place, progress)
        transferred.tell(console, remote, done, {}, {}, "cloned from")
    finally:
        place.close()
        repository.close()
