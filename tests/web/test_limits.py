"""Bounds of connections: those who are slow, or many, do not keep others out."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.web import serving
from artcli.web.app import App
from artcli.web.guard import Open
from artcli.web.protocol import Limits
from artcli.web.routes import ROUTES
from artcli.web.served import One, Served
from tests.web.test_doorway import LARGE, a_pack

Start = Callable[[Limits], tuple[str, int]]


running: list[serving._Server] = []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A server in a thread of this process, with limits of the test's own."""
    servers, threads = running, []
    servers.clear()

    def begin(limits: Limits) -> tuple[str, int]:
        place = tmp_path / "place"
        app = App(One(Served(DiskBucket(place, create=True), place)), Open(), ROUTES)
        listener = serving.listen("127.0.0.1", 0)
        ready = threading.Event()
        server = serving._Server(serving._config(app, limits, None), ready.set)
        import asyncio

        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        servers.append(server)
        threads.append(thread)
        assert ready.wait(10)
        address = listener.getsockname()
        return str(address[0]), int(address[1])

    yield begin
    for server in servers:
        server.should_exit = server.force_exit = True
    for thread in threads:
        thread.join()


def is_closed(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


def is_well(address: tuple[str, int]) -> bool:
    with urlopen(f"http://{address[0]}:{address[1]}/healthz", timeout=5) as answer:
        return bool(answer.status == 204)


QUICK = Limits(head=0.5, idle=1.0, window=0.6, speed=100_000, connections=20, tick=0.1)


def test_a_head_that_comes_a_byte_at_a_time(start: Start) -> None:
    address = start(QUICK)
    with socket.create_connection(address) as connection:
        began = time.monotonic()
        try:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - began < 5
    with socket.create_connection(address) as silent:
        assert is_closed(silent, 3)
    assert is_well(address)


def test_a_connection_without_requests(start: Start) -> None:
    address = start(QUICK)
    with socket.create_connection(address) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 204")
            time.sleep(0.7)  # longer than a head may take: that time begins with its first byte
        assert is_closed(connection, 4)


def test_a_body_that_comes_too_slowly(start: Start) -> None:
    address = start(QUICK)
    key, data = a_pack(*LARGE)
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode())
        began = time.monotonic()
        try:
            for start_ in range(0, len(data), 100):
                connection.sendall(data[start_ : start_ + 100])
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert 0.3 < time.monotonic() - began < 8
    assert is_well(address)


def test_a_body_that_comes_fast_enough(start: Start) -> None:
    address = start(QUICK)
    key, data = a_pack(*LARGE)
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode())
        for begin in range(0, len(data), 100_000):
            connection.sendall(data[begin : begin + 100_000])
            time.sleep(0.05)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")


def test_a_client_that_does_not_take_its_answer(start: Start) -> None:
    def open_connections() -> int:
        return len(running[-1].server_state.connections)

    address = start(QUICK)
    key, data = a_pack(*(bytes([n]) * 250_000 for n in range(60)))
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode() + data)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(f"GET /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        until = time.monotonic() + 10
        while open_connections() and time.monotonic() < until:
            time.sleep(0.1)
        assert open_connections() == 0, "it was not closed"
    assert is_well(address)


def test_many_who_only_begin(start: Start) -> None:
    """The oldest of them goes when there are too many; who asks is answered."""
    address = start(QUICK._replace(head=60.0, idle=60.0))
    with ExitStack() as stack:
        half = []
        for _ in range(60):
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
            half.append(connection)
        for _ in range(5):
            assert is_well(address)
        time.sleep(0.3)
        assert sum(is_closed(connection, 0.02) for connection in half) >= 40
        assert not is_closed(half[-1], 0.02)


def test_those_at_work_are_not_turned_out(start: Start) -> None:
    address = start(QUICK._replace(connections=3, window=60.0))
    key, data = a_pack(*LARGE)
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
    with ExitStack() as stack:
        busy = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        for connection in busy:
            connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode() + data[:1000])
        time.sleep(0.3)
        with socket.create_connection(address) as late:
            assert is_closed(late, 2)
        for connection in busy:
            connection.sendall(data[1000:])
        assert {connection.recv(1000).split(b" ")[1] for connection in busy} <= {b"200", b"201"}


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="counts of connections are the system's")
def test_slowloris_in_full(start: Start) -> None:
    """200 halves against the limits that a server has; an honest request is answered, the halves are gone in 40 s."""
    address = start(Limits())
    with ExitStack() as stack:
        half = []
        for _ in range(200):
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
            half.append(connection)
        began = time.monotonic()
        assert is_well(address)
        assert time.monotonic() - began < 5
        time.sleep(34)
        assert all(is_closed(connection, 0.05) for connection in half)
        assert is_well(address)
