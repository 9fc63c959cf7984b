"""How differences are written: rows, counts by folder and suffix, one line, or Markdown for a review."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from artcli.cli.formatting import Field, Schema
from artcli.cli.formatting import size as human
from artcli.flows.diff import LETTERS, Change, Comparison, Counts, Statistics, shown_path
from artcli.wording import printable

_COUNTS = [Field(name, "count") for name in LETTERS]
_SIZES = [
    Field("new_size", "size", "bytes that the first side did not have"),
    Field("old_size", "size", "bytes on the first side, of what differs"),
    Field("size", "size", "bytes on the second side, of what differs"),
]

DIFFERENCES = Schema(
    "diff",
    fields=[
        Field("status", help="A added, D deleted, M modified, R renamed, T of another kind"),
        Field("path", help="on the second side, where it is there"),
        Field("old_path", help="what a renamed file was called"),
        *_SIZES,
        Field("digest"),
        Field("old_digest"),
        Field("diff", help="with --content, what differs inside"),
    ],
    columns=["status", "path", "old_path", "old_size", "size"],
    key="path",
)
STAT = Schema(
    "diff-stat",
    fields=[Field("by", help="all, folder or suffix"), Field("name"), *_COUNTS, *_SIZES],
    columns=["by", "name", *LETTERS, "new_size"],
    key="name",
)
SUMMARY = Schema(
    "diff-summary",
    fields=[Field("a", help="the first side"), Field("b", help="the second side"), *_COUNTS, *_SIZES],
    columns=["a", "b", *LETTERS, "new_size"],
    key="b",
)
METADATA = Schema(
    "diff-metadata", fields=[Field("key"), Field("a", "object"), Field("b", "object")], columns=["key", "a", "b"],
    key="key",
)  # fmt: skip

MOST_ROWS = 200
"""Files that a Markdown page lists."""


def item(change: Change) -> dict[str, Any]:
    """A row of `DIFFERENCES`."""
    before, after = change.before, change.after
    renamed = before is not None and after is not None and before.path != after.path
    return {
        "status": LETTERS[change.what],
        "path": _path(change),
        "old_path": before.path if before is not None and renamed else None,
        "new_size": change.new_size,
        "old_size": before.size if before is not None else None,
        "size": after.size if after is not None else None,
        "digest": after.digest.hex() if after is not None else None,
        "old_digest": before.digest.hex() if before is not None else None,
    }


def groups(statistics: Statistics) -> Iterator[dict[str, Any]]:
    """Rows of `STAT`; none if nothing differs."""
    if statistics.all.total:
        yield {"by": "all", "name": "", **_counts(statistics.all)}
    for by, found in (("folder", statistics.folders), ("suffix", statistics.suffixes)):
        for name, counts in sorted(found.items()):
            yield {"by": by, "name": name, **_counts(counts)}


def summary(comparison: Comparison, counts: Counts) -> dict[str, Any]:
    """The item of `SUMMARY`."""
    return {"a": comparison.a.name, "b": comparison.b.name, **_counts(counts)}


def _counts(counts: Counts) -> dict[str, Any]:
    return {**counts.counts, "new_size": counts.new_size, "old_size": counts.old_size, "size": counts.size}


def headline(comparison: Comparison, counts: Counts, size: Callable[[int], str] = human) -> str:
    """`dataset:v0 -> dataset:v1  1 added, 2 modified  41 KB new`."""
    told = ", ".join(f"{count:,} {_WORDS.get(what, what)}" for what, count in counts.counts.items() if count)
    new = f"  {size(counts.new_size)} new" if counts.new_size else ""
    return f"{comparison.a.name} -> {comparison.b.name}  {told or 'the same'}{new}"


_WORDS: Mapping[str, str] = {"kind": "of another kind"}


def markdown(comparison: Comparison, changes: Iterable[Change]) -> Iterator[str]:
    """A page for a review: what changed by folder, and the first files."""
    statistics = Statistics()
    counted = statistics.counted(changes)
    first = list(islice(counted, MOST_ROWS))
    rest = sum(1 for _ in counted)
    yield f"### {_cell(comparison.a.name)} → {_cell(comparison.b.name)}"
    yield ""
    yield headline(comparison, statistics.all).partition("  ")[2].replace("  ", ", ")
    if not first:
        return
    yield from ("", "| folder | " + " | ".join(LETTERS) + " | new |", "|---|" + "---:|" * (len(LETTERS) + 1))
    for name, counts in sorted(statistics.folders.items()):
        numbers = " | ".join(f"{count:,}" for count in counts.counts.values())
        yield f"| {_cell(os.fsdecode(name))} | {numbers} | {human(counts.new_size)} |"
    yield from ("", "| | file | before | now |", "|---|---|---:|---:|")
    for change in first:
        yield f"| {LETTERS[change.what]} | {_file(change)} | {_side(change.before)} | {_side(change.after)} |"
    if rest:
        yield from ("", f"… and {rest:,} more")


def _path(change: Change) -> bytes:
    entry = change.after or change.before
    return shown_path(entry) if entry is not None else b""


def _file(change: Change) -> str:
    path = _cell(os.fsdecode(_path(change)))
    before = change.before
    return f"{_cell(os.fsdecode(before.path))} → {path}" if before is not None and before.path != change.path else path


def _side(entry: Any) -> str:
    return human(entry.size) if entry is not None else ""


def _cell(text: str) -> str:
    """A name in Markdown, as it is: code, or text where it has a backtick or a bar itself."""
    text = printable(text)
    if "`" not in text and "|" not in text:
        return f"`{text}`"
    return "".join("\\" + c if c in "\\`*_{}[]<>()#+-.!|" else c for c in text)
