"""A server that says what it was told to say: raw bytes, one answer a request, over plain sockets or TLS."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

Serve = Callable[[socket.socket], None]


class Scripted(NamedTuple):
    url: str
    heard: list[bytes]
    """The head of each request."""


class Listening(NamedTuple):
    url: str
    port: int
    came: list[int]
    """A number for each connection."""


@contextmanager
def listening(serve: Serve, host: str = "127.0.0.1") -> Iterator[Listening]:
    """`serve` has each connection, in a thread; it is closed after."""
    came: list[int] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:

        def one(connection: socket.socket) -> None:
            with connection:
                try:
                    serve(connection)
                except OSError:
                    pass  # the client has gone

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                came.append(len(came))
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        yield Listening(f"http://{f'[{host}]' if ':' in host else host}:{port}", port, came)
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def saying(answers: Sequence[bytes], tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Each answer is sent for one request; an empty one closes the connection instead, one whose
    head has no end closes it then; the last one stays for all.
    """
    heard: list[bytes] = []
    left = list(answers)

    def serve(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) if tls else connection as line:
            while head := _head(line):
                heard.append(head)
                answer = left.pop(0) if len(left) > 1 else left[0]
                if not answer:
                    return
                line.sendall(answer)
                if b"connection: close" in answer.lower() or b"\r\n\r\n" not in answer:
                    return

    with listening(serve) as server:
        yield Scripted(f"http{'s' if tls else ''}://127.0.0.1:{server.port}", heard)


def _head(line: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = line.recv(65536)
        if not part:
            return b""
        head += part
    head, _, body = head.partition(b"\r\n\r\n")
    for field in head.lower().splitlines():
        if field.startswith(b"content-length:"):
            missing = int(field.split(b":")[1]) - len(body)
            while missing > 0:
                missing -= len(line.recv(missing))
    return head


def answer(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """`length`: another one than that of the body."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def error(status: int, slug: str, *headers: str) -> bytes:
    return answer(status, json.dumps({"error": slug, "detail": f"it is {slug}", "hint": None}).encode(), *headers)
