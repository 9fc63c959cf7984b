"""What a run must not tell: passwords and their like, wherever they stand in what is recorded by itself.

Masked are the values of options and variables whose names have token, key, password, secret and the like in them, the
user's part of URLs, and what a diff says of `.env` files. When in doubt something is masked: a command that cannot be
repeated from the record is a smaller evil than a password in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "***"

_SECRET = re.compile("token|key|password|passwd|passphrase|secret|credential", re.IGNORECASE)
_HARMLESS = re.compile(
    r"tokeni[sz]\w*|key[-_]?(?:points?|frames?|words?|board)|monkey|turkey|(?:max|min|num|n)[-_](?:new[-_])?tokens",
    re.IGNORECASE,
)
"""Words that only look so."""
_SETTING = re.compile(
    r"(?:^|[._-])(?:token|password|passwd|passphrase|secret|credentials?|(?:api|access|private|secret|auth|ssh)[_-]?key)"
    r"(?:$|[._-])",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"(-{0,2}[\w.+/-]+)(=)(.*)", re.DOTALL)
_USER = re.compile(r"([A-Za-z][\w+.-]*://)[^/?#@\s]*(?:@[^/?#@\s]*)*@")
_BEARER = re.compile(r"\b(authorization\s*:\s*(?:\w+\s+)?|bearer\s+)\S+", re.IGNORECASE)
_SECTION = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_HIDDEN = re.compile(rb'(?:^|[/"])(?:\.env(?:\.[^/"]*)?|\.netrc|\.pypirc|id_[a-z0-9]+|[^/"]*\.pem)"?$')


def arguments(argv: Sequence[str]) -> list[str]:
    """The words of a command with secrets masked."""
    return list(_arguments(argv))


def _arguments(argv: Sequence[str]) -> Iterator[str]:
    hide = False
    for word in argv:
        assigned = _ASSIGNED.fullmatch(word)
        if hide and not word.startswith("--"):
            yield MASK
            hide = False
        elif assigned and _is_secret(assigned[1]):
            yield assigned[1] + "=" + MASK
            hide = False
        else:
            yield text(word)
            hide = word.startswith("-") and not assigned and _is_secret(word)


def text(said: str) -> str:
    """A text without the user's part of the URLs in it, and without what authorizes."""
    return _BEARER.sub(rf"\1{MASK}", _USER.sub(rf"\1{MASK}@", said))


def settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the texts masked whose keys say that they are secret."""
    return {key: _setting(key, value) for key, value in values.items()}


def patch(diff: bytes) -> bytes:
    """A diff of git without what it says of files that hold secrets."""
    return b"".join(_section(section) for section in _SECTION.split(diff))


def is_secret_file(path: str) -> bool:
    """Whether a file of this path is one whose content is nobody's business."""
    return bool(_HIDDEN.search(path.encode("utf-8", "surrogateescape")))


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(_HARMLESS.sub("", name)))


def _setting(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return settings(value)
    if isinstance(value, str):
        return MASK if value and _SETTING.search(key) else text(value)
    return value


def _section(section: bytes) -> bytes:
    first, newline, _ = section.partition(b"\n")
    if not first.startswith(b"diff --git ") or not any(map(_HIDDEN.search, first.split(b" b/"))):
        return section
    return first + newline + b"masked: " + MASK.encode() + newline
