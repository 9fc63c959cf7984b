"""Changing settings: one value of a TOML file, in which comments and order stay. What the settings are: `settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.settings import Value, not_toml, parsed, setting


def write_setting(path: Path, name: str, raw: str) -> Value:
    """Set `name` in a file, made if need be. Gives the value in its kind.

    Raises `NotFoundError` (`unknown-setting`), `UsageError` (`bad-setting`, `bad-config`), `LockedError`.
    """
    value = parsed(setting(name), raw, "the command line")
    *folders, last = name.split(".")
    with lock.changing(path):
        document = _editable(path)
        table: Any = document
        for folder in folders:
            table = table.setdefault(folder, {})
        table[last] = value
        replace(path, document.as_string().encode())
    return value


def remove_setting(path: Path, name: str) -> bool:
    """Remove `name` from a file; False if it was not there. Raises as `write_setting`."""
    setting(name)
    *folders, last = name.split(".")
    with lock.changing(path):
        document = _editable(path)
        table: Any = document
        for folder in folders:
            table = table.get(folder, {})
        if last not in table:
            return False
        del table[last]
        replace(path, document.as_string().encode())
    return True


def _editable(path: Path) -> Any:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (ParseError, UnicodeDecodeError) as error:
        raise not_toml(path, error) from None
