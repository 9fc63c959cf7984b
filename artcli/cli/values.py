"""Values as they are typed: `k=v` pairs, JSON where it is JSON, text else; `@file` reads a file of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from artcli.errors import NotFoundError, UsageError


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """The mapping that `k=v` and `@file.json` words make up, later ones winning.

    Raises `UsageError` (`bad-value`) and `NotFoundError` (`no-such-path`).
    """
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            found.update(_file(Path(word[1:])))
            continue
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError("bad-value", f"a value is given as KEY=VALUE or @FILE: {word!r}")
        found[key] = value(text)
    return found


def value(text: str) -> Any:
    """A JSON number, truth, null, text in quotes, list or object; anything else is text."""
    if text[:1] in '-0123456789tfn"[{':
        try:
            return json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError):
            pass  # it only looked like JSON
    return text


def _refused(name: str) -> Any:
    raise ValueError(name)


def _file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except OSError as error:
        raise NotFoundError("no-such-path", f"cannot read {str(path)!r}: {error.strerror}") from error
    try:
        found = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise UsageError("bad-value", f"{str(path)!r} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("bad-value", f"{str(path)!r} holds no JSON object")
    return found
