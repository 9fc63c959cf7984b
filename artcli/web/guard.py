"""Who may do what: a token's scope, judged before anything else of a request is."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple, Protocol

from starlette.requests import Request

from artcli.errors import IntegrityError
from artcli.web.answers import Refused
from artcli.web.served import Served
from artcli.web.tokens import SCOPES, Tokens, said_id

READ, WRITE, ADMIN = range(len(SCOPES))
NOBODY = "-"
"""The name of who was not asked for a token."""

_BEARER = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)
_BASIC = re.compile(r"basic +(\S+)", re.ASCII | re.IGNORECASE)
_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class Bearer(NamedTuple):
    """Whoever sends a request."""

    name: str
    """For the log: no secret."""
    scope: int
    """A position in `SCOPES`."""
    project: str | None = None
    """The only project that it may write, and see by name; None: all."""

    @property
    def is_known(self) -> bool:
        """Whether a token says who it is; else all may do everything."""
        return self.name != NOBODY

    @property
    def owner(self) -> str:
        """Whose request it is: the same when a token is replaced by another of its name."""
        return self.name.rpartition("/")[0] or self.name

    @property
    def scope_name(self) -> str:
        return SCOPES[self.scope]


class Guard(Protocol):
    """Decides on requests."""

    def admit(self, request: Request, served: Served | None, scope: int, *, is_page: bool = False) -> Bearer:
        """Who sends it; raises `Refused` (401, 403) unless it may do what needs `scope` here.

        `is_page`: a browser asks, which can send a token as the password of `Basic` alone.
        """


class Open:
    """No token is asked for: the server listens on this machine alone, or somebody wanted it so."""

    def __init__(self, *, here: bool = False) -> None:
        """`here`: it listens on this machine alone, so what a browser sends for a page from elsewhere is refused."""
        self._here = here

    def admit(self, request: Request, served: Served | None, scope: int, *, is_page: bool = False) -> Bearer:
        if self._here and (not _HERE.fullmatch(request.headers.get("host", "")) or _is_foreign(request)):
            raise Refused(
                403, "not-from-here", "a page of another site has sent this, or a name that is not this machine's"
            )
        return Bearer(NOBODY, ADMIN)


def _is_foreign(request: Request) -> bool:
    headers = request.headers
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.rpartition("//")[2] != headers.get("host")


class ByToken:
    """Asks for a token, once there is one; before that, only if the server is reached from elsewhere."""

    def __init__(self, tokens_of: Callable[[Served], Tokens], *, here: bool) -> None:
        """`here`: the server listens on this machine alone."""
        self._tokens_of = tokens_of
        self._here = here
        self._open = Open(here=here)
        self._met: dict[str, Tokens] = {}

    def admit(self, request: Request, served: Served | None, scope: int, *, is_page: bool = False) -> Bearer:
        if served is None:
            if self._here:
                return self._open.admit(request, None, scope)
            raise _unauthorized(None, is_page)
        tokens = self._met.setdefault(served.place, self._tokens_of(served))
        if self._here and not tokens.exist:
            return self._open.admit(request, served, scope)
        text = _token_in(request.headers.get("authorization", ""), is_page)
        try:
            token = tokens.find(text)
        except IntegrityError as error:
            raise Refused(503, error.slug, "the tokens of this server cannot be read") from error
        if token is None:
            raise _unauthorized(said_id(text), is_page)
        bearer = Bearer(f"{token.name}/{token.id}", SCOPES.index(token.scope), token.project)
        if bearer.scope < scope:
            raise Refused(403, "scope-too-small", f"this needs a token of scope {SCOPES[scope]}", who=bearer.name)
        return bearer


def _token_in(header: str, is_page: bool) -> str:
    """The token that a request brings, "" if it brings none."""
    if found := _BEARER.fullmatch(header):
        return found[1]
    found = _BASIC.fullmatch(header) if is_page else None
    try:
        return b64decode(found[1], validate=True).decode().partition(":")[2] if found else ""
    except ValueError:
        return ""  # no Base64, or no UTF-8


def _unauthorized(id: str | None, is_page: bool) -> Refused:
    challenge = 'Basic realm="art"' if is_page else "Bearer"
    return Refused(
        401, "token-needed", "this needs a token that holds", hint="art token create NAME   (at the server)",
        headers={"WWW-Authenticate": challenge}, who=f"?/{id}" if id else "-",
    )  # fmt: skip
