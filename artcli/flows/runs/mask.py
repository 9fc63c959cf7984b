"""What a run must not tell: passwords and their like, wherever they stand in what is recorded by itself.

Masked are the values of options, variables and keys of a config whose names have token, key, password, secret and the
like in them, also within a word that is a script (`sh -c '…'`) or JSON; the user's part of URLs and their parameters
of such names; and what a diff says of `.env` files. When in doubt something is masked: a command that cannot be
repeated from the record is a smaller evil than a password in it.

Not masked is what has no such name: `-p hunter2`, words without an option, what the program prints, and the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "***"
LENGTH = 32_000
"""Characters of a command that are recorded: a glob may be a hundred thousand words."""
_MORE = "[art: more words: "

_SECRET = re.compile("token|key|password|passwd|passphrase|secret|credential", re.IGNORECASE)
_HARMLESS = re.compile(
    r"tokeni[sz](?:e[rd]?|ation|ing)s?|key[-_]?(?:points?|frames?|words?|board)|monkey|turkey"
    r"|(?<![a-z])(?:max|min|num|n)[-_](?:new[-_])?tokens",
    re.IGNORECASE,
)
"""Words that only look so."""
_SETTING = re.compile(
    r"(?:^|[./_-])(?:tokens?|pass(?:word|wd|phrase)s?|secrets?|credentials?|(?:api|access|private|secret|auth|ssh)[_-]?key)"
    r"(?:$|[./_-])",
    re.IGNORECASE,
)
"""Names of settings: `key` alone is a key of something, `token` a part of a text only where others are counted."""
_PIN = re.compile("pass(?:word|wd|phrase)|secret|credential", re.IGNORECASE)
"""Where a number is a secret too; of tokens and keys it tells how many, or which."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_ASSIGNED = re.compile(r"(-{0,2}[\w.+/-]+)(=)(.*)", re.DOTALL)
_HEADER = re.compile(r"([\w-]+)(:\s*)(\S.*)", re.DOTALL)
_NAME = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]+)(?P<sign>\\?["']?\s*[:=]\s*(?=\\?["'])|=|:\s+|\s+)""")
_VALUE = re.compile(r"""(?:\\?"(?:\\.|[^"\\])*"|'[^']*')(?=[\s,;:)}\]]|$)|(?:"(?:\\.|[^"\\])*"|'[^']*'|\S)+""")
_TO_QUOTE = re.compile(r"""[^"'\n]+""")

_USER = re.compile(r"([A-Za-z][\w+.-]*://)[^/?#@\s]*(?:@[^/?#@\s]*)*@")
_ODD_USER = re.compile(r"([A-Za-z][\w+.-]*://)[^/?#@\s:\[]*:(?!\d*(?:[/?#\s]|$))[^\s@]*@")
"""A password with `/`, `?` or `#` in it, which stands where a port would be a number."""
_PARAMETER = re.compile(r"(?<=[?&])([\w.%-]+)=([^&#\s\"']+)")
_SIGNATURE = re.compile(r"(?:^|[-_])sig(?:nature)?$", re.IGNORECASE)
_BEARER = re.compile(r"\b(authorization\s*:\s*(?:\w+\s+)?|bearer\s+)\S+", re.IGNORECASE)

_DIFF = b"diff --git "
_SECTION = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_BODY = re.compile(rb"^(?:@@|GIT binary patch)", re.MULTILINE)
_FILE = (
    rb"(?:\.env(?:\.[^/\"\n]*)?|\.envrc|[^/\"\s]+\.env|\.netrc|\.pypirc|\.pgpass|\.git-credentials|id_[a-z0-9]+"
    rb"|[^/\"\n]*\.pem)"
)
_HIDDEN = re.compile(rb'(?:^|[/"])' + _FILE + rb'"?$', re.IGNORECASE)
_HIDDEN_IN_HEADER = re.compile(rb'(?:[/" ])' + _FILE + rb'"?(?=\s|$)', re.IGNORECASE | re.MULTILINE)


def arguments(argv: Sequence[str]) -> list[str]:
    """The words of a command with secrets masked; of a long one the beginning, and how many words are missing."""
    kept: list[str] = []
    left = LENGTH
    for word in _arguments(argv):
        left -= len(word) + 3
        if left < 0:
            return [*kept, f"{_MORE}{len(argv) - len(kept)}]"]
        kept.append(word)
    return kept


def is_whole(argv: Sequence[str]) -> bool:
    """Whether these are all words of a recorded command."""
    return not (argv and argv[-1].startswith(_MORE))


def _arguments(argv: Sequence[str]) -> Iterator[str]:
    hide = False
    for word in argv:
        assigned, header = _ASSIGNED.fullmatch(word), _HEADER.fullmatch(word)
        if hide and not word.startswith("--"):
            yield MASK
            hide = False
        elif assigned and _is_secret(assigned[1]):
            yield assigned[1] + "=" + MASK
            hide = False
        elif header and _is_setting(header[1]) and not _BEARER.search(word):
            yield header[1] + header[2] + MASK
            hide = False
        else:
            yield _script(text(word))
            hide = word.startswith("-") and not assigned and _is_secret(word)


def text(said: str) -> str:
    """A text without the user's part of the URLs in it, without what authorizes, and without parameters that do."""
    if "://" in said:
        said = _USER.sub(rf"\1{MASK}@", _ODD_USER.sub(rf"\1{MASK}@", said))
        said = _PARAMETER.sub(lambda found: _parameter(found[1], found[2]), said)
    return _BEARER.sub(rf"\1{MASK}", said)


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables of the environment with secrets masked, as `AWS_*` allows more than is meant; of all the beginning."""
    found, left = {}, LENGTH
    for name, value in environ.items():
        found[name] = MASK if _is_secret(name) else text(value)[:left]
        left -= len(found[name])
    return found


def settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the values masked whose keys say that they are secret."""
    return {key: _setting(str(key), value) for key, value in values.items()}


def is_masked(value: Any) -> bool:
    """Whether something of a recorded value was masked."""
    if isinstance(value, Mapping):
        return any(map(is_masked, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_masked, value))
    return isinstance(value, str) and (value == MASK or f"://{MASK}@" in value)


def patch(diff: bytes) -> bytes:
    """A diff of git without what it says of files that hold secrets, which it only names; empty if that was all.

    Lines between what it says of files are none of its own: `git apply` passes over them.
    """
    sections = _SECTION.split(diff)
    kept = [_section(section) for section in sections]
    return b"".join(kept) if any(section.startswith(_DIFF) for section in kept) else b""


def is_secret_file(path: str) -> bool:
    """Whether a file of this path is one whose content is nobody's business."""
    return bool(_HIDDEN.search(path.encode("utf-8", "surrogateescape")))


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(_HARMLESS.sub("", name)))


def _is_setting(name: str) -> bool:
    return bool(_SETTING.search(_HARMLESS.sub("", _HUMP.sub("_", name))))


def _parameter(name: str, value: str) -> str:
    return f"{name}={MASK if _is_setting(name) or _SIGNATURE.search(name) else value}"


def _script(said: str) -> str:
    """A word that has words in it: a line of shell, of a program, JSON."""
    kept, at = [], 0
    while (found := _NAME.search(said, at)) is not None:
        kept.append(said[at : found.end()])
        at = found.end()
        name, sign = found["name"], found["sign"]
        before = said[max(0, found.start() - 1) : found.start()]
        if _names_secret(name, sign, before) and not said.startswith(MASK, at):
            value = (_TO_QUOTE if sign.startswith(":") and sign.endswith(" ") else _VALUE).match(said, at)
            if value is not None and not (sign.isspace() and value[0].startswith("--")):
                kept.append(MASK)
                at = value.end()
    return "".join([*kept, said[at:]])


def _names_secret(name: str, sign: str, before: str) -> bool:
    """Whether what stands behind a name and a sign is secret; `before`: the character before the name."""
    if sign.isspace():
        return name.startswith("-") and _is_secret(name)
    if sign == "=" and (name.startswith("-") or name.isupper()):
        return _is_secret(name)
    if sign.startswith(":") and sign.strip() == ":" and before not in ("", '"', "'"):
        return False  # a word of a sentence
    return _is_setting(name)


def _setting(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return settings(value)
    if isinstance(value, list | tuple):
        return type(value)(_setting(key, item) for item in value) if type(value) in (list, tuple) else value
    if isinstance(value, str):
        return MASK if value and _is_setting(key) else text(value)
    if isinstance(value, int) and not isinstance(value, bool) and _PIN.search(key) and _is_setting(key):
        return MASK
    return value


def _section(section: bytes) -> bytes:
    first, newline, _ = section.partition(b"\n")
    body = _BODY.search(section)
    header = section[: body.start()] if body else section
    if not first.startswith(_DIFF) or not _HIDDEN_IN_HEADER.search(header):
        return section
    return b"masked: " + first.removeprefix(_DIFF) + newline
