"""A config from a file: JSON, TOML, or YAML where pyyaml is installed; told apart by the name's ending."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from artcli.errors import ArtError, NotFoundError, UsageError


def read(path: str) -> dict[str, Any]:
    """The keys of the file; W&B's form `{key: {"value": …, "desc": …}}` is understood.

    Raises `NotFoundError` (`no-such-path`), `UsageError` (`bad-value`), `ArtError` (`yaml-missing`).
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise NotFoundError("no-such-path", f"cannot read {path!r}: {error.strerror}") from error
    try:
        found = _parsed(text, Path(path).suffix.lower())
    except ValueError as error:
        raise UsageError("bad-value", f"{path!r} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError("bad-value", f"{path!r} holds no mapping")
    wrapped = {key for key, value in found.items() if isinstance(value, dict) and "value" in value}
    return {
        str(key): value["value"] if key in wrapped else value for key, value in found.items() if key != "wandb_version"
    }


def _parsed(text: str, ending: str) -> Any:
    if ending == ".json":
        return json.loads(text)
    if ending == ".toml":
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        return tomllib.loads(text)
    try:
        import yaml
    except ImportError:
        raise ArtError(
            "yaml-missing", "YAML is read by the package pyyaml, which is not installed beside art",
            hint="pip install pyyaml",
        ) from None  # fmt: skip
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
