"""Every exception that can reach the command line, as an error of ours: what happened, and what to try.

Flows raise our own errors where they know what a failure means; here the rest is given its meaning: the system's
errors, the parser's, and bugs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from shlex import join as again
from typing import Any

import typer

from artcli.errors import ArtError, SpaceError, UsageError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def translated(failure: Exception, arguments: Sequence[str] = ()) -> ArtError:
    """The error to show for `failure`; `arguments` is the command line without `art`."""
    if isinstance(failure, ArtError):
        return failure
    if isinstance(failure, typer.TyperException):
        return _usage(failure, arguments)
    if isinstance(failure, MemoryError):
        return ArtError(
            "out-of-memory", "the memory is used up; nothing that was stored before is touched",
            hint="art help out-of-memory",
        )  # fmt: skip
    if isinstance(failure, OSError):
        return _system(failure)
    return ArtError(
        "bug", f"a mistake in art itself: {type(failure).__name__}: {failure}",
        hint=again(["art", *arguments, "--debug"]),
    )  # fmt: skip


def _system(failure: OSError) -> ArtError:
    names = [os.fsdecode(name) for name in (failure.filename, failure.filename2) if isinstance(name, (str, bytes))]
    where = ": " + " -> ".join(names) if names else ""
    reason = (failure.strerror or str(failure) or type(failure).__name__).lower()
    if failure.errno in _FULL:
        return SpaceError("disk-full", f"{reason}{where}", hint="art gc -n")
    if failure.errno in _REFUSED:
        return ArtError("permission-denied", f"{reason}{where}", hint="art help permission-denied")
    if failure.errno == errno.EMFILE:
        return ArtError("too-many-open-files", f"{reason}{where}", hint="ulimit -n 4096")
    if failure.errno == errno.EIO:
        return ArtError("io-error", f"{reason}{where}", hint="art help io-error")
    return ArtError("system-error", f"{reason}{where}", hint="art help system-error")


def _usage(failure: Any, arguments: Sequence[str]) -> ArtError:
    """A mistake in the command line that the parser found."""
    context = getattr(failure, "ctx", None)
    path = context.command_path.split() if context else ["art"]
    command = " ".join(word for word in path if not word.startswith("["))
    message = failure.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if context and (option := getattr(failure, "option_name", None)) and not failure.args[1:]:
        return _unknown_option(context, str(option), command)
    return UsageError("bad-usage", message, facts=_synopsis(context), hint=f"{command} --help")


def _unknown_option(context: Any, option: str, command: str) -> ArtError:
    known = [name for parameter in context.command.get_params(context) for name in parameter.opts]
    words = {name.lstrip("-"): name for name in known}
    close = nearest(option.lstrip("-"), words)
    message = f"no such option: {option}" + (f"; did you mean '{words[close]}'?" if close else "")
    return UsageError("bad-usage", message, facts=_synopsis(context), hint=f"{command} --help")


def _synopsis(context: Any) -> list[str]:
    return [" ".join(context.get_usage().replace("Usage:", "usage:").split())] if context else []


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The word that `word` was perhaps meant to be."""
    close = get_close_matches(word, list(words), n=1, cutoff=cutoff)
    return close[0] if close else None
