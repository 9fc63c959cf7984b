"""What the Python API tells people: short lines on stderr, nothing with ART_QUIET or `Settings(silent=True)`."""

from __future__ import annotations

import os
import sys

from artcli.settings import TRUE

_told: set[str] = set()


def say(text: str) -> None:
    """One line on stderr; a stderr that is closed or full costs the line, not the program."""
    if os.environ.get("ART_QUIET", os.environ.get("WANDB_SILENT", "")).lower() in TRUE:
        return
    try:
        sys.stderr.write(f"art: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # sys.stderr may be closed, or None


def warn(text: str, once: str | None = None) -> None:
    """A warning; one that has the same `once` as one before is left out."""
    if once is not None:
        if once in _told:
            return
        _told.add(once)
    say(f"warning: {text}")
