"""Cards: what a person sees of one thing, a title and lines of names and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from artcli.cli.console import Console
from artcli.cli.formatting import for_program
from artcli.cli.formatting import size as human
from artcli.cli.items import files

_MOST = 6
"""Runs that are named."""


def card(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title, then names and values; empty values are left out, further lines of a value are indented."""
    lines = [title]
    for name, value in rows:
        for number, line in enumerate(value.rstrip("\n").split("\n") if value.strip() else ()):
            lines.append(f"  {'' if number else name:<11} {line}".rstrip())
    return "\n".join(lines)


def version(console: Console, item: dict[str, Any]) -> str:
    """The card of a version."""
    artifact = item["artifact"]
    names = f"  ({', '.join(item['aliases'])})" if item["aliases"] else ""
    metadata = [f"{key} = {for_program(value, 'object')}" for key, value in item["metadata"].items()]
    return card(
        console.style(item["ref"], "yellow") + names,
        [
            ("about", item["description"] or ""),
            ("type", f"{item['type']}, of project {item['project']}"),
            ("digest", item["digest"]),
            ("size", f"{_size(console, item['size'])} in {files(item['entries'])}"),
            ("added", f"{item['added']}, {_size(console, item['stored'])} stored"),
            ("logged", _who(console, item)),
            ("by run", "  ".join(filter(None, (item["producer"]["name"], item["producer"]["job_type"])))),
            ("used by", _some(item["used_by"])),
            ("tags", ", ".join(item["tags"])),
            ("metadata", "\n".join(metadata)),
            ("note", item["note"] or ""),
            (item["name"], artifact["description"] or ""),
            ("" if artifact["description"] else item["name"], artifact["note"] or ""),
            ("id", item["id"]),
            ("files", "\n".join(item.get("files") or ())),
        ],
    )


def _some(names: Sequence[str]) -> str:
    """The newest of many names."""
    more = f", … {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(names[: -_MOST - 1 : -1]) + more


def entry(console: Console, item: dict[str, Any]) -> str:
    """The card of a file or folder in a version."""
    inside = f" in {files(item['entries'])}" if item["entries"] is not None else ""
    return card(
        console.style(item["path"], "yellow"),
        [
            ("in", ", ".join([item["ref"], *item["version"]["aliases"]])),
            ("kind", item["kind"]),
            ("size", _size(console, item["size"]) + inside),
            ("digest", item["digest"] or ""),
            ("target", item["target"] or ""),
            ("logged", _who(console, item["version"])),
        ],
    )


def event(console: Console, item: dict[str, Any]) -> str:
    """The card of a change."""
    values = [(name, "" if item[name] is None else for_program(item[name], "object")) for name in ("old", "new")]
    rows = [("by", _who(console, item)), *values, ("id", item["id"])]
    return card(f"{console.style(item['ref'], 'yellow')}  {item['text']}", rows)


def _size(console: Console, count: int) -> str:
    return human(count) if console.for_person else f"{count} B"


def _who(console: Console, item: dict[str, Any]) -> str:
    where = f" on {item['machine']}" if item.get("machine") else ""
    why = f": {item['reason']}" if item.get("reason") else ""
    return f"{console.when(item['time'])} by {item['actor']}{where}{why}"
