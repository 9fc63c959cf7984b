"""A line to a server that speaks HTTP: requests go, whole answers come, and what goes wrong has a name of ours.

Nothing is compressed on the way, for what travels is compressed already; no redirection is followed, for a token would
go with it. An answer is whole or none: what the line breaks, or the server puts off, is `Passing`. The connections are
in `connections.py`; the same over a pipe to ssh is `ssh.py`.
"""

from __future__ import annotations

import errno
import json
import re
import ssl
import warnings
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from artcli import __version__
from artcli.buckets.connections import WAITING, OtherCertificate, Unconnected, way_to
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

STALL = 30.0
"""Seconds for which an answer may stop."""
JUDGED = 4
"""Times as long the answer to a PUT may take: what was sent is judged and brought to a disk first."""
PIECE = 64 * 1024
"""Bytes of a body that are sent at once: each has as many seconds as a connection to come about."""
WHOLE = 256 * 1024 * 1024
"""Bytes that an answer may have of which the size is not known beforehand."""
ERROR_SIZE = 64 * 1024
"""Bytes of an answer that is read only to say what went wrong."""
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE})
"""How a system says that the other side takes no more; the last of them a Mac."""
_HERE = re.compile(r"localhost|127(\.\d+){3}|::1", re.ASCII)
_AS_IT_IS = "%:@!$&'()*+,;="
"""Besides letters and digits, what may stand in a path."""
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
GARBLED = frozenset({400, 422})
"""What a server says of a request that the line has changed, too; more than a few tries make no sense."""


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    """Names in whatever case."""
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
        self._way = way_to(url, fingerprint)
        parts = urlsplit(url)
        self._base = (f"http://{parts.netloc}" if self._way.is_forwarded else "") + _spelled(parts.path.rstrip("/"))
        self._headers = {"User-Agent": f"art/{__version__}", "Accept-Encoding": "identity"}
        if token:
            _warn_in_the_clear(url)
            self._headers["Authorization"] = f"Bearer {token}"
        if self._way.is_forwarded and self._way.proxy:
            self._headers |= self._way.proxy.headers

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:  # fmt: skip
        told = {**self._headers, **(headers or {})}
        connection = WAITING.take(self._way)
        try:
            return exchange(connection, self.place, method, self._base + path, told, body, limit, self._meter)
        finally:
            WAITING.give(connection)

    @property
    def forks(self) -> bool:
        """Whether a process that is forked may go on asking: not where all together must keep to a rate."""
        return not self._meter.rate


def _spelled(path: str) -> str:
    """A path as it may stand in a request: without `.` and `..`, and all else that may not as `%XX`."""
    steps: list[str] = []
    for step in path.split("/")[1:]:
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    return "".join("/" + quote(step, safe=_AS_IT_IS) for step in steps)


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
    connection: HTTPConnection, place: str, method: str, target: str, headers: dict[str, str], body: bytes | None,
    limit: int | None, meter: Meter,
) -> Answer:  # fmt: skip
    """As `Line.request`, over `connection`, which is opened if it is not, and closed unless it may be used again."""
    meter.ask()
    goes_on = False
    try:
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(connection.timeout)
        sent = _send(connection, place, method, target, headers, body, meter)
        connection.sock.settimeout(STALL * (JUDGED if method == "PUT" else 1))
        with connection.getresponse() as response:
            if _is_cut(response):
                raise unreachable(place, "the line broke")
            answer = Answer(response.status, response.headers, _read(response, place, limit, meter))
            goes_on = sent and response.isclosed()  # else more of this answer may come
        return answer
    except (HTTPException, OSError, Unconnected, OtherCertificate) as error:
        raise _broken(place, error) from None
    finally:
        if not goes_on:
            connection.close()


def _send(
    connection: HTTPConnection, place: str, method: str, target: str, headers: dict[str, str], body: bytes | None,
    meter: Meter,
) -> bool:  # fmt: skip
    """Whether all was taken. Where it was not, an answer may have come before, and says why."""
    if body is not None:
        headers["Content-Length"] = str(len(body))
    try:
        connection.request(method, target, _pieces(body, meter) if body else None, headers)
    except TimeoutError:
        raise unreachable(place, "the line broke") from None
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return False
    return True


def _is_cut(response: HTTPResponse) -> bool:
    """Whether the line broke within the head: Python takes what came of it for the whole, and the body for empty."""
    told = response.version < 11 or response.headers.get("Connection", "").lower() == "close"
    return not told and response.length is None and not response.headers.get("Transfer-Encoding")


def _read(response: HTTPResponse, place: str, limit: int | None, meter: Meter) -> bytes:
    """The body; of one that says what went wrong the beginning is enough."""
    is_error = response.status >= 300
    most = ERROR_SIZE if is_error else (WHOLE if limit is None else limit) + 1
    step = PIECE if meter.rate else WHOLE
    parts, size = [], 0
    while size < most and (part := _part(response, min(step, most - size))):
        parts.append(part)
        size += len(part)
        if not is_error:
            meter.receive(len(part))
    if size == most and not is_error:
        raise IntegrityError("remote-refused", f"{place} answers with more than was asked for")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _part(response: HTTPResponse, size: int) -> bytes:
    """The next `size` bytes of a body, fewer at its end; raises `HTTPException` if the line ends before."""
    try:
        part = response.read(size)
    except ValueError as error:  # the size of a chunk was none
        raise HTTPException from error
    if not part and response.length:
        raise HTTPException
    return part


def _pieces(body: bytes, meter: Meter) -> Iterator[memoryview]:
    view = memoryview(body)
    for start in range(0, len(view), PIECE):
        piece = view[start : start + PIECE]
        meter.send(len(piece))
        yield piece


def _broken(place: str, error: Exception) -> NetworkError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NetworkError(
            "bad-certificate", f"the certificate of {place} is not to be trusted: {error.verify_message}",
            hint="art help bad-certificate",
        )  # fmt: skip
    if isinstance(error, OtherCertificate):
        return NetworkError(
            "bad-certificate", f"{place} has another certificate than the one that was pinned",
            hint="art help bad-certificate",
        )  # fmt: skip
    if isinstance(error, Unconnected):
        return unreachable(place, str(error), connected=False)
    if isinstance(error, TimeoutError):
        return unreachable(place, "it has been silent for too long")
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        # or a bit has changed on the way, and the next try goes well
        return unreachable(place, "what answers does not speak TLS: is it http:// there?", most=3)
    if isinstance(error, ssl.SSLError):
        return unreachable(place, "the encrypted line broke")
    return unreachable(place, "the line broke")


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
