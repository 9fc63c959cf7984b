"""Settings from outside: how they come together with a program's own.

`lr` replaces the program's `lr`. `model.lr` replaces `lr` of the mapping `model`, if the program has one, and the key
of that very name, if there is one: the run's config has it under the name that was given from outside. Where there is
neither it becomes a key of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def apply(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The program's `config` with `overrides` on top; `config` itself stays as it is."""
    found = dict(config)
    for key, value in overrides.items():
        _put(found, key, value)
    return found


def _put(target: dict[str, Any], key: str, value: Any) -> None:
    first, dot, rest = key.partition(".")
    inner = target.get(first)
    if dot and isinstance(inner, Mapping):
        target[first] = inside = dict(inner)
        _put(inside, rest, value)
        if key not in target:
            return
    target[key] = value
