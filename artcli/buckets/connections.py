"""Connections to servers that speak HTTP: how one comes about, and those that wait for whoever needs one next.

A connection goes straight to the server or through a proxy, in the clear or encrypted: its `Way`. Certificates are
verified, or compared with the one that is pinned. A connection of which an answer was read to its end waits for the
next who goes the same way, in any thread: the youngest goes first, and what the server has closed meanwhile is opened
anew. A process that is forked begins without any, for two must not speak on one connection.
"""

from __future__ import annotations

import atexit
import hashlib
import hmac
import os
import select
import socket
import ssl
import threading
from functools import lru_cache
from http.client import HTTPConnection, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from artcli.buckets.proxies import PORTS, Proxy, proxy_of
from artcli.errors import NetworkError

CONNECT = 10.0
"""Seconds for a connection to come about, or a piece of a body to be taken."""
CONNECTIONS = 32
"""That wait at most, to whatever place."""


class Unconnected(Exception):
    """Nobody was reached; says why."""


class OtherCertificate(Exception):
    """The server has another certificate than the one that is pinned."""


class Way(NamedTuple):
    """To a server; connections that have the same one may stand for each other."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None
    authorities: str = ""
    """A file of certificates that are believed besides those of the system."""
    fingerprint: str = ""
    """The SHA-256, in hex, of the one certificate that the server may have, whoever signed it."""

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy reads the requests, and needs the whole address in them."""
        return self.proxy is not None and self.scheme == "http"

    @property
    def is_secured(self) -> bool:
        return self.scheme == "https" or (self.proxy is not None and self.proxy.scheme == "https")


def way_to(url: str, fingerprint: str = "") -> Way:
    """The way to the server of `url`, as the environment says it now.

    Raises `NetworkError` (`bad-certificate`) if ART_CA is no file of certificates, (`remote-unreachable`) for a proxy
    that is none.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").replace("%25", "%")  # an IPv6 address may name an interface
    authorities = os.environ.get("ART_CA", "")
    way = Way(parts.scheme, host, parts.port or PORTS[parts.scheme], proxy_of(url), authorities, fingerprint)
    if way.is_secured:
        _context(authorities, fingerprint)
    return way


class Connection(HTTPConnection):
    """One that goes `way`; opened by `connect`, and again after `close`."""

    def __init__(self, way: Way) -> None:
        super().__init__(way.host.rstrip("."), way.port, timeout=CONNECT)
        self.default_port = PORTS[way.scheme]  # a request names the port only if it is another
        self.way = way

    def connect(self) -> None:
        """Raises `Unconnected`, `OtherCertificate`, and as sockets and TLS do where somebody was reached."""
        way, proxy = self.way, self.way.proxy
        sock = _reached(proxy.host, proxy.port) if proxy else _reached(way.host, way.port)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy and proxy.scheme == "https":
                sock = _secured(sock, proxy.host, _context(way.authorities, ""))
            if proxy and not way.is_forwarded:
                _ask_through(sock, way, proxy)
            if way.scheme == "https":
                sock = _secured(sock, way.host, _context(way.authorities, way.fingerprint))
                _check_pinned(sock, way.fingerprint)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


def _reached(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), CONNECT)
    except TimeoutError:
        raise Unconnected(f"no connection in {CONNECT:.0f} seconds") from None
    except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
        raise Unconnected((getattr(error, "strerror", None) or "no connection").lower()) from None


def _ask_through(sock: socket.socket, way: Way, proxy: Proxy) -> None:
    """Have the proxy connect `sock` to the server."""
    server = f"{f'[{way.host}]' if ':' in way.host else way.host}:{way.port}"
    lines = [f"CONNECT {server} HTTP/1.1", f"Host: {server}", *map(": ".join, proxy.headers.items()), "", ""]
    sock.sendall("\r\n".join(lines).encode())
    answer = HTTPResponse(sock, method="CONNECT")
    try:
        answer.begin()
    finally:
        answer.close()
    if answer.status != 200:
        raise Unconnected(f"the proxy says {answer.status} {answer.reason}".rstrip())


def _secured(sock: socket.socket, host: str, context: ssl.SSLContext) -> socket.socket:
    name = host.rstrip(".").partition("%")[0]
    if isinstance(sock, ssl.SSLSocket):  # TLS within TLS, which the standard library leaves to others
        from urllib3.util.ssltransport import SSLTransport

        return SSLTransport(sock, context, name)  # type: ignore[return-value]  # as good as one
    return context.wrap_socket(sock, server_hostname=name)


def _check_pinned(sock: socket.socket, fingerprint: str) -> None:
    if not fingerprint:
        return
    certificate: bytes = sock.getpeercert(True)  # type: ignore[attr-defined]  # it is encrypted
    if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), fingerprint.lower()):
        raise OtherCertificate


@lru_cache(maxsize=8)
def _context(authorities: str, fingerprint: str) -> ssl.SSLContext:
    """Which servers are believed: reading the system's certificates takes 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
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


def close_if_dead(connection: HTTPConnection) -> None:
    """Close one that waited, if the other side has ended it, or says what nobody asked for."""
    if connection.sock is not None:
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        if poll.poll(0):
            connection.close()


class Waiting:
    """The connections that nobody uses; any thread may use it."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._lock = threading.Lock()

    def take(self, way: Way) -> Connection:
        """One that goes this way, open or not yet, for the caller alone."""
        with self._lock:
            found = next((one for one in reversed(self._connections) if one.way == way), None)
            if found is None:
                return Connection(way)
            self._connections.remove(found)
        close_if_dead(found)
        return found

    def give(self, connection: Connection) -> None:
        """Let it wait, unless it was closed; the one that waited longest makes room."""
        if connection.sock is None:
            return
        with self._lock:
            self._connections.append(connection)
            oldest = self._connections.pop(0) if len(self._connections) > CONNECTIONS else None
        if oldest is not None:
            oldest.close()

    def clear(self) -> None:
        """Close them all. Nothing is said on the line, so that in a process that was forked its parent's go on."""
        connections, self._connections, self._lock = self._connections, [], threading.Lock()
        for connection in connections:
            connection.close()


WAITING = Waiting()
os.register_at_fork(after_in_child=WAITING.clear)
atexit.register(WAITING.clear)
