"""How values are written: for a person on a terminal, or for a program.

A schema names the fields of a kind of item once; tables, TSV, `--json`, `--format` and `--field` all follow.
Programs get integers, RFC 3339 in UTC and full texts; persons get sizes, ages and nothing that could move
their cursor.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from artcli.errors import NotFoundError, UsageError
from artcli.wording import duration, printable

Kind = Literal["text", "count", "size", "time", "duration", "percent", "person", "words", "truth", "object"]
Item = Mapping[str, Any]

_ADDRESS = re.compile(r"(?<=\S) <[^<>]*>$")
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|\\[tn0\\]")
_ESCAPES = {"{{": "{", "}}": "}", r"\t": "\t", r"\n": "\n", r"\0": "\0", r"\\": "\\"}


class Field(NamedTuple):
    """One field: its key in the item, what kind of value it is, and what it means."""

    name: str
    kind: Kind = "text"
    help: str = ""
    is_verbatim: bool = False
    """Its name is somebody's own word, such as a metric's: a header has it as it is."""

    @property
    def header(self) -> str:
        return printable(self.name) if self.is_verbatim else self.name.replace("_", " ").upper()


class Schema(NamedTuple):
    """A kind of item: `art.<name>/1` in JSON. `columns` are those of a table, `key` is what `-q` prints."""

    name: str
    fields: Sequence[Field]
    columns: Sequence[str]
    key: str
    version: int = 1

    @property
    def title(self) -> str:
        return f"art.{self.name}/{self.version}"

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    def document(self, item: Item) -> dict[str, Any]:
        """The item as JSON has it: every field that it knows, in order, in the form for programs."""
        return {field.name: plain(item.get(field.name), field.kind) for field in self.fields}


def plain(value: Any, kind: Kind) -> Any:
    """A value for programs: times as RFC 3339 in UTC; bytes that are no UTF-8 survive as lone surrogates."""
    if kind == "time" and isinstance(value, (int, float)):
        return utc(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value


def for_person(value: Any, kind: Kind, now: float) -> str:
    """A value for a terminal: sizes, ages, nothing that controls the terminal."""
    if value is None:
        return ""
    if kind == "size":
        return size(value)
    if kind == "time":
        return age(value if isinstance(value, (int, float)) else seconds(value), now)
    if kind == "duration":
        return duration(value)
    if kind == "object" and isinstance(value, float):
        return f"{value:.6g}"
    if kind == "count":
        return f"{value:,}"
    if kind == "percent":
        return f"{value:.0f} %"
    if kind == "words":
        return printable(", ".join(value))
    if kind == "person":
        return printable(_ADDRESS.sub("", value))
    return printable(for_program(value, kind))


def for_program(value: Any, kind: Kind) -> str:
    """A value as raw text: integers, RFC 3339, `true`, words with commas, JSON for whatever is no scalar."""
    value = plain(value, kind)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "words" and isinstance(value, (list, tuple)):
        return ",".join(value)
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`; `many`: the word for several, if that is not `one` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(count: float) -> str:
    """Bytes as people read them: `812 B`, `41 KB`, `1.9 GB` (decimal units)."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("KB", "MB", "GB", "TB", "PB"):
        count /= 1000
        if count < 999.5 or unit == "PB":
            break
    return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"


def age(then: float, now: float) -> str:
    """`then` (seconds since 1970) seen from `now`: `just now`, `5 min ago`, `3 days ago`, then the date."""
    past = now - then
    if past < -60:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(then))
    if past < 45:
        return "just now"
    if past < 3600:
        return f"{max(1, round(past / 60))} min ago"
    if past < 86400:
        return f"{round(past / 3600)} h ago"
    days = round(past / 86400)
    if days <= 30:
        return f"{days} day{'s' if days > 1 else ''} ago"
    return time.strftime("%Y-%m-%d", time.localtime(then))


def utc(moment: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{whole}.{int(moment % 1 * 1000):03d}Z"


def seconds(text: str) -> float:
    """RFC 3339 as seconds since 1970."""
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in text)


class Template:
    r"""`--format '{name}:{version}\t{size}'`: fields of a schema in braces, nothing else is evaluated.

    A dot goes into a nested field (`{metadata.stage}`). Raises UsageError("bad-format", "unknown-field").
    """

    def __init__(self, text: str, schema: Schema, *, safe: bool = False) -> None:
        self.schema = schema
        self.safe = safe
        self.parts: list[tuple[str, str | None]] = []
        position = 0
        for token in _TOKEN.finditer(text):
            self.parts.append((text[position : token.start()], None))
            position = token.end()
            if token[1] is not None:
                _check(token[1], schema)
                self.parts.append(("", token[1]))
            elif token[0] in _ESCAPES:
                self.parts.append((_ESCAPES[token[0]], None))
            else:
                raise UsageError(
                    "bad-format", f"a single '{token[0]}' in --format; write '{token[0] * 2}'",
                    hint="art help formatting",
                )  # fmt: skip
        self.parts.append((text[position:], None))

    def render(self, item: Item) -> str:
        """The line of one item; if `safe`, nothing in its values controls a terminal."""
        return "".join(literal if path is None else self._value(item, path) for literal, path in self.parts)

    def _value(self, item: Item, path: str) -> str:
        text = scalar(item, path, self.schema, strict=False)
        return printable(text) if self.safe else text


def scalar(item: Item, path: str, schema: Schema, *, strict: bool = True) -> str:
    """The value at a dotted path as raw text; if there is none: "", or NotFoundError("no-such-value")."""
    _check(path, schema)
    first, *rest = path.split(".")
    value = item.get(first)
    for part in rest:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, (list, tuple)) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif strict:
            there = ", ".join(map(str, value)) if isinstance(value, Mapping) else ""
            raise NotFoundError(
                "no-such-value", f"nothing at {path}", facts=[f"there is: {there or 'nothing'}"],
                hint="art help formatting",
            )  # fmt: skip
        else:
            return ""
    return for_program(value, "object" if rest else schema.field(first).kind)


def check_fields(field: str | None, template: str | None, schemas: Sequence[Schema]) -> None:
    """Refuse a `--field` or `--format` with fields that no item of these kinds has.

    Raises `UsageError` (`unknown-field`, `bad-format`; `bad-usage` where there are no items).
    """
    if not schemas:
        raise UsageError("bad-usage", "--field and --format ask for fields of items, and this prints none")
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    anything = Schema("", [Field(name) for name in names], [], "")
    if field is not None:
        _check(field, anything)
    elif template is not None:
        Template(template, anything)


def _check(path: str, schema: Schema) -> None:
    first = path.partition(".")[0]
    if first in schema.names:
        return
    from difflib import get_close_matches

    close = get_close_matches(first, schema.names, n=1)
    raise UsageError(
        "unknown-field",
        f"no field '{first}'" + (f"; did you mean '{close[0]}'?" if close else ""),
        facts=["fields: " + ", ".join(schema.names)],
        hint="art help formatting",
    )
