"""http:// and https:// — whatever answers a GET.

ETag, or where there is none Last-Modified, tells whether it is still the same. A server that does not know ranges is
read from the beginning, and what was there already is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, LocationValueError

from artcli.catalog.manifest import SIZE_LIMIT
from artcli.content import Buffer
from artcli.flows.references.reference import WORD_LIMIT, Reference
from artcli.flows.references.source import Found, Opened, denied, missing, unreachable, unreadable

BLOCK = 1 << 20
CONNECT, STALL = 10.0, 30.0
"""Seconds that a connection may take, and that may pass without a byte."""
REDIRECTS = 5
_TRY_LATER = (408, 425, 429)
_TOTAL = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")

_pools: dict[str, urllib3.PoolManager] = {}
"""One for each proxy, and one without."""


class Web:
    """Everything that has a web address."""

    def describe(self, uri: str) -> Reference | None:
        opened = self.open(Reference(uri), 0)
        opened.blocks.close()  # type: ignore[attr-defined]  # a generator
        return opened.now

    def below(self, uri: str) -> Iterator[Found]:
        raise unreadable(uri, "a web address has no files below it")

    def open(self, reference: Reference, start: int) -> Opened:
        response = _asked(reference.uri, start)
        try:
            now, begins = _said(reference.uri, response)
            if begins > start:
                raise unreachable(reference.uri, "it answers with another part than was asked for")
        except BaseException:
            response.close()
            raise
        blocks = _blocks(response, reference.uri, start - begins)
        next(blocks)  # else closing it would close nothing
        return Opened(now, blocks)


def _asked(uri: str, start: int) -> urllib3.BaseHTTPResponse:
    headers = {"Accept-Encoding": "identity", "User-Agent": "art"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return _pool(uri).request(
            "GET", uri, headers=headers, preload_content=False, decode_content=False,
            timeout=urllib3.Timeout(connect=CONNECT, read=STALL),
            retries=urllib3.Retry(total=None, connect=0, read=0, redirect=REDIRECTS, status=0, other=0),
        )  # fmt: skip
    except (LocationParseError, LocationValueError, UnicodeError) as error:
        raise unreadable(uri, "that is no web address") from error
    except (HTTPError, OSError) as error:
        raise unreachable(uri, _why(error)) from error


def _pool(uri: str) -> urllib3.PoolManager:
    parts = urlsplit(uri)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme.lower(), "")
    if proxy not in _pools:
        _pools[proxy] = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
    return _pools[proxy]


def _said(uri: str, response: urllib3.BaseHTTPResponse) -> tuple[Reference, int]:
    """What the answer says of the whole, and where in it its body begins; raises for one that has no bytes."""
    status, headers = response.status, response.headers
    if status in (404, 410):
        raise missing(uri)
    if status in (401, 403, 407):
        raise denied(uri, f"the server does not give it to us ({status})")
    if status >= 500 or status in _TRY_LATER:
        raise unreachable(uri, f"the server says {status}")
    if status not in (200, 206):
        raise unreadable(uri, f"the server says {status}")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise unreadable(uri, "the server sends it packed, though it was asked not to")
    begins, size = 0, _number(headers.get("Content-Length"))
    if status == 206:
        part = _TOTAL.fullmatch(headers.get("Content-Range", ""))
        if part is None:
            raise unreachable(uri, "it does not say which part it sends")
        begins, size = int(part[1]), _number(part[2])
    return Reference(uri, size, _word(headers.get("ETag")), None, _word(headers.get("Last-Modified"))), begins


def _blocks(response: urllib3.BaseHTTPResponse, uri: str, skip: int) -> Iterator[Buffer]:
    try:
        yield b""
        for block in response.stream(BLOCK, decode_content=False):
            if skip >= len(block):
                skip -= len(block)
                continue
            yield memoryview(block)[skip:] if skip else block
            skip = 0
    except (HTTPError, OSError) as error:
        raise unreachable(uri, _why(error)) from error
    finally:
        response.close()


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    return number if (number := int(text)) <= SIZE_LIMIT else None


def _word(text: str | None) -> str | None:
    """What may be recorded; a server may say anything."""
    return text if text and len(text) <= WORD_LIMIT and text.isprintable() else None


def _why(error: BaseException) -> str:
    """The innermost reason, in a line."""
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else error)
    return (text.rpartition(": ")[2] or type(error).__name__)[:200]
