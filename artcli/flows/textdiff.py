"""What differs inside text files, line by line: unified diffs of small files."""

from __future__ import annotations

import os
from collections.abc import Iterator

from artcli.catalog import manifest
from artcli.catalog.manifest import REFERENCE, SYMLINK, Entry
from artcli.content import digest_of
from artcli.files import reader
from artcli.files.seen import stat_of
from artcli.flows import contents
from artcli.flows.diff import Change, Comparison, shown_path
from artcli.flows.side import Side
from artcli.store.store import Store

LIMIT = 256 * 1024
"""Bytes of the largest file whose lines are compared."""
NOTHING = "/dev/null"


def unified(store: Store, comparison: Comparison, change: Change) -> Iterator[str]:
    """The lines of a unified diff of one changed path, without line ends; one line for what is no text, or too long.

    Raises `IntegrityError` for damaged bytes of a version.
    """
    a, b, before, after = comparison.a, comparison.b, change.before, change.after
    old, new = _name(a, before), _name(b, after)
    texts = _text(store, a, before), _text(store, b, after)
    kinds = [entry.kind for entry in (before, after) if entry is not None]
    if texts[0] is None or texts[1] is None or (REFERENCE in kinds and set(kinds) != {REFERENCE}):
        yield f"Files {old} and {new} differ"
    elif texts == ("", "") and NOTHING in (old, new):
        yield from (f"--- {old}", f"+++ {new}")  # an empty file or folder comes or goes
    elif texts[0] == texts[1]:
        yield f"Files {old} and {new} differ in name or kind"
    else:
        from difflib import unified_diff

        for line in unified_diff(_lines(texts[0]), _lines(texts[1]), old, new):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"


def _name(side: Side, entry: Entry | None) -> str:
    return f"{side.name}/{manifest.shown(shown_path(entry))}" if entry is not None else NOTHING


def _lines(text: str) -> list[str]:
    """Lines as a diff has them: ended by a newline, and by nothing else that Unicode takes for one."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _text(store: Store, side: Side, entry: Entry | None) -> str | None:
    """What stands in a file; None if that is no text, too long, or not what it was a moment ago."""
    if entry is None:
        return ""
    data = entry.data
    if entry.size > LIMIT:
        return None
    if data is None and side.directory is not None:
        data = _read(os.path.join(os.fsencode(side.directory), entry.path), entry)
    elif data is None:
        data = b"".join(contents.file(store, side.pages, entry, workers=1))
    if data is None or b"\0" in data:
        return None
    try:
        return f"-> {os.fsdecode(data)}\n" if entry.kind == SYMLINK else data.decode()
    except UnicodeDecodeError:
        return None


def _read(source: bytes, entry: Entry) -> bytes | None:
    try:
        data = reader.read_small(source, stat_of(source))
    except (OSError, reader.Changed):
        return None  # it was there when the sides were compared: no text is shown of it
    return data if digest_of(data) == entry.digest else None
