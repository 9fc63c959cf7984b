"""Tokens: who may do what at a server. The file keeps their hashes alone; what is printed once is all there ever is.

A token is 256 random bits behind an id that is no secret, so that a log can name it and a look-up compares one hash, in
the same time whatever it is. The file is replaced as a whole and looked at on every request: what is revoked is gone.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.content import digest_of
from artcli.errors import ConflictError, IntegrityError, NotFoundError

SCOPES = ("read", "write", "admin")
"""What a token may do; each may what those before it may."""
FORMAT = 1
_TOKEN = re.compile(r"art_([0-9a-f]{12})_[0-9a-f]{64}", re.ASCII)
_NOBODY = digest_of(b"nobody").hex()


class Token(NamedTuple):
    """What is kept of a token."""

    id: str
    name: str
    hash: str
    """The digest of the whole token, in hex."""
    scope: str
    """Of `SCOPES`."""
    project: str | None
    created: float
    expires: float | None
    """Seconds since 1970, by the server's clock."""


class Tokens:
    """The tokens of one file. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[tuple[int, int, int], list[Token]] | None = None

    @property
    def exist(self) -> bool:
        """Whether a token was ever made here."""
        return self.path.exists()

    def all(self) -> list[Token]:
        """Those that were made and not revoked, oldest first; raises `IntegrityError` (`damaged-tokens`)."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return []
        mark = (status.st_ino, status.st_mtime_ns, status.st_size)
        read = self._read
        if read is None or read[0] != mark:
            read = self._read = (mark, _parse(self.path.read_bytes()))
        return read[1]

    def create(self, name: str, scope: str, project: str | None, seconds: float | None) -> tuple[Token, str]:
        """A new token and its secret text, which is kept nowhere. `seconds`: how long it holds, None for ever.

        Raises `ConflictError` (`token-exists`).
        """
        with lock.changing(self.path):
            known = self.all()
            if any(token.name == name for token in known):
                raise ConflictError("token-exists", f"there is a token of the name '{name}'", hint="art token ls")
            id = secrets.token_hex(6)
            text = f"art_{id}_{secrets.token_hex(32)}"
            now = time.time()
            hash = digest_of(text.encode()).hex()
            token = Token(id, name, hash, scope, project, now, None if seconds is None else now + seconds)
            self._write([*known, token])
        return token, text

    def revoke(self, id: str) -> Token:
        """Take a token away, by its id or name; raises `NotFoundError` (`no-such-token`)."""
        with lock.changing(self.path):
            known = self.all()
            for token in known:
                if id in (token.id, token.name):
                    self._write([other for other in known if other is not token])
                    return token
        raise NotFoundError("no-such-token", f"there is no token '{id}'", hint="art token ls")

    def find(self, text: str) -> Token | None:
        """The token of this text, if it holds now."""
        found = _TOKEN.fullmatch(text)
        id = found[1] if found else ""
        token = next((token for token in self.all() if token.id == id), None)
        same = hmac.compare_digest(digest_of(text.encode("utf-8", "replace")).hex(), token.hash if token else _NOBODY)
        if token is None or not same or (token.expires is not None and time.time() >= token.expires):
            return None
        return token

    def _write(self, tokens: Sequence[Token]) -> None:
        document = {"format": FORMAT, "tokens": [token._asdict() for token in tokens]}
        replace(self.path, (json.dumps(document, indent=1) + "\n").encode(), mode=0o600)


def file_of(place: Path) -> Path:
    """Where the tokens of the place with this folder are."""
    return place / "local" / "tokens.json"


def said_id(text: str) -> str | None:
    """The id in the text of a token, real or not: it may be logged."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def _parse(data: bytes) -> list[Token]:
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError("it has another format")
        tokens = [Token(**item) for item in document["tokens"]]
        if any(token.scope not in SCOPES for token in tokens):
            raise ValueError("a token has a scope that there is not")
        return tokens
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            "damaged-tokens", f"the file of the tokens cannot be read: {error}", hint="art help damaged-tokens"
        ) from error
