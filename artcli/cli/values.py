"""Values as they are typed: `k=v` pairs, JSON where it is JSON, text else; `@file` reads a file of them.

A file is JSON unless its name ends in .toml, .yaml or .yml.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from artcli.errors import ArtError, NotFoundError, UsageError

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")
"""Numbers that people write and JSON does not know, such as .5 and 1.; whole numbers such as 007 are not among them."""


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """The mapping that `k=v` and `@file.json` words make up, later ones winning.

    Raises `UsageError` (`bad-value`, `unfit-value`) and `NotFoundError` (`no-such-path`).
    """
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            in_file = _file(Path(word[1:]))
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
    return float(text) if _DECIMAL.fullmatch(text) and math.isfinite(float(text)) else text


def metric(text: str) -> Any:
    """A value of a metric: what `value` gives, and numbers that are none, such as nan and -inf."""
    if text.strip().lower() in ("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"):
        return float(text)
    return value(text)


def _refused(name: str) -> Any:
    raise ValueError(name)


def _file(path: Path) -> dict[str, Any]:
    name, read = _READERS.get(path.suffix.lower(), ("JSON", _json))
    try:
        found = read(path.read_text("utf-8"))
    except OSError as error:
        raise NotFoundError("no-such-path", f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("bad-value", f"{str(path)!r} is no {name}: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError("bad-value", f"{str(path)!r} holds no {'JSON object' if name == 'JSON' else 'mapping'}")
    return found


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refused)


def _toml(text: str) -> Any:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return _plain(tomllib.loads(text))


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ArtError(
            "yaml-missing", "YAML is read by the package pyyaml, which is not installed beside art",
            hint="pip install pyyaml",
        ) from None  # fmt: skip

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # without pyyaml it is unknown
        """Reads 1e-3 as the number that everybody means; YAML 1.1 has it a text."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _DECIMAL_ALONE, list("+-.0123456789"))
    try:
        return _plain(yaml.load(text, Loader))  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


_DECIMAL_ALONE = re.compile(f"^(?:{_DECIMAL.pattern})$")


def _plain(found: Any) -> Any:
    """The value as JSON would have it: dates as texts, keys as texts."""
    if isinstance(found, dict):
        return {str(key): _plain(item) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(item) for item in found]
    return found if found is None or isinstance(found, str | int | float) else str(found)


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    ".toml": ("TOML", _toml), ".yaml": ("YAML", _yaml), ".yml": ("YAML", _yaml),
}  # fmt: skip
