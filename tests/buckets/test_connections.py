"""When a connection is used again, when it is not, and what a proxy is told."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from artcli.buckets import line as module
from artcli.buckets.connections import CONNECTIONS, WAITING, way_to
from artcli.buckets.http import HttpBucket
from artcli.buckets.line import HttpLine, _spelled
from artcli.buckets.retry import Passing
from artcli.errors import ConflictError, IntegrityError, NetworkError
from tests.kit.certificate import certificate
from tests.kit.scripted import Serve, answer, error, listening, saying

GOOD = answer(200, b"good")


def saying_to_each(*answers: bytes) -> Serve:
    """These, one a request, on every connection; then it is closed."""

    def serve(connection: socket.socket) -> None:
        for one in answers:
            head(connection)
            connection.sendall(one)

    return serve


def head(connection: socket.socket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = connection.recv(65536)
        if not part:
            raise OSError("the client has gone")
        heard += part
    return heard


def bucket(url: str) -> HttpBucket:
    return HttpBucket(HttpLine(url))


def test_one_connection_serves_many_requests() -> None:
    with listening(saying_to_each(*[GOOD] * 5)) as server:
        assert [bucket(server.url).get("a") for _ in range(5)] == [b"good"] * 5
        assert len(server.came) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_the_server_has_closed_is_not_tried(host: str) -> None:
    """Its end was there to be seen before the request, which therefore does not fail even once."""
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"no {host} here")
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        saying_to_each(GOOD)(connection)
        connection.close()
        closed.set()

    with listening(serve, host) as server:
        there = bucket(server.url)
        for number in range(3):
            assert there.get("a") == b"good"
            assert closed.wait(5)
            closed.clear()
            assert len(server.came) == number + 1


@pytest.mark.parametrize(
    "said",
    [
        answer(200, b"good", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ngood",
    ],
)
def test_a_connection_that_ends_with_its_answer_is_not_kept(said: bytes) -> None:
    with listening(saying_to_each(said)) as server:
        assert bucket(server.url).get("a") == b"good"
        assert bucket(server.url).get("a") == b"good"
        assert len(server.came) == 2


def test_what_was_not_read_to_its_end_is_never_taken_for_the_next_answer() -> None:
    with listening(saying_to_each(answer(200, b"more than ten bytes"), GOOD)) as server:
        line = HttpLine(server.url)
        with pytest.raises(IntegrityError):
            line.request("GET", "/a", limit=10)
        with pytest.raises(IntegrityError):
            line.request("GET", "/a", limit=10)
        assert len(server.came) == 2


def test_not_more_wait_than_are_worth_keeping() -> None:
    with listening(saying_to_each(GOOD)) as server:
        way = way_to(server.url)
        taken = [WAITING.take(way) for _ in range(CONNECTIONS + 5)]
        for connection in taken:
            connection.connect()
            WAITING.give(connection)
        assert sum(connection.sock is None for connection in taken) == 5
        assert WAITING.take(way) is taken[-1]
        taken[-1].close()
        WAITING.clear()


def test_a_process_that_is_forked_speaks_on_its_own_connection() -> None:
    with listening(saying_to_each(*[GOOD] * 5)) as server:
        there = bucket(server.url)
        assert there.get("a") == b"good"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if there.get("a") == b"good" else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert there.get("a") == b"good"
        assert len(server.came) == 2


@pytest.mark.parametrize("kept", [False, True])
def test_an_answer_that_comes_before_all_was_sent_is_heard(kept: bool) -> None:
    """A server that takes no more says why, and closes; what was sent to it in vain is no failure of the line."""

    def serve(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(error(413, "too-large", *[] if kept else ["Connection: close"]))

    with listening(serve) as server:
        for number in range(2):
            with pytest.raises(ConflictError, match="too-large"):
                bucket(server.url).add("a", bytes(32 << 20))
            assert len(server.came) == number + 1


def test_a_server_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artcli.buckets.connections.CONNECT", 0.2)
    done = threading.Event()
    with listening(lambda _: bool(done.wait(10)) and None) as server:
        with pytest.raises(Passing, match="the line broke"):
            bucket(server.url).add("a", bytes(32 << 20))
        monkeypatch.setattr(module, "STALL", 0.1)
        with pytest.raises(Passing, match="silent for too long"):
            bucket(server.url).get("a")
        done.set()


@pytest.mark.parametrize("url", ["http://a..b/x", f"http://{'a' * 64}.example/x"])
def test_a_name_that_can_be_none(url: str) -> None:
    with pytest.raises(Passing) as raised:
        bucket(url).get("a")
    assert not raised.value.connected


@pytest.mark.parametrize(
    ("path", "spelled"),
    [("", ""), ("/a/b", "/a/b"), ("/a/./../b", "/b"), ("/a%20b|c", "/a%20b%7Cc"), ("/x//y", "/x//y"), ("/..", "")],
)
def test_a_path_is_asked_for_as_a_url_may_have_it(path: str, spelled: str) -> None:
    assert _spelled(path) == spelled


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server that is believed here."""
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    monkeypatch.setenv("ART_CA", str(files[0]))
    return context


def test_the_certificate_that_is_pinned(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = ssl.PEM_cert_to_DER_cert(Path(os.environ["ART_CA"]).read_text())
    monkeypatch.delenv("ART_CA")
    with saying([GOOD], tls) as server:
        assert HttpBucket(HttpLine(server.url, fingerprint=hashlib.sha256(certificate).hexdigest())).get("a") == b"good"
        with pytest.raises(NetworkError, match="another certificate than the one that was pinned") as raised:
            HttpBucket(HttpLine(server.url, fingerprint="0" * 64)).get("a")
        assert raised.value.slug == "bad-certificate"
        assert len(server.heard) == 1


BASIC = b"Proxy-Authorization: Basic " + b64encode(b"me@work:pass word")
USER = "me%40work:pass%20word@"


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on this is the proxy for all."""

    def use(url: str) -> None:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, url)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)

    return use


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_reads_what_is_not_encrypted(scheme: str, tls: ssl.SSLContext, proxied: Callable[[str], None]) -> None:
    with saying([GOOD], tls if scheme == "https" else None) as proxy:
        proxied(proxy.url.replace("://", f"://{USER}"))
        assert bucket("http://far.example:81/x").get("a") == b"good"
        assert proxy.heard[0].startswith(b"GET http://far.example:81/x/v1/o/a HTTP/1.1\r\nHost: far.example:81\r\n")
        assert BASIC in proxy.heard[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_connects_to_a_server_that_speaks_tls(
    scheme: str, tls: ssl.SSLContext, proxied: Callable[[str], None]
) -> None:
    """Also where it speaks TLS itself. What it is told is not for the server."""
    heard = []
    with saying([GOOD], tls) as server:

        def serve(connection: socket.socket) -> None:
            with tls.wrap_socket(connection, server_side=True) if scheme == "https" else connection as near:
                heard.append(head(near))
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                host, _, port = heard[-1].split()[1].decode().partition(":")
                with socket.create_connection((host, int(port))) as far:
                    carry(near, far)

        with listening(serve) as proxy:
            proxied(f"{scheme}://{USER}127.0.0.1:{proxy.port}")
            assert bucket(server.url).get("a") == b"good"
            assert bucket(server.url).get("a") == b"good"
            assert len(proxy.came) == 1
            WAITING.clear()
    place = server.url.removeprefix("https://").encode()
    assert heard[0].startswith(b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + b"\r\n")
    assert BASIC in heard[0]
    assert b"Proxy-Authorization" not in b"".join(server.heard)
    assert server.heard[0].startswith(b"GET /v1/o/a HTTP/1.1\r\nHost: " + place + b"\r\n")


def carry(one: socket.socket, other: socket.socket) -> None:
    """What comes at each to the other, until one has ended."""
    while True:
        for source in select.select([one, other], [], [])[0]:
            part = source.recv(
                65536
            )  # more than a record of TLS, so that nothing of it waits where select sees nothing
            if not part:
                return
            (other if source is one else one).sendall(part)


def test_a_proxy_that_refuses(proxied: Callable[[str], None]) -> None:
    with saying([answer(407, b"", "Connection: close")]) as proxy:
        proxied(proxy.url.replace("://", "://me:secret@"))
        with pytest.raises(Passing, match="the proxy says 407") as raised:
            bucket("https://far.example").get("a")
        assert not raised.value.connected
        assert "secret" not in raised.value.message


def test_a_proxy_that_is_none(proxied: Callable[[str], None]) -> None:
    proxied("socks5://me:secret@127.0.0.1:1080")
    with pytest.raises(NetworkError, match="https_proxy names is no http") as raised:
        bucket("https://far.example")
    assert raised.value.slug == "remote-unreachable"
    assert "secret" not in raised.value.message
    proxied("127.0.0.1:1")
    assert way_to("http://far.example").proxy == ("http", "127.0.0.1", 1, "")
