"""What is said about a version or an artifact as one text that a person edits: TOML between `+++`, then the note.

    +++
    description = "pictures of the table"

    [metadata]
    lr = 0.1
    +++

    The note, in Markdown.

Metadata that TOML cannot hold (null) is left out of the text, and left alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from artcli.catalog.catalog import Artifact, Version
from artcli.catalog.texts import Text
from artcli.errors import UsageError
from artcli.flows.edit import Edits

_PARTS = re.compile(r"\s*\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)(.*)", re.DOTALL | re.MULTILINE)
_WHOLE_NUMBERS = 1 << 63
"""TOML promises whole numbers below this."""


def document(row: Version | Artifact) -> str:
    """The text in which `row` is edited, whose long texts were read."""
    import tomlkit

    head = tomlkit.document()
    head.add("description", tomlkit.item(_read(row.description)))
    if isinstance(row, Version):
        head.add("metadata", tomlkit.item({key: value for key, value in row.metadata.items() if _fits(value)}))
    else:
        head.add("keep_last", tomlkit.item(row.keep_last or 0))
        head["keep_last"].comment("versions without an alias to keep; 0: all")
    return f"+++\n{tomlkit.dumps(head)}+++\n\n{_read(row.note)}\n"


def edits_of(text: str, row: Version | Artifact) -> Edits:
    """What the user has changed in the text of `row`; raises `UsageError` (`bad-edit-text`)."""
    parts = _PARTS.fullmatch(text.replace("\r\n", "\n"))
    if not parts:
        raise _bad("it does not begin with settings between two lines of +++")
    head = _toml(parts[1])
    note = parts[2].strip("\n")
    description = _typed(head, "description", str, "")
    known = {"description", "metadata" if isinstance(row, Version) else "keep_last"}
    if unknown := set(head) - known:
        raise _bad(f"there is no setting '{min(unknown)}'")
    edits = Edits(
        description=description if description != _read(row.description) else None,
        note=note if note != _read(row.note).strip("\n") else None,
    )
    if isinstance(row, Artifact):
        keep_last = _typed(head, "keep_last", int, 0)
        return edits._replace(keep_last=keep_last if keep_last != (row.keep_last or 0) else None)
    metadata = _typed(head, "metadata", dict, {})
    unset = [key for key, value in row.metadata.items() if key not in metadata and _fits(value)]
    changed = {key: value for key, value in metadata.items() if key not in row.metadata or row.metadata[key] != value}
    return edits._replace(set=changed, unset=unset)


def _read(text: Text | None) -> str:
    assert not isinstance(text, bytes)
    return text or ""


def _fits(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    if isinstance(value, list):
        return all(map(_fits, value))
    return value is not None and not (type(value) is int and abs(value) >= _WHOLE_NUMBERS)


def _typed(head: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    value = head.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _bad(f"{name} is no {'text' if kind is str else 'whole number' if kind is int else 'table'}")
    return value


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return _plain(tomllib.loads(text))  # type: ignore[no-any-return]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _bad(str(error)) from None


def _plain(value: Any) -> Any:
    """TOML's dates as texts: metadata is JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _bad(why: str) -> UsageError:
    return UsageError("bad-edit-text", f"the edited text cannot be read: {why}", hint="art help bad-edit-text")
