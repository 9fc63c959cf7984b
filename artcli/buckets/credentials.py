"""Tokens for servers, in the user's own `credentials.toml` beside `config.toml`, readable by nobody else.

They are never in an address, a repository or a message. ART_TOKEN comes before the file. A token that is kept for an
address holds for what lies below it, too; the longest address that fits wins.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.errors import UsageError
from artcli.settings import read_toml, user_file

VARIABLE = "ART_TOKEN"


def credentials_file() -> Path:
    return user_file().with_name("credentials.toml")


def token_for(url: str) -> str | None:
    """The token for the server at `url`. Raises `UsageError` (`bad-config`) if the file cannot be read."""
    if told := os.environ.get(VARIABLE):
        return told
    fitting = [known for known in _tokens() if url == known or url.startswith(known + "/")]
    return _tokens()[max(fitting, key=len)] if fitting else None


def known_urls() -> list[str]:
    """The addresses for which a token is kept."""
    return sorted(_tokens())


def check(token: str) -> None:
    """Raise `UsageError` (`bad-token`), which does not repeat it, if that can be no token."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("bad-token", "a token is one word", hint="art help bad-token")


def keep(url: str, token: str) -> None:
    """Keep the token for this address; raises as `check`, and `LockedError`."""
    check(token)
    with lock.changing(credentials_file()):
        _write({**_tokens(), url: token})


def forget(url: str) -> bool:
    """False if none was kept for this address. Raises `LockedError`."""
    with lock.changing(credentials_file()):
        tokens = _tokens()
        if tokens.pop(url, None) is None:
            return False
        _write(tokens)
        return True


def _tokens() -> dict[str, str]:
    found = read_toml(credentials_file()).get("tokens")
    items = found.items() if isinstance(found, dict) else ()
    return {url: token for url, token in items if isinstance(token, str)}


def _write(tokens: dict[str, str]) -> None:
    path = credentials_file()
    lines = ["# Tokens of art, for your eyes only.", "[tokens]"]
    lines += [f"{json.dumps(url)} = {json.dumps(token)}" for url, token in sorted(tokens.items())]
    replace(path, ("\n".join(lines) + "\n").encode(), mode=0o600)
