"""References as people write them: `[[ENTITY/]PROJECT/]NAME[:VERSION][/PATH]`, also behind `art://`.

The first `:` splits; behind it the first `/` starts the path. This module only reads the text; `catalog.resolve` looks
up what it means. Names are W&B's set of characters, so that references written for it parse unchanged.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from artcli.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
RESERVED_ALIAS = re.compile(r"v?[0-9]+|latest")
DIGEST_PREFIX = re.compile(r"[0-9a-f]{12,64}")
SCHEME = "art://"


class Spec(NamedTuple):
    """A reference, taken apart."""

    entity: str | None
    project: str | None
    name: str
    version: str | None
    """`latest`, an alias, `vN`, `N`, or None where the text names none."""
    digest: str | None
    """Hex prefix of `name@<hex>`."""
    back: int
    """N of `~N`: that many live versions before."""
    path: bytes | None
    """Below the version, without slashes at its ends; None if none was given."""

    def __str__(self) -> str:
        parts = [part for part in (self.entity, self.project, self.name) if part]
        text = "/".join(parts)
        if self.digest:
            text += "@" + self.digest
        elif self.version:
            text += ":" + self.version
        if self.back:
            text += f"~{self.back}"
        return text + ("/" + self.path.decode(errors="replace") if self.path else "")


def parse(text: str) -> Spec:
    """Read a reference; raises `UsageError` (`bad-reference`)."""
    given, text = text, text.removeprefix(SCHEME)
    path: str | None = None
    version: str | None = None
    digest: str | None = None
    back = 0
    if ":" in text:
        head, _, tail = text.partition(":")
        version, slash, path_text = tail.partition("/")
        path = path_text if slash else None
    else:
        head, mark, tail = text.partition("@")
        if mark:
            digest, slash, path_text = tail.partition("/")
            path = path_text if slash else None
        elif "~" in head:
            head, _, steps = head.partition("~")
            version = "latest~" + steps
    if version is not None:
        version, digest, back = _version(version, digest, given)
    elif digest is not None:
        _, digest, back = _version("@" + digest, None, given)
    parts = head.split("/")
    if len(parts) > 3 or not all(NAME.fullmatch(part) for part in parts):
        raise _bad(given, "a name has letters, digits, '.', '_' and '-', at most 128 of them")
    entity, project, name = [None] * (3 - len(parts)) + parts
    if name in (".", ".."):
        raise _bad(given, f"'{name}' is no name")
    stripped = path.strip("/") if path is not None else None
    return Spec(entity, project, str(name), version, digest, back, _path(stripped))


def check_name(name: str) -> str:
    """`name` itself, if an artifact may have it; raises `UsageError` (`bad-name`)."""
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise UsageError(
            "bad-name",
            f"an artifact's name has letters, digits, '.', '_' and '-', at most 128 of them: {name!r}",
            hint="art help refs",
        )
    return name


def check_alias(alias: str) -> str:
    """`alias` itself, if a version may have it; raises `UsageError` (`bad-alias`)."""
    if not NAME.fullmatch(alias) or RESERVED_ALIAS.fullmatch(alias) or alias in (".", ".."):
        raise UsageError(
            "bad-alias",
            f"an alias has letters, digits, '.', '_' and '-', and is not a number, vN or latest: {alias!r}",
            hint="art help refs",
        )
    return alias


def _version(text: str, digest: str | None, given: str) -> tuple[str | None, str | None, int]:
    text, tilde, steps = text.partition("~")
    if tilde and not re.fullmatch(r"[0-9]{0,9}", steps):
        raise _bad(given, "after '~' comes a number of versions")
    back = int(steps or 1) if tilde else 0
    if text.startswith("@"):
        digest = text[1:]
        if not DIGEST_PREFIX.fullmatch(digest):
            raise _bad(given, "after '@' come 12 to 64 hex digits of a version's digest")
        return None, digest, back
    if not NAME.fullmatch(text):
        raise _bad(given, "after ':' comes a version: latest, an alias, v3 or 3")
    return text, None, back


def _path(text: str | None) -> bytes | None:
    import os

    return os.fsencode(text) if text else None


def _bad(given: str, why: str) -> UsageError:
    return UsageError("bad-reference", f"{why}: {given!r}", hint="art help refs")
