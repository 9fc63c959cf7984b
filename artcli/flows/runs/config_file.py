"""A config from a file: JSON, TOML, or YAML where pyyaml is installed; told apart by the name's ending.

Values are JSON's: dates become texts. `1e-3` is a number in YAML too, as everybody means it; YAML 1.1 has it a text.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artcli.errors import ArtError, NotFoundError, UsageError

DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")
"""Numbers that people write and JSON does not know, such as .5 and 1.; whole numbers such as 007 are not among them."""


def read(path: Path, otherwise: str = ".json") -> dict[str, Any]:
    """What the file holds; a name of another ending is read as one that ends in `otherwise`.

    Raises `NotFoundError` (`no-such-path`), `UsageError` (`bad-value`), `ArtError` (`yaml-missing`).
    """
    name, parse = _PARSERS.get(path.suffix.lower()) or _PARSERS[otherwise]
    try:
        found = parse(path.read_text("utf-8-sig"))
    except OSError as error:
        raise NotFoundError("no-such-path", f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("bad-value", f"{str(path)!r} is no {name}: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError("bad-value", f"{str(path)!r} holds no {'JSON object' if name == 'JSON' else 'mapping'}")
    return found


def _toml(text: str) -> Any:
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
        """Reads 1e-3 as a number."""

    decimal = re.compile(f"^(?:{DECIMAL.pattern})$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", decimal, list("+-.0123456789"))
    try:
        return _plain(yaml.load(text, Loader))  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _plain(found: Any) -> Any:
    """The value as JSON would have it: dates as texts, keys as texts."""
    if isinstance(found, dict):
        return {str(key): _plain(item) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(item) for item in found]
    return found if found is None or isinstance(found, str | int | float) else str(found)


_PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    ".json": ("JSON", json.loads), ".toml": ("TOML", _toml), ".yaml": ("YAML", _yaml), ".yml": ("YAML", _yaml),
}  # fmt: skip
