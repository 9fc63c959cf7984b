"""What was recorded by itself when a run began, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join
from typing import Any


def command(start: Mapping[str, Any]) -> str:
    """What was run, as a shell takes it; empty if nobody knows."""
    words = start.get("command") or start.get("argv")
    return join(map(str, words)) if isinstance(words, list) else str(words or "")


def commit(start: Mapping[str, Any]) -> str:
    """The commit of git, its branch, and whether the tree was as that has it; empty outside of git."""
    git = start.get("git")
    if not isinstance(git, Mapping):
        return ""
    branch = f" on {git['branch']}" if git.get("branch") else ""
    dirty = ", with changes" if git.get("dirty") else ""
    dirty += ", which were too much to be kept" if git.get("diff_left_out") else ""
    return f"{git.get('commit') or 'no commit'}{branch}{dirty}"
