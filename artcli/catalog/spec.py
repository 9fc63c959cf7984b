"""References as people write them: `[[ENTITY/]PROJECT/]NAME[:VERSION][/PATH]`, also behind `art://`.

The first `:` splits; behind it the first `/` starts the path. This module only reads the text; `catalog.resolve` looks
up what it means. Names are W&B's set of characters, so that references written for it parse unchanged.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from artcli.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
RESERVED_ALIAS = re.compile(r"v?[0-9]+|latest")
TAG = re.compile(r"[A-Za-z0-9._-](?:[A-Za-z0-9._ -]{0,126}[A-Za-z0-9._-])?")
TYPE = re.compile(r"[^\x00-\x1f\x7f-\x9f/]{1,128}")
DIGEST_PREFIX = re.compile(r"[0-9a-f]{12,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
RUN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
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

    @property
    def names_version(self) -> bool:
        return self.version is not None or self.digest is not None

    def __str__(self) -> str:
        parts = [part for part in (self.entity, self.project, self.name) if part]
        text = "/".join(parts)
        if self.digest:
            text += "@" + self.digest
        elif self.version:
            text += ":" + self.version
        if self.back:
            text += f"~{self.back}"
        return text + ("/" + os.fsdecode(self.path) if self.path else "")


def parse(text: str) -> Spec:
    """Read a reference; raises `UsageError` (`bad-reference`)."""
    given = text
    text = text.removeprefix(SCHEME)
    mark = re.search(r"[:@~]", text)
    head, tail = (text[: mark.start()], text[mark.start() :]) if mark else (text, "")
    tail, slash, rest = tail.partition("/")
    version, digest, back = _version(tail, given) if tail else (None, None, 0)
    parts = head.split("/")
    if len(parts) > 3 or not all(_is_name(part) for part in parts):
        raise _bad(given, "a name has letters, digits, '.', '_' and '-', at most 128 of them")
    entity, project, name = [None] * (3 - len(parts)) + parts
    assert name is not None
    return Spec(entity, project, name, version, digest, back, _path(rest) if slash else None)


def readings(text: str) -> list[Spec]:
    """What `text` may mean, likeliest first: `a/b` is the artifact b of project a, or the path b in artifact a.

    Only a reference that names no version can have several readings. Raises `UsageError` (`bad-reference`).
    """
    text = text.rstrip("/")
    bare = text.removeprefix(SCHEME)
    if "/" not in bare or re.search(r"[:@~]", bare.partition("/")[0]):
        return [parse(text)]
    found = []
    try:
        found.append(parse(text))
    except UsageError:
        pass  # too deep or too strange for names alone: then it must be a path
    if not found or not found[0].names_version:
        words = bare.split("/")
        for count in (1, 2, 3):
            rest = "/".join(words[count:])
            if rest.strip("/") and all(_is_name(word) for word in words[:count]):
                found.append(parse("/".join(words[:count]))._replace(path=_path(rest)))
    return found or [parse(text)]


def check_name(name: str) -> str:
    """`name` itself, if an artifact may have it; raises `UsageError` (`bad-name`)."""
    return _checked(name, _is_name(name), "bad-name", "an artifact's name")


def check_project(name: str) -> str:
    """`name` itself, if a project may have it; raises `UsageError` (`bad-project`)."""
    return _checked(name, _is_name(name), "bad-project", "a project's name")


def check_alias(alias: str) -> str:
    """`alias` itself, if a version may have it; raises `UsageError` (`bad-alias`)."""
    if RESERVED_ALIAS.fullmatch(alias):
        raise UsageError(
            "bad-alias", f"numbers, vN and latest are computed, and no aliases: {alias!r}", hint="art help refs"
        )
    return _checked(alias, _is_name(alias), "bad-alias", "an alias")


def check_tag(tag: str) -> str:
    """`tag` itself, if a version may carry it; raises `UsageError` (`bad-tag`)."""
    return _checked(tag, bool(TAG.fullmatch(tag)), "bad-tag", "a tag", " and spaces inside")


def check_run(run: str) -> str:
    """`run` itself, if it may be the id of a run or of a writer; raises `UsageError` (`bad-run`)."""
    return _checked(run, isinstance(run, str) and bool(RUN.fullmatch(run)), "bad-run", "a run's id")


def check_digest(digest: str) -> str:
    """`digest` itself, if it is 64 hex digits; raises ValueError."""
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ValueError(f"no digest: {digest!r:.100}")
    return digest


def check_type(type: str) -> str:
    """`type` itself, if an artifact may be of it; raises `UsageError` (`bad-type`)."""
    if not TYPE.fullmatch(type) or type != type.strip():
        raise UsageError(
            "bad-type", f"a type is a word of at most 128 characters without '/': {type!r}", hint="art help refs"
        )
    return type


def _checked(word: str, fits: bool, slug: str, what: str, more: str = "") -> str:
    if not fits:
        message = f"{what} has letters, digits, '.', '_' and '-'{more}, at most 128 of them: {word!r}"
        raise UsageError(slug, message, hint="art help refs")
    return word


def _is_name(word: str) -> bool:
    return bool(NAME.fullmatch(word)) and word not in (".", "..")


def _version(text: str, given: str) -> tuple[str | None, str | None, int]:
    """Word, digest prefix and steps back of `:best`, `@3f9c…`, `~2`, `:best~1`, `:@3f9c…`."""
    word, tilde, steps = text.partition("~")
    if tilde and not re.fullmatch(r"[0-9]{0,9}", steps):
        raise _bad(given, "after '~' comes a number of versions")
    back = int(steps or 1) if tilde else 0
    word = word.removeprefix(":")
    if word.startswith("@"):
        if not DIGEST_PREFIX.fullmatch(word[1:]):
            raise _bad(given, "after '@' come 12 to 64 hex digits of a version's digest")
        return None, word[1:], back
    if not word and text.startswith("~"):
        return "latest", None, back
    if not _is_name(word):
        raise _bad(given, "after ':' comes a version: latest, an alias, v3 or 3")
    return word, None, back


def _path(text: str) -> bytes | None:
    return os.fsencode(text.strip("/")) or None


def _bad(given: str, why: str) -> UsageError:
    return UsageError("bad-reference", f"{why}: {given!r}", hint="art help refs")
