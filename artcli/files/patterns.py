"""gitignore patterns, with git's own meaning (https://git-scm.com/docs/gitignore, and wildmatch.c of git).

A path is asked for from the top down, folder by folder, so a pattern is matched against the name or path itself, never
against what lies above it. `pathspec` cannot be asked this: it answers for whole paths, and of `*`, `!*/`, `!*.jpg`
(keep only photographs) it says that every folder is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from artcli.errors import UsageError

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class Pattern(NamedTuple):
    """One line."""

    regex: re.Pattern[str]
    verdict: bool
    """What a match says: True, or False for a line that starts with `!`."""
    folders_only: bool
    whole_path: bool
    """Matched against the path from the patterns' folder, not against the last name."""


class Patterns:
    """Lines of which the last one that matches decides."""

    __slots__ = ("_patterns",)

    def __init__(self, lines: Sequence[str], where: str) -> None:
        """Raises `UsageError` (`bad-pattern`) naming `where` and the line that can match nothing."""
        self._patterns = [pattern for line in reversed(lines) if (pattern := _parse(line, where))]

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """What is said of a path (without a slash at its end); None if no line matches it."""
        name = path[path.rfind("/") + 1 :]
        for regex, verdict, folders_only, whole_path in self._patterns:
            if (folder or not folders_only) and regex.fullmatch(path if whole_path else name):
                return verdict
        return None


def _parse(line: str, where: str) -> Pattern | None:
    text = _without_trailing_spaces(line)
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    body = text[1:] if negated else text
    folders_only = body.endswith("/")
    body = body[:-1] if folders_only else body
    whole_path = "/" in body
    try:
        regex = _translate(body[1:] if body.startswith("/") else body, whole_path)
    except ValueError as error:
        raise UsageError("bad-pattern", f"not a pattern in {where}: {line!r}") from error
    return Pattern(regex, not negated, folders_only, whole_path)


def _without_trailing_spaces(line: str) -> str:
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and bare != line else bare


def _translate(body: str, whole_path: bool) -> re.Pattern[str]:
    """The regular expression of a pattern; raises `ValueError` if it can match nothing."""
    if not body:
        raise ValueError("empty")
    out = []
    i = 0
    while i < len(body):
        char = body[i]
        if char == "*":
            end = i
            while end < len(body) and body[end] == "*":
                end += 1
            text, i = _stars(body, i, end, whole_path)
        elif char == "?":
            text, i = "[^/]", i + 1
        elif char == "[":
            text, i = _bracket(body, i + 1)
        elif char == "\\":
            if i + 1 == len(body):
                raise ValueError("a backslash at the end")
            text, i = re.escape(body[i + 1]), i + 2
        else:
            text, i = re.escape(char), i + 1
        out.append(text)
    return re.compile("".join(out), re.DOTALL)


def _stars(body: str, start: int, end: int, whole_path: bool) -> tuple[str, int]:
    """(expression, position behind it) of a run of stars."""
    opens = start == 0 or body[start - 1] == "/"
    if end - start > 1 and whole_path and opens:
        if end == len(body):
            return ".*", end
        if body[end] == "/":
            return "(?:.*/)?", end + 1
    return "[^/]*", end


def _bracket(body: str, start: int) -> tuple[str, int]:
    """(expression, position behind it) of a set of characters; raises `ValueError` if it does not end."""
    i = start
    negated = body[i : i + 1] in ("!", "^")
    i += negated
    parts: list[str] = []
    first = True
    while first or body[i : i + 1] != "]":
        first = False
        if body.startswith("[:", i):
            close = body.find(":]", i)
            if close >= 0:
                parts.append(_class(body[i + 2 : close]))
                i = close + 2
                continue
        low, i = _member(body, i)
        if body[i : i + 1] == "-" and body[i + 1 : i + 2] not in ("]", ""):
            high, i = _member(body, i + 1)
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
        parts.append(re.escape(low))
    inside = "".join(parts)
    if not inside:
        return ("[^/]" if negated else "(?!)"), i + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", i + 1


def _member(body: str, i: int) -> tuple[str, int]:
    if body[i : i + 1] == "\\":
        i += 1
    if i >= len(body):
        raise ValueError("a bracket that does not end")
    return body[i], i + 1


def _class(name: str) -> str:
    if name not in _CLASSES:
        raise ValueError("no such class of characters")
    return _CLASSES[name]
