"""`art init`: a repository in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artcli.catalog.repository import Repository
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import UsageError
from artcli.flows.configure import write_setting
from artcli.flows.meant import given
from artcli.settings import local_file

EXAMPLES = """
art init                        # in this directory
art init --project jetracer     # names given without a project belong to jetracer
art init ../other
"""

REPOSITORY = Schema(
    "repository",
    fields=[
        Field("path", help="the .art folder"),
        Field("project", help="project of names given without one"),
        Field("created", "truth", "whether it was made now"),
    ],
    columns=["path", "project"],
    key="path",
)


def command(
    ctx: typer.Context,
    directory: Annotated[str | None, typer.Argument(metavar="[DIR]", help="where; this directory by default")] = None,
) -> None:
    """Make a repository in a directory.

    Nothing outside its .art folder is touched. Doing it again does no harm.
    """
    console: Console = ctx.obj
    place = Path() if directory is None else Path(given(directory))
    place = place.absolute()
    if place.exists() and not place.is_dir():
        raise UsageError(
            "not-a-directory", f"a repository is made in a directory, and this is a file: {place}", hint="art init"
        )
    repository, created = Repository.init(place)
    repository.close()
    project = console.settings.find("project")
    if project.origin.startswith("flag"):
        write_setting(local_file(repository.path), "project", str(project.value))
    item = {"path": str(repository.path), "project": str(project.value), "created": created}
    receipt = f"{'repository made' if created else 'a repository is here already'}  project {project.value}"
    console.record(REPOSITORY, item, receipt=receipt)
