"""Texts that the user writes in an editor of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from artcli.cli.console import Console
from artcli.errors import ArtError, UsageError


def edit_file(console: Console, path: Path, instead: str) -> None:
    """Let the user edit a file; `instead` is the command that does it without an editor.

    Raises UsageError("no-terminal") where there is none, ArtError("editor-failed").
    """
    if not console.can_ask:
        raise UsageError("no-terminal", "an editor needs a terminal", hint=instead)
    editor = console.settings.text("editor")
    # The user's setting may hold options, so a shell splits it; the path is an argument of its own.
    code = subprocess.call(["/bin/sh", "-c", f'{editor} "$1"', "art", str(path)])
    if code:
        raise ArtError("editor-failed", f"'{editor}' ended with code {code}", hint="art config set editor nano")
