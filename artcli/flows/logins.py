"""Logging in: a token for a server, tried there before it is kept for this user (see `buckets.credentials`)."""

from __future__ import annotations

from typing import NamedTuple

from artcli.buckets import credentials, lan
from artcli.buckets.urls import http_line, normal, scheme, settled
from artcli.errors import NotFoundError, UsageError


class Login(NamedTuple):
    """What a server says to a token."""

    url: str
    scope: str | None
    """read, write or admin; None if the server does not say, since the address is above its repositories."""
    art: str | None
    """The server's version."""


def login(url: str, token: str) -> Login:
    """Keep `token` for the server at `url`, and what lies below it, after the server has taken it.

    Of a server in the local network the certificate is pinned, so that the token goes to no other. Raises `UsageError`
    (`bad-url`, `bad-token`, `no-server`), `AuthError` (`login-needed`), `NetworkError`.
    """
    address = settled(_server(url))
    credentials.check(token)
    found = told(address, token)
    credentials.keep(address, token)
    return found


def told(url: str, token: str | None = None) -> Login:
    """What the server at `url` says to the token, or to the one that is kept; raises as `login`."""
    from artcli.buckets.http import HttpBucket

    address = _server(url)
    try:
        said = HttpBucket(http_line(address, token)).info()
    except NotFoundError:
        return Login(address, None, None)  # a server of many repositories, at none of them
    return Login(address, said.get("scope"), said.get("art"))


def logout(url: str | None) -> list[str]:
    """Forget the token for this address, or all; the addresses. Raises `NotFoundError` (`no-login`)."""
    known = credentials.known_urls()
    wanted = known if url is None else [_server(url)]
    if not set(wanted) <= set(known):
        raise NotFoundError(
            "no-login", f"no token is kept for {wanted[0]}", facts=["kept for: " + (", ".join(known) or "none")],
            hint="art whoami",
        )  # fmt: skip
    for address in wanted:
        credentials.forget(address)
    return wanted


def _server(url: str) -> str:
    if scheme(url) not in ("http", "https", lan.SCHEME):
        raise UsageError(
            "no-server", f"one logs in to a server: {normal(url)} is none",
            facts=["such as https://host:8080/name"], hint="art help no-server",
        )  # fmt: skip
    return normal(url)
