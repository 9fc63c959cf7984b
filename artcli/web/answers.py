"""Refusals, as a client gets them: a status and JSON that says what, why and what now; never a path or a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from artcli.errors import (
    ArtError,
    AuthError,
    ConflictError,
    IntegrityError,
    LockedError,
    NetworkError,
    NotFoundError,
    SpaceError,
    UsageError,
)

_STATUS: Mapping[type[ArtError], int] = {
    UsageError: 400,
    AuthError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    IntegrityError: 422,
    LockedError: 503,
    NetworkError: 503,
    SpaceError: 507,
}

_INWARD: Mapping[str, str] = {
    "disk-full": "the disk is full",
    "cannot-write": "the server cannot write there",
    "no-exclusive-write": "the server's file system cannot promise that of two writers only one wins",
    "not-an-object": "something else has the place of this object",
    "bucket-not-found": "what is served is not there any more",
    "remote-unreachable": "the server's storage cannot be reached",
    "outcome-unknown": "whether it was written is not known: try again",
    "no-credentials": "the server may not use its storage",
}
"""Errors whose message names folders and addresses of the server, and what a client hears instead."""


class Refused(Exception):
    """The request is answered so."""

    def __init__(
        self, status: int, slug: str, detail: str, *, hint: str | None = None,
        headers: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None, who: str = "",
    ) -> None:  # fmt: skip
        """`more`: further members of the JSON; `who`: the bearer, for the log."""
        super().__init__(slug)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.more = dict(more or {})
        self.who = who

    def response(self) -> JSONResponse:
        body = {"error": self.slug, "detail": self.detail, "hint": self.hint, **self.more}
        return JSONResponse(body, self.status, {"Cache-Control": "no-store", **self.headers})


def refusal(error: ArtError) -> Refused:
    """What an error of a flow means to a client."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return Refused(status, error.slug, _INWARD.get(error.slug, error.message), hint=error.hint)
