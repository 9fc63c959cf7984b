"""Values as they are typed: `k=v` pairs, JSON where it is JSON, text else; `@file` reads a file of them.

A file is JSON unless its name ends in .toml, .yaml or .yml.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from artcli.errors import UsageError
from artcli.flows.runs import config_file


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """The mapping that `k=v` and `@file.json` words make up, later ones winning.

    Raises `UsageError` (`bad-value`, `unfit-value`), `NotFoundError` (`no-such-path`), `ArtError` (`yaml-missing`).
    """
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            in_file = config_file.read(Path(word[1:]))
            for key, item in in_file.items():
                _check_finite(item, f"{key} in {word[1:]!r}")
            found.update(in_file)
            continue
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError("bad-value", f"a value is given as KEY=VALUE or @FILE: {word!r}")
        found[key] = value(text)
        _check_finite(found[key], repr(word))
    return found


def _check_finite(found: Any, told: str) -> None:
    try:
        json.dumps(found, allow_nan=False)
    except ValueError:
        message = f"a number that is infinite, too large or none, which JSON cannot hold: {told}"
        raise UsageError("unfit-value", message, hint="art help unfit-value") from None


def value(text: str) -> Any:
    """A JSON number, truth, null, text in quotes, list or object; anything else is text."""
    if text[:1] in '-0123456789tfn"[{':
        try:
            return json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError):
            pass  # it only looked like JSON
    return float(text) if config_file.DECIMAL.fullmatch(text) and math.isfinite(float(text)) else text


def metric(text: str) -> Any:
    """A value of a metric: what `value` gives, and numbers that are none, such as nan and -inf."""
    if text.strip().lower() in ("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"):
        return float(text)
    return value(text)


def _refused(name: str) -> Any:
    raise ValueError(name)
