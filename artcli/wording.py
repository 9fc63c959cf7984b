"""Words for people, on a terminal as on a page: how long something took, and texts of others made harmless."""

from __future__ import annotations

import re

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that reorder text, and bytes that are not UTF-8."""
_OWN_STYLE = re.compile("(\x1b\\[[0-9]{1,2}m|[\n\t])")


def duration(span: float) -> str:
    """Seconds as people read them: `0.3 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if span < 9.95:
        return f"{span:.1f} s"
    whole = round(span)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def printable(text: str) -> str:
    """The text with every control character spelt out, fit for a terminal or one TSV cell."""
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE.sub(_spelt, text)


def harmless(text: str, *, colored: bool) -> str:
    """Text of several lines with every control character spelt out but newlines, tabs and, if `colored`, colours."""
    parts = _OWN_STYLE.split(text)
    parts[::2] = map(printable, parts[::2])
    if not colored:
        parts[1::2] = (part if part in "\n\t" else printable(part) for part in parts[1::2])
    return "".join(parts)


def _spelt(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in "\t\n\r":
        return {"\t": r"\t", "\n": r"\n", "\r": r"\r"}[match[0]]
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
