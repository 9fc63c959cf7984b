"""What git says of the code in a directory: commit, branch, remote, and what is not committed.

git is asked a few short questions, each with a limit of time and size, and never so that it would write or ask for a
password. Without git, or outside a checkout, there is nothing to say.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from artcli.flows.runs import mask

DIFF_SIZE = 10 * 1024 * 1024
"""Bytes of a diff that are kept."""
LARGE = 32 * 1024 * 1024
"""Bytes of a file whose difference is not asked for: git would take seconds to make it, and it would be too large."""
ANSWER_SIZE = 1024 * 1024
SECONDS = 10.0
"""How long git may take for an answer."""
UNTRACKED, UNTRACKED_SIZE = 200, 32_000
"""Names of files that git does not know, which are kept: so many, of so many characters."""

QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


class Checkout(NamedTuple):
    """The state of a checkout; `diff` applies to `commit`, or to nothing before the first, with `git apply`."""

    root: Path
    commit: str | None
    """None before the first commit."""
    branch: str | None
    """None where no branch is checked out."""
    remote: str | None
    """The URL of the remote, without its user."""
    dirty: bool
    diff: bytes | None
    """None where there is none, where it is left out, and where it speaks of nothing but secrets."""
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
    commit = _line(place, "rev-parse", "--verify", "-q", "HEAD^{commit}")
    diff = _diff(place, commit)
    there = _ask(place, ANSWER_SIZE, "ls-files", "--others", "--exclude-standard", "-z", cut=True) or b""
    names = [os.fsdecode(name) for name in there.split(b"\0")[:-1]]
    known = [name for name in names if not mask.is_secret_file(name)]
    return Checkout(
        place, commit, _line(place, "symbolic-ref", "--short", "-q", "HEAD"), _remote(place),
        diff is None or bool(diff or names), mask.patch(diff) or None if diff else None, diff is None,
        _some(known),
    )  # fmt: skip


def _some(names: Sequence[str]) -> list[str]:
    kept, left = [], UNTRACKED_SIZE
    for name in names[:UNTRACKED]:
        if (left := left - len(name)) < 0:
            break
        kept.append(name)
    return kept


def _diff(root: Path, commit: str | None) -> bytes | None:
    """What differs from the last commit; None if it is too much.

    Its form is the one that `git apply` reads and `mask.patch` understands, whatever the user's settings.
    """
    before = commit or _line(root, "hash-object", "-t", "tree", "--stdin")  # no commit: all that is known is new
    if before is None or _has_large(root, before):
        return None
    return _ask(
        root, DIFF_SIZE, "diff", before, "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative",
        "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--unified=3", "--find-renames",
    )  # fmt: skip


def _has_large(root: Path, before: str) -> bool:
    """Whether a file that has changed is large."""
    changed = _ask(root, ANSWER_SIZE, "diff", before, "--name-only", "-z", "--no-renames", "--no-relative", cut=True)
    for name in (changed or b"").split(b"\0")[:-1]:
        try:
            if os.lstat(os.path.join(os.fsencode(root), name)).st_size > LARGE:
                return True
        except OSError:
            continue  # deleted
    return False


def _remote(root: Path) -> str | None:
    url = _line(root, "config", "--get", "remote.origin.url")
    if not url:
        names = (_line(root, "remote") or "").splitlines()
        url = _line(root, "config", "--get", f"remote.{names[0]}.url") if names else None
    return mask.text(url) if url else None


def _line(directory: Path, *question: str) -> str | None:
    answer = _ask(directory, ANSWER_SIZE, *question)
    return os.fsdecode(answer).rstrip("\n") or None if answer is not None else None


def _ask(directory: Path, most: int, *question: str, cut: bool = False) -> bytes | None:
    """git's answer of at most `most` bytes; None if there is none, or it is longer. `cut`: then its beginning."""
    try:
        process = subprocess.Popen(
            ["git", "-c", "core.fsmonitor=false", *question], cwd=directory, env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None  # no git, or no such directory
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
    if cut and process.returncode <= 0:  # it was ended when that was enough, or took too long
        return answer[:most]
    return answer if process.returncode == 0 and len(answer) <= most else None
