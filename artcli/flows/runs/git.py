"""What git says of the code in a directory: commit, branch, remote, and what is not committed.

git is asked a few short questions, each with a limit of time and size, and never so that it would write or ask for a
password. Without git, or outside a checkout, there is nothing to say.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

from artcli.flows.runs import mask

DIFF_SIZE = 10 * 1024 * 1024
"""Bytes of a diff that are kept."""
ANSWER_SIZE = 1024 * 1024
SECONDS = 10.0
"""How long git may take for an answer."""
UNTRACKED = 200
"""Names of files that git does not know, which are kept."""


class Checkout(NamedTuple):
    """The state of a checkout; `diff` applies to `commit` with `git apply`."""

    root: Path
    commit: str | None
    """None before the first commit."""
    branch: str | None
    """None where no branch is checked out."""
    remote: str | None
    """The URL of the remote, without its user."""
    dirty: bool
    diff: bytes | None
    """None where there is none, and where it is left out."""
    left_out: bool
    """It is too large, or took too long."""
    untracked: list[str]
    """Some of the files that are neither tracked nor ignored."""


def checkout(directory: Path) -> Checkout | None:
    """The checkout that `directory` is in."""
    root = _line(directory, "rev-parse", "--show-toplevel")
    if not root:
        return None
    place = Path(root)
    commit = _line(place, "rev-parse", "--verify", "-q", "HEAD")
    diff = _diff(place) if commit else b""
    there = _ask(place, ANSWER_SIZE, "ls-files", "--others", "--exclude-standard", "-z") or b""
    names = [os.fsdecode(name) for name in there.split(b"\0")[:UNTRACKED] if name]
    return Checkout(
        place, commit, _line(place, "symbolic-ref", "--short", "-q", "HEAD"), _remote(place),
        diff is None or bool(diff or names), mask.patch(diff) if diff else None, diff is None,
        [name for name in names if not mask.is_secret_file(name)],
    )  # fmt: skip


def _diff(root: Path) -> bytes | None:
    """What differs from the last commit; None if it is too much."""
    return _ask(root, DIFF_SIZE, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--no-textconv")


def _remote(root: Path) -> str | None:
    url = _line(root, "config", "--get", "remote.origin.url")
    if not url:
        names = (_line(root, "remote") or "").split()
        url = _line(root, "config", "--get", f"remote.{names[0]}.url") if names else None
    return mask.text(url) if url else None


def _line(directory: Path, *question: str) -> str | None:
    answer = _ask(directory, ANSWER_SIZE, *question)
    return os.fsdecode(answer).rstrip("\n") or None if answer is not None else None


def _ask(directory: Path, most: int, *question: str) -> bytes | None:
    """git's answer of at most `most` bytes; None if there is none, or it is longer."""
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            ["git", *question], cwd=directory, env=quiet,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    try:
        with process:
            assert process.stdout is not None
            answer = process.stdout.read(most + 1)
            if len(answer) > most:
                process.kill()
    finally:
        watch.cancel()
    return answer if process.returncode == 0 and len(answer) <= most else None
