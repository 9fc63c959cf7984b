"""Conditions on versions, as `--where` has them: `metadata.stage=production`, `size>1GB`, `type!=model`.

What is a number on both sides is compared as one, anything else as text; a list fulfils what one of its items
does. What a version lacks is equal to nothing, less or greater than nothing, and so different from everything.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from artcli.catalog.catalog import Version
from artcli.errors import UsageError

FIELDS = ("metadata.KEY", "name", "type", "size")
_CONDITION = re.compile(r"\s*([^=!<>]+?)\s*(==|!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGTP]?)(I?)B?", re.IGNORECASE)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


class Condition(NamedTuple):
    field: str
    """`name`, `type`, `size`, or `metadata.` and a key."""
    order: str
    value: str

    def holds(self, version: Version) -> bool:
        """Whether a version fulfils it."""
        if self.order == "!=":
            return not self._replace(order="=").holds(version)
        if self.field in ("name", "type"):
            return _ORDERS[self.order](getattr(version, self.field), self.value)
        return any(compare(self.order, item, self.value) for item in self._there(version))

    def _there(self, version: Version) -> Sequence[Any]:
        if self.field == "size":
            return [version.size]
        found = looked_up(version.metadata, self.field.removeprefix("metadata."))
        return found if isinstance(found, list) else [] if found is None else [found]


def parse(text: str) -> Condition:
    """Read a condition; raises `UsageError` (`bad-condition`)."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise _bad(text, "it has none of = != < > <= >=")
    field, order, value = found.groups()
    if is_misspelt(order, value):
        raise _bad(text, f"'{order}{value[0]}' is no comparison")
    order = "=" if order == "==" else order
    if field == "size":
        value = str(_bytes(value, text))
    elif field not in ("name", "type") and not field.startswith("metadata."):
        raise _bad(text, f"there is no field '{field}'")
    return Condition(field, order, value)


def is_misspelt(order: str, value: str) -> bool:
    """Whether an order that there is not was meant: `a<<1`, `a=>1`."""
    if order in ("=", "=="):
        return value[:1] == ">" and _number(value[1:].strip()) is not None
    return order != "!=" and value[:1] in ("<", ">", "=")


def looked_up(metadata: Any, key: str) -> Any:
    """The value at a dotted key, which may also be the name of one key; None if there is none."""
    if not isinstance(metadata, dict):
        return None
    if key in metadata:
        return metadata[key]
    first, dot, rest = key.partition(".")
    return looked_up(metadata.get(first), rest) if dot else None


def compare(order: str, there: Any, value: str) -> bool:
    """Whether `there` stands to `value` as `order` (one of = < > <= >=) says: as numbers if both are, else as text."""
    number, wanted = _number(there), _number(value)
    if number is not None and wanted is not None:
        return _ORDERS[order](number, wanted)
    return _ORDERS[order](_text(there), value)


def _number(value: Any) -> float | int | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value) if value.isdecimal() and len(value) < 400 else float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bytes(value: str, text: str) -> int:
    size = parse_size(value)
    if size is None:
        raise _bad(text, "a size is a number with or without a unit, such as 41KB")
    return size


def parse_size(text: str) -> int | None:
    """The bytes that `41KB`, `1.5 GiB` or `800` mean; None for what is no size."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    power = " KMGTP".index(found[2].upper() or " ")
    return round(float(found[1]) * (1024.0 if found[3] else 1000.0) ** power)


def _bad(text: str, why: str) -> UsageError:
    return UsageError(
        "bad-condition",
        f"not a condition, {why}: {text!r}",
        facts=[f"fields: {', '.join(FIELDS)}"],
        hint="art ls --where 'metadata.stage=production'",
    )
