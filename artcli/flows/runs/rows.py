"""A row of history, and when what a run said is made safe; apart, so that appending one row imports little."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artcli.catalog.runs.records import MOST_STEPS, Record

SEAL_SIZE = 1024 * 1024
"""Bytes of records from which a spool is sealed."""
QUIET_EVERY = 60.0
"""Seconds that samples of the machine may wait if nothing else is said: an idle run must not wear out a memory card."""
FSYNC_EVERY = 30.0
"""Seconds of a run that a power cut may cost."""


def history(row: Mapping[str, Any], step: int | None, next_step: int, at: float) -> Record | None:
    """The record of a row, as W&B counts: a row without a step ends it; one of a step that is over is None."""
    if step is not None and not next_step <= step < MOST_STEPS:
        return None
    own = next_step if step is None else step
    return Record("history", at, row, own, own + 1 if step is None else own)


def is_due(folder: Path) -> bool:
    """Whether what is said next to the spool in `folder` must reach the disk; for processes that say one thing and end.

    The time of the spool's lock tells when that was last.
    """
    lock = folder / "lock"
    try:
        now = time.time()
        if 0 <= now - lock.stat().st_mtime < FSYNC_EVERY:
            return False
        os.utime(lock, (now, now))
    except FileNotFoundError:
        pass  # nobody said anything yet
    return True
