"""The proxy that a place is reached through, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY name it; of a Mac, its settings.

A proxy may want a name and a password, which stand in its address; so the address is never said.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from artcli.errors import NetworkError

PORTS = {"http": 80, "https": 443}


class Proxy(NamedTuple):
    scheme: str
    """How the proxy itself is spoken to."""
    host: str
    port: int
    authorization: str
    """What it wants to be told of who asks; may be empty."""

    @property
    def headers(self) -> dict[str, str]:
        """What a request to the proxy itself has besides."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_of(url: str) -> Proxy | None:
    """The one for `url`; None: it is reached without. Raises `NetworkError` for one that is none."""
    address = _named(url)
    if not address:
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        scheme = host = ""
        port = None
    if scheme not in PORTS or not host:
        raise NetworkError(
            "remote-unreachable",
            f"{url} cannot be reached: the proxy that {urlsplit(url).scheme}_proxy names is no http:// and no https://",
            hint="art help remote-unreachable",
        )
    return Proxy(scheme, host, port or PORTS[scheme], _authorization(parts.username, parts.password))


def _named(url: str) -> str:
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    import urllib.request  # 3 ms, which most need not wait for

    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def _authorization(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return f"Basic {b64encode(unquote_to_bytes(user) + b':' + unquote_to_bytes(password or '')).decode()}"
