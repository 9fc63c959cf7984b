"""The remote that ART_REMOTE names, as programs meet it: known when a run begins, told when it ends.

Nothing of this ever ends a program: where the remote does not answer, what is here is used and what is logged waits.
"""

from __future__ import annotations

import os
from pathlib import Path

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.errors import ArtError
from artcli.flows import joining, pushing
from artcli.flows.runs import address
from artcli.flows.runs.address import Page
from artcli.sdk.voice import say, warn
from artcli.settings import Settings

OFFLINE = ("offline", "dryrun", "disabled")
_known: set[tuple[int, Path]] = set()
"""Repositories that have joined, of which a line was said."""


def is_wanted(mode: str | None = None) -> bool:
    """Whether there is a remote to be joined, and nobody wants to be left alone."""
    mode = mode or os.environ.get("ART_MODE") or os.environ.get("WANDB_MODE")
    return joining.is_wanted() and mode not in OFFLINE


def join(path: Path, mode: str | None = None) -> None:
    """Learn what is at the remote, if one is wanted; the repository with the `.art` folder `path` is opened anew then.

    Where that fails a line says so.
    """
    if not is_wanted(mode):
        return
    try:
        url = joining.join(path)
    except (ArtError, OSError) as error:
        warn(f"{_line(error)}; what is here is used, and what is logged waits here")
        return
    from artcli.sdk import place

    place.forget(path)
    key = os.getpid(), path
    if key not in _known:
        _known.add(key)
        say(f"joined {url}")


def page(repository: Repository, run: str) -> Page | None:
    """The page of a run that is there, if its repository's remote is a server."""
    known = Register(repository.follower.database).run(run)
    return None if known is None else address.page(repository, known)


def push(path: Path, mode: str | None = None) -> None:
    """Push what is new, if ART_REMOTE or `core.auto-push` ask for it; where that fails a line says what brings it."""
    wanted = is_wanted(mode)
    if not wanted and (
        mode in OFFLINE or not Settings(repository=path).truth("core.auto-push") or not pushing.is_shared(path)
    ):
        return
    try:
        done = pushing.push_news(path, patience=None if wanted else pushing.BY_THE_WAY)
    except (ArtError, OSError) as error:
        warn(f"not pushed: {_line(error)}; all is kept, and brought by: art -C {path.parent} push")
        return
    if done.facts:
        say(f"pushed {done.facts:,} change{'' if done.facts == 1 else 's'}")


def _line(error: Exception) -> str:
    return error.message if isinstance(error, ArtError) else f"{type(error).__name__}: {error}"
