"""Filters of runs as W&B's API has them, in MongoDB's form: `{"config.lr": {"$lt": 0.01}, "$or": [{…}, {…}]}`.

Keys are those of W&B (`display_name`, `summary_metrics.KEY`, `jobType`, …) or of `art runs`. A list fulfils what one of
its items does; what a run lacks is equal to None, and less or greater than nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Values = Callable[[str], Sequence[Any]]
"""What a run has at a key: nothing, a value, or several."""

NAMES = {
    "display_name": "name", "displayName": "name", "jobType": "job_type", "createdAt": "time", "created_at": "time",
    "username": "actor", "user": "actor", "heartbeatAt": "heard", "heartbeat_at": "heard", "duration": "duration",
}  # fmt: skip
"""W&B's words for fields, and ours."""
EITHER = "name or id"
"""What `name` is in a filter: W&B means the id by it, and everybody else the name."""
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
}  # fmt: skip


def field(key: str) -> str:
    """Our name of a field of W&B's."""
    first, dot, rest = key.partition(".")
    if first in ("summary_metrics", "summaryMetrics"):
        return f"summary{dot}{rest}"
    if first == "config" and rest.endswith(".value"):
        return key.removesuffix(".value")
    return NAMES.get(key, key)


def fits(filters: Mapping[str, Any], values: Values) -> bool:
    """Whether a run is let through; raises ValueError for what is no filter: an operator, a form, an expression."""
    if not isinstance(filters, Mapping):
        raise ValueError(f"a filter is a dictionary, not {filters!r}")
    return all(_clause(key, wanted, values) for key, wanted in filters.items())


def _clause(key: str, wanted: Any, values: Values) -> bool:
    if key == "$and":
        return all(fits(part, values) for part in _list(key, wanted))
    if key == "$or":
        return any(fits(part, values) for part in _list(key, wanted))
    if key == "$nor":
        return not any(fits(part, values) for part in _list(key, wanted))
    if key == "$not":
        return not fits(wanted, values)
    if key.startswith("$"):
        raise ValueError(f"no operator {key!r} among conditions")
    there = values(EITHER if key == "name" else field(key))
    if isinstance(wanted, Mapping) and any(str(word).startswith("$") for word in wanted):
        return all(_condition(word, value, there, wanted) for word, value in wanted.items())
    if isinstance(wanted, re.Pattern):
        return any(isinstance(item, str) and wanted.search(item) for item in there)
    return _equal(there, wanted)


def _condition(word: str, wanted: Any, there: Sequence[Any], whole: Mapping[str, Any]) -> bool:
    if word == "$eq":
        return _equal(there, wanted)
    if word == "$ne":
        return not _equal(there, wanted)
    if word in _ORDERS:
        return any(_comparable(item, wanted) and _ORDERS[word](item, wanted) for item in there)
    if word in ("$in", "$nin"):
        return any(_equal(there, item) for item in _list(word, wanted)) == (word == "$in")
    if word == "$exists":
        return bool(there) == bool(wanted)
    if word == "$regex":
        flags = re.IGNORECASE if "i" in str(whole.get("$options", "")) else 0
        expression = _expression(wanted, flags)
        return any(isinstance(item, str) and expression.search(item) for item in there)
    if word == "$options":
        return True
    if word == "$not":
        return not all(_condition(inner, value, there, wanted) for inner, value in wanted.items())
    if word == "$all":
        return all(item in there for item in _list(word, wanted))
    raise ValueError(f"no operator {word!r} in a condition")


def _list(word: str, wanted: Any) -> Sequence[Any]:
    if not isinstance(wanted, list | tuple | set | frozenset):
        raise ValueError(f"{word} takes a list, not {wanted!r}")
    return list(wanted)


def _expression(text: Any, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except (re.error, TypeError) as error:
        raise ValueError(f"no regular expression: {text!r}: {error}") from error


def _equal(there: Sequence[Any], wanted: Any) -> bool:
    if wanted is None:
        return not there
    return any(item == wanted for item in there) or (isinstance(wanted, list) and list(there) == wanted)


def _comparable(a: Any, b: Any) -> bool:
    return isinstance(a, str) == isinstance(b, str) and isinstance(a, int | float | str)
