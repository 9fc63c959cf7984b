"""A machine that has nothing but ART_REMOTE and ART_TOKEN: its repository joins the remote, and learns what is there.

Bytes come when they are used. What is made here goes there at the end of a run; until then, and if the remote does not
answer, it is in the repository.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import Repository
from artcli.flows import remotes
from artcli.flows.transfer import fetch
from artcli.progress import Progress, Silent

SHORT = 3.0
"""Seconds without an answer after which one goes on without the remote, where what it has is known from before."""


def is_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a remote is named from outside."""
    return bool(environ.get("ART_REMOTE"))


def join(path: Path, progress: Progress | None = None) -> str:
    """Add the remote that ART_REMOTE names to the repository with the `.art` folder `path`, unless it is there, and
    fetch what is new; returns its address. Who has the repository open must open it anew.

    Raises as `remotes.chosen`, `remotes.reach` and `fetch`.
    """
    with closing(Repository(path)) as repository:
        known = len(Remotes(path).all)
        remote = remotes.chosen(repository, None)
        is_new = len(Remotes(path).all) > known
    patience = None if is_new else SHORT
    with (
        closing(Repository(path)) as repository,
        closing(remotes.reach(repository, remote, patience=patience)) as place,
    ):
        fetch(repository, place, progress or Silent())
    return remote.url
