"""Where a run has a page: at the `art serve` that its repository pushes to. Nothing is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from artcli.buckets.urls import scheme
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Run
from artcli.errors import ArtError
from artcli.flows import remotes


class Page(NamedTuple):
    """The page of a run."""

    url: str
    is_there: bool
    """Whether the run is known to have been pushed; else its page is there once it is."""

    def __str__(self) -> str:
        return self.url if self.is_there else f"{self.url} once it is pushed"


def of(path: Path, project: str, run: str) -> str | None:
    """The address of the run's page; None unless the remote of the repository with this `.art` folder is a server."""
    try:
        url = remotes.address(path)
    except (ArtError, OSError):
        return None  # who pushes hears of it
    if url is None or scheme(url) not in ("http", "https"):
        return None
    return f"{url}/p/{quote(project, safe='')}/runs/{quote(run, safe='')}"


def page(repository: Repository, run: Run) -> Page | None:
    """The same of a run that the log knows."""
    url = of(repository.path, run.project, run.id)
    return None if url is None else Page(url, run.fact not in repository.follower.fold.unsettled())
