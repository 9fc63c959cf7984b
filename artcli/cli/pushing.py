"""What commands do that push by the way, when they have done their own work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.failures import translated
from artcli.errors import ArtError, PartialError
from artcli.flows import joining, pushing

AUTO = "core.auto-push"

Push = Annotated[
    str | None, typer.Option("--push", metavar="[REMOTE]", help="and push, to --push=REMOTE or to the authority")
]


def push_after_run(console: Console) -> None:
    """Push what a run has made, if ART_REMOTE or `core.auto-push` ask for it; a failure is a line, no more."""
    path = console.repository().path
    if joining.is_wanted():
        _gladly(console, path, None)
    elif _is_automatic(console, path):
        _gladly(console, path, pushing.BY_THE_WAY)


def push_after(console: Console, wanted: str | None = None) -> None:
    """Push what is new, if that is `wanted` (a remote, or "" for the usual one) or set; to be called last.

    Where nobody asked for it in this command, a remote that cannot be reached is no failure: a line says what to do.
    Raises `PartialError` (`not-pushed`) where somebody did.
    """
    path = console.repository().path
    if wanted is None:
        if _is_automatic(console, path):
            _gladly(console, path, pushing.BY_THE_WAY)
        return
    try:
        with console.progress() as progress:
            pushing.push_news(path, wanted or None, progress)
    except (ArtError, OSError) as failure:
        error = translated(failure)
        again = " ".join(["art push", *([wanted] if wanted else [])])
        facts = [error.message, *error.facts]
        raise PartialError("not-pushed", "logged, and not pushed", facts=facts, hint=again) from failure


def _is_automatic(console: Console, path: Path) -> bool:
    return console.settings.truth(AUTO) and pushing.is_shared(path)


def _gladly(console: Console, path: Path, patience: float | None) -> None:
    try:
        with console.progress() as progress:
            pushing.push_news(path, None, progress, patience=patience)
    except (ArtError, OSError) as failure:
        console.say(f"not pushed: {translated(failure).message}; art push brings it later")
