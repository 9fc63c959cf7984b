"""A line to a server that speaks HTTP: requests go, whole answers come, and what goes wrong has a name of ours.

Connections are kept and shared by threads. Nothing is compressed on the way, for what travels is compressed already; no
redirection is followed, for a token would go with it; certificates are verified. What the line breaks, or the server
puts off, is `Passing`. The same over a pipe to ssh is `ssh.py`.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from artcli import __version__
from artcli.buckets.limited import Meter
from artcli.buckets.retry import Passing, unreachable
from artcli.errors import (
    ArtError,
    ArtWarning,
    AuthError,
    ConflictError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    SpaceError,
)

CONNECT, STALL = 10.0, 30.0
"""Seconds for a connection to come about, or a piece of a body to be taken; and for which an answer may stop."""
JUDGED = 4
"""Times as long the answer to a PUT may take: what was sent is judged and brought to a disk first."""
PIECE = 64 * 1024
"""Bytes of a body that are sent at once: each has its own `CONNECT` seconds."""
CONNECTIONS = 16
WHOLE = 256 * 1024 * 1024
"""Bytes that an answer may have of which the size is not known beforehand."""
ERROR_SIZE = 64 * 1024
"""Bytes of an answer that is read only to say what went wrong."""
_HERE = re.compile(r"localhost|127(\.\d+){3}|::1", re.ASCII)
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
GARBLED = frozenset({400, 422})
"""What a server says of a request that the line has changed, too; more than a few tries make no sense."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Line(Protocol):
    """A way to a server."""

    place: str
    """As messages name it."""

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:  # fmt: skip
        """The whole answer; raises `Passing` if it is cut or does not come, `IntegrityError` (`remote-refused`) if it
        is longer than `limit` bytes.
        """


class HttpLine:
    """To `url`, http or https, below which all paths are; `token` goes with every request."""

    def __init__(
        self, url: str, token: str | None = None, meter: Meter | None = None, *, fingerprint: str = "", place: str = ""
    ) -> None:
        """`fingerprint`: the SHA-256, in hex, of the one certificate that the server may have, whoever signed it.

        `place`: the address as the user knows it, if that is another.
        """
        self.place = place or url
        self._meter = meter or Meter()
        self._base = url.rstrip("/")
        self._headers = {"User-Agent": f"art/{__version__}", "Accept-Encoding": "identity"}
        if token:
            _warn_in_the_clear(url)
            self._headers["Authorization"] = f"Bearer {token}"
        self._fingerprint = fingerprint
        self._pool = self._connections()
        self._process = os.getpid()

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:  # fmt: skip
        told = {**self._headers, **(headers or {})}
        if self._process != os.getpid():  # it was forked, and two processes must not speak on one connection
            self._pool, self._process = self._connections(), os.getpid()
        return exchange(self._pool, self.place, method, self._base + path, told, body, limit, self._meter)

    @property
    def forks(self) -> bool:
        """Whether a process that is forked may go on asking: not where all together must keep to a rate."""
        return not self._meter.rate

    def _connections(self) -> urllib3.PoolManager:
        proxy = _proxy_of(self._base)
        is_plain = urlsplit(self._base).scheme == "http" and urlsplit(proxy).scheme in ("", "http")
        secured = None if is_plain else (os.environ.get("ART_CA", ""), self._fingerprint)
        return _pool(proxy, secured, os.getpid())


def _warn_in_the_clear(url: str) -> None:
    """Warn of a token that leaves this machine without encryption."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not _HERE.fullmatch(parts.hostname or ""):
        warnings.warn(
            f"the token for {url} goes there unencrypted, and holds for whoever hears it on the way: serve https",
            ArtWarning,
            stacklevel=2,
        )


def exchange(
    pool: Any, place: str, method: str, url: str, headers: dict[str, str], body: bytes | None, limit: int | None,
    meter: Meter,
) -> Answer:  # fmt: skip
    """As `Line.request`, over a pool of urllib3."""
    content = None
    meter.ask()
    if body is not None:
        headers["Content-Length"] = str(len(body))
        content = _pieces(body, meter) if body else b""
    try:
        answer = pool.request(
            method, url, headers=headers, body=content, preload_content=False, redirect=False, retries=False,
            timeout=urllib3.Timeout(connect=CONNECT, read=STALL * (JUDGED if method == "PUT" else 1)),
        )  # fmt: skip
        try:
            if _is_cut(answer):
                raise unreachable(place, "the line broke")
            return Answer(answer.status, answer.headers, _read(answer, place, limit, meter))
        finally:
            if answer.connection is not None:  # not read to its end, so that nothing else can come on it
                answer.close()
    except (HTTPError, OSError) as error:
        raise _broken(place, error) from None


def _is_cut(answer: urllib3.BaseHTTPResponse) -> bool:
    """Whether the line broke within the head: Python takes what came of it for the whole, and the body for empty."""
    told = answer.version < 11 or answer.headers.get("Connection", "").lower() == "close"
    return not told and answer.length_remaining is None and not answer.headers.get("Transfer-Encoding")


def _read(answer: urllib3.BaseHTTPResponse, place: str, limit: int | None, meter: Meter) -> bytes:
    if answer.status >= 300:
        parts, size = [], 0
        while size < ERROR_SIZE and (part := answer.read(ERROR_SIZE - size, decode_content=False)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)
    limit = WHOLE if limit is None else limit
    parts, size = [], 0
    step = PIECE if meter.rate else WHOLE
    while size <= limit and (part := answer.read(min(step, limit + 1 - size), decode_content=False)):
        parts.append(part)
        size += len(part)
        meter.receive(len(part))
    if size > limit:
        raise IntegrityError("remote-refused", f"{place} answers with more than was asked for")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _pieces(body: bytes, meter: Meter) -> Iterator[memoryview]:
    view = memoryview(body)
    for start in range(0, len(view), PIECE):
        piece = view[start : start + PIECE]
        meter.send(len(piece))
        yield piece


def _broken(place: str, error: Exception) -> NetworkError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NetworkError(
                "bad-certificate", f"the certificate of {place} is not to be trusted: {cause.verify_message}",
                hint="art help bad-certificate",
            )  # fmt: skip
        cause = cause.__cause__ or cause.__context__ or (cause.args[0] if _holds_error(cause) else None)
    if "Fingerprints did not match" in str(error):
        return NetworkError(
            "bad-certificate", f"{place} has another certificate than the one that was pinned",
            hint="art help bad-certificate",
        )  # fmt: skip
    if isinstance(error, (NewConnectionError, ConnectTimeoutError, ProxyError)):
        return unreachable(place, _reason(error), connected=False)
    if isinstance(error, ReadTimeoutError):
        return unreachable(place, "it has been silent for too long")
    if isinstance(error, SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        # or a bit has changed on the way, and the next try goes well
        return unreachable(place, "what answers does not speak TLS: is it http:// there?", most=3)
    if isinstance(error, SSLError):
        return unreachable(place, "the encrypted line broke")
    return unreachable(place, "the line broke")


def _holds_error(error: BaseException) -> bool:
    return bool(error.args) and isinstance(error.args[0], BaseException)


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"no connection in {CONNECT:.0f} seconds"
    return (getattr(cause, "strerror", None) or "no connection").lower()


def failure(place: str, answer: Answer) -> ArtError:
    """The error that an answer is which is no success; its own words, where it is of `art serve`."""
    told = error_of(answer)
    said = str(told.get("detail") or f"status {answer.status}")[:500]
    slug = str(told.get("error") or "")
    status = answer.status
    if status in LATER:
        return _later(place, answer, said)
    if status == 401:
        return AuthError("login-needed", f"{place} wants a token: {said}", hint=f"art login {place} --token-stdin")
    if status == 403:
        return AuthError("not-permitted", f"{place} does not permit this: {said}", hint="art help not-permitted")
    if status == 404:
        return NotFoundError("no-place", f"there is no repository at {place}", hint="art help no-place")
    if status == 507:
        return SpaceError("remote-full", f"{place} has no room left: {said}", hint="art help remote-full")
    if status in GARBLED:
        return Passing("remote-refused", f"{place} refuses: {said} ({slug or status})", most=3, refused=True)
    if 300 <= status < 400:
        elsewhere = urlsplit(answer.headers.get("Location", ""))
        said = f"it is at {elsewhere.scheme}://{elsewhere.hostname}{elsewhere.path}, as it says"
    return ConflictError("remote-refused", f"{place} refuses: {said}", hint="art help remote-refused")


def _later(place: str, answer: Answer, said: str) -> Passing:
    wait = answer.headers.get("Retry-After", "")
    slug = "remote-unreachable"
    return Passing(
        slug, f"the remote at {place} cannot be reached: {said}", wait=float(wait) if wait.isdecimal() else 0.0
    )


def error_of(answer: Answer) -> dict[str, Any]:
    """The document of an error of `art serve`; empty if the answer is of somebody else."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("error"), str) else {}


@lru_cache(maxsize=8)
def _pool(proxy: str, secured: tuple[str, str] | None, process: int) -> urllib3.PoolManager:
    """One for all places, so that a second way to the same server finds a connection, but of each process its own.

    `secured`: as `_context` takes it, where that is wanted.
    """
    options: dict[str, Any] = {"maxsize": CONNECTIONS, "block": False, "num_pools": 50}
    if secured is not None:
        options["ssl_context"] = _context(*secured)
        options["assert_fingerprint"] = secured[1] or None
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


@lru_cache(maxsize=8)
def _context(authorities: str, fingerprint: str) -> ssl.SSLContext:
    """Which servers are believed: reading the system's certificates takes 20 ms."""
    context = ssl.create_default_context()
    if authorities:
        try:
            context.load_verify_locations(authorities)
        except (OSError, ssl.SSLError):
            raise NetworkError(
                "bad-certificate",
                f"ART_CA names no file of certificates: {authorities}",
                hint="art help bad-certificate",
            ) from None
    if fingerprint:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # which certificate it is tells more
    return context


def _proxy_of(url: str) -> str:
    """What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say for `url`; of a Mac, its settings, too."""
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    import urllib.request  # 3 ms, which most need not wait for

    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")
