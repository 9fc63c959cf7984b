"""File systems with fewer means than the one the tests run on: without `link`, without an exclusive rename."""

from __future__ import annotations

import errno
import os
from typing import Any

from artcli.buckets import exclusive

RUNGS = ("link", "rename", "lock")


def climb_to(rung: str) -> None:
    """Make the steps of the ladder before `rung` fail in this process, as exFAT or an old kernel would."""
    if rung != "link":
        os.link = _no_link
    if rung == "lock":
        exclusive._renamer = _no_renamer  # type: ignore[assignment]


def _no_link(*arguments: Any, **options: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _no_renamer() -> None:
    return None
