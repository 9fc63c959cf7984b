"""Who may do what: a token's scope, judged before anything else of a request is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from starlette.requests import Request

from artcli.web.served import Served

READ, WRITE, ADMIN = 1, 2, 3
SCOPES = {"read": READ, "write": WRITE, "admin": ADMIN}
"""What a token may do; each may what those before it may."""


class Bearer(NamedTuple):
    """Whoever sends a request."""

    name: str
    """For the log: no secret."""
    scope: int
    project: str | None = None
    """The only project that it may write, and see by name; None: all."""

    @property
    def scope_name(self) -> str:
        return next(name for name, scope in SCOPES.items() if scope == self.scope)


class Guard(Protocol):
    """Decides on requests."""

    def admit(self, request: Request, served: Served | None, scope: int) -> Bearer:
        """Who sends it; raises `Refused` (401, 403) unless it may do what needs `scope` here."""


class Open:
    """No token is asked for: the server listens on this machine alone, or somebody wanted it so."""

    def admit(self, request: Request, served: Served | None, scope: int) -> Bearer:
        return Bearer("-", ADMIN)
