"""What the words of `art log-artifact` name: files here, parts of other versions, lists of files, standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from artcli.catalog.spec import SCHEME
from artcli.errors import NotFoundError, UsageError
from artcli.files.sources import Source
from artcli.flows import arrange
from artcli.flows.revise import Taken

_VERSION = re.compile("[:@~]")
_BLOCK = 1 << 20


def added(words: Sequence[str]) -> tuple[list[str], tuple[Taken, ...]]:
    """Of `PATH|REF[/PATH][:DEST]` words the paths here, and what comes from other versions.

    What exists as a path is one; else what names a version is a reference.
    """
    local, taken = [], []
    for word in words:
        path, _ = arrange.split(word, os.getcwd())
        if os.path.lexists(path) or not _VERSION.search(word.removeprefix(SCHEME)):
            local.append(word)
            continue
        ref, colon, dest = word.rpartition(":")
        if colon and _VERSION.search(ref.removeprefix(SCHEME)):
            taken.append(Taken(ref, arrange.place(dest)))
        else:
            taken.append(Taken(word, None))
    return local, tuple(taken)


def sources(paths: Sequence[str], files_from: Path | None, zero: bool) -> list[Source]:
    """The sources that paths and a list of files name; raises `NotFoundError` (`no-such-path`), `UsageError`."""
    found = arrange.sources(paths, os.getcwd())
    if files_from is not None:
        names = [name for name in _read(files_from).split(b"\0" if zero else b"\n") if name]
        found += arrange.listed(names, os.getcwd())
    return found


def check_meant(found: Sequence[Source], again: str) -> None:
    """Raise `UsageError` (`whole-system`) for `/`, often what is left of `$DIR/` without a DIR; `again` says yes to it.

    A home directory is let through, as by git: where programs run in containers, it is often the one with the data.
    """
    if any(os.path.realpath(source.path) == b"/" for source in found):
        raise UsageError("whole-system", "'/' is the whole system, not a folder of data", hint=again)


def move(text: str) -> tuple[bytes, bytes]:
    """(old, new) of `OLD=NEW`; raises `UsageError` (`bad-value`)."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise UsageError("bad-value", f"a move is given as OLD=NEW: {text!r}", hint="art log-artifact --help")
    return os.fsencode(old), os.fsencode(new)


def stdin() -> BinaryIO:
    """Standard input as bytes; raises `UsageError` (`stdin-is-terminal`) where somebody would have to type them."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "stdin-is-terminal", "standard input is a terminal, and a file or program is wanted there",
            hint="tar -c ./data | art log-artifact archive --stdin-as data.tar",
        )  # fmt: skip
    return sys.stdin.buffer


def blocks() -> Iterator[bytes]:
    """Standard input, block by block; raises as `stdin`."""
    source = stdin()
    return iter(lambda: source.read(_BLOCK), b"")


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return stdin().read()
    try:
        return path.read_bytes()
    except FileNotFoundError:
        message = f"no such list of files: {str(path)!r}"
        raise NotFoundError("no-such-path", message, hint="art log-artifact --help") from None
