"""Lists of items as text: aligned for a person, TAB-separated for a program, or one JSON document.

Lists may be long: the first items decide the widths (and whether anything is printed at all), the rest
streams.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from math import isfinite
from typing import Any, TypeVar

from artcli.cli.formatting import Item, Schema, Template, for_person, for_program, scalar, width
from artcli.wording import printable

AHEAD = 1000
"""Items read before the first is printed: a failure among them leaves stdout empty."""
_RIGHT = frozenset({"count", "size", "percent", "duration"})

Write = Callable[[str], Any]
T = TypeVar("T")


def aligned(
    write: Write, schema: Schema, items: Iterable[Item], columns: Sequence[str], style: Callable[[str], str]
) -> None:
    """A table with a header line, columns as wide as the first items need. No items: nothing at all.

    The name of a provisional version has a star.
    """
    now = time.time()
    fields = [schema.field(name) for name in columns]
    rows = ([for_person(item.get(f.name), f.kind, now) + _star(item, f.name, schema) for f in fields] for item in items)
    first = list(islice(rows, AHEAD))
    if not first:
        return
    titles = [f.header for f in fields]
    widths = [max(map(width, column)) for column in zip(titles, *first, strict=True)]
    right = [f.kind in _RIGHT for f in fields]
    write(style(_line(titles, widths, right)) + "\n")
    for row in chain(first, rows):
        write(_line(row, widths, right) + "\n")


def _star(item: Item, name: str, schema: Schema) -> str:
    return "*" if name == schema.key and item.get("provisional") else ""


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for text, wide, to_right in zip(row, widths, right, strict=True):
        space = " " * (wide - width(text))
        cells.append(space + text if to_right else text + space)
    return "  ".join(cells).rstrip()


def separated(write: Write, schema: Schema, items: Iterable[Item], columns: Sequence[str], *, header: bool) -> None:
    """TSV: full values, integers, RFC 3339; control characters spelt out, so that a row stays one line."""
    fields = [schema.field(name) for name in columns]
    ready = read_ahead(items)
    if header:
        write("\t".join(columns) + "\n")
    for item in ready:
        write("\t".join(printable(for_program(item.get(f.name), f.kind)) for f in fields) + "\n")


def json_list(write: Write, schema: Schema, items: Iterable[Item]) -> None:
    """`{"schema": …, "items": […]}`, one item a line."""
    ready = read_ahead(items)
    write(f'{{"schema":{dumps(schema.title)},"items":[')
    separator = "\n"
    for item in ready:
        write(separator + dumps(schema.document(item)))
        separator = ",\n"
    write("]}\n" if separator == "\n" else "\n]}\n")


def dumps(document: Any) -> str:
    """JSON on one line, ASCII only: nothing in it can move a cursor, and bytes that are no UTF-8 survive.

    Numbers that JSON lacks (NaN, infinities) are null.
    """
    try:
        return json.dumps(document, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def chosen(
    schema: Schema, items: Iterable[Item], field: str | None, template: str | None, *, safe: bool
) -> Iterator[str]:
    """Of each item the field, or what the template makes of it, or its key; `safe`: harmless for a terminal."""
    if field:
        return (scalar(item, field, schema) for item in items)
    if template is not None:
        render = Template(template, schema, safe=safe).render
        return (render(item) for item in items)
    key = schema.field(schema.key)
    return (for_program(item[key.name], key.kind) for item in items)


def read_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, of which the first are made before the first is given."""
    source = iter(items)
    first = list(islice(source, AHEAD))
    return chain(first, source)
