"""Texts that people write, such as descriptions and notes: a short one stands in its fact, a long one is a chunk that
the fact names, so that gc can take it away with what it is said of, which no log could.

    in a fact         "a short text"    or    {"text": "<64 hex: digest of the UTF-8>"}
    in memory (Text)  str               or    Digest

The fold keeps names, never long texts: it follows from the log alone, and a cache would outlive what gc has taken. What
is shown is read from the store, and verified there like any chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from artcli.catalog import spec
from artcli.catalog.manifest import Pages, PageSource
from artcli.content import Digest
from artcli.errors import IntegrityError, UsageError

SHORT = 1024
"""Bytes of the longest text that stands in a fact."""
TEXT_SIZE = 1024 * 1024
"""Bytes of the longest text: a chunk."""

_FIELDS = ("description", "notes", "from", "to")
"""Where a fact may name a long text."""

Text: TypeAlias = "str | Digest"
"""A short text, or the name of a long one."""


def check(text: str | None) -> bytes:
    """The text's bytes; raises `UsageError` (`text-too-long`, `unfit-value`)."""
    try:
        data = (text or "").encode()
    except UnicodeEncodeError as error:
        raise UsageError("unfit-value", f"a text is UTF-8: {error}", hint="art help unfit-value") from error
    if len(data) > TEXT_SIZE:
        raise too_long()
    return data


def too_long() -> UsageError:
    """The error for a text of more than `TEXT_SIZE` bytes."""
    return UsageError("text-too-long", f"a text of more than {TEXT_SIZE} bytes", hint="art help text-too-long")


def is_long(text: Text | None) -> bool:
    """Whether the text is to be a chunk, or is one."""
    return isinstance(text, bytes) or len(check(text)) > SHORT


def keep(pages: Pages, text: Text | None) -> Text | None:
    """The text as a fact is to have it; a long one is put into a metadata pack. Raises as `check`."""
    return pages.put(check(text)) if isinstance(text, str) and is_long(text) else text


def value(text: Text | None) -> Any:
    """What stands in a fact for the text."""
    return {"text": text.hex()} if isinstance(text, bytes) else text


def named(value: Any) -> Text | None:
    """The text that stands in a fact; raises `ValueError` if that is none."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, dict) or value.keys() != {"text"}:
        raise ValueError(f"no text: {value!r:.100}")
    return bytes.fromhex(spec.check_digest(value["text"]))


def said(data: Mapping[str, Any]) -> Iterator[Digest]:
    """The long texts that the data of a fact name; what only looks like a name, in metadata, names none."""
    if data.get("field") == "metadata":
        return
    for field in _FIELDS:
        try:
            text = named(data.get(field))
        except ValueError:
            continue  # no text: whoever folds the fact finds that it means nothing
        if isinstance(text, bytes):
            yield text


def read(pages: PageSource, text: Text | None) -> str | None:
    """The text itself; raises `IntegrityError` as `Store.get`, or `damaged-text`."""
    if not isinstance(text, bytes):
        return text
    try:
        return pages.get(text).decode()
    except UnicodeDecodeError as error:
        raise IntegrityError("damaged-text", f"a text is not UTF-8 ({error}): chunk {text.hex()}") from error
