"""What commands do that push by the way, when they have done their own work."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.failures import translated
from artcli.errors import ArtError, PartialError
from artcli.flows import pushing

AUTO = "core.auto-push"

Push = Annotated[
    str | None, typer.Option("--push", metavar="[REMOTE]", help="and push, to --push=REMOTE or to the authority")
]


def push_after(console: Console, wanted: str | None = None) -> None:
    """Push what is new, if that is `wanted` (a remote, or "" for the usual one) or set; to be called last.

    Where nobody asked for it in this command, a remote that cannot be reached is no failure: a line says what to do.
    Raises `PartialError` (`not-pushed`) where somebody did.
    """
    path = console.repository().path
    if wanted is None and not (console.settings.truth(AUTO) and pushing.is_shared(path)):
        return
    try:
        with console.progress() as progress:
            pushing.push_news(path, wanted or None, progress, patience=pushing.BY_THE_WAY if wanted is None else None)
    except (ArtError, OSError) as failure:
        error = translated(failure)
        again = " ".join(["art push", *([wanted] if wanted else [])])
        if wanted is None:
            console.say(f"not pushed: {error.message}; {again} brings it later")
            return
        facts = [error.message, *error.facts]
        raise PartialError("not-pushed", "logged, and not pushed", facts=facts, hint=again) from failure
