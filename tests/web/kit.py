"""A real server in a process of its own, and requests to it over real sockets."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from artcli.content import digest_of
from tests.kit.nursery import Nursery, Process

IMPORTS = [
    "artcli.cli.doorway",
    "artcli.web.doorway",
    "artcli.web.routes",
    "artcli.web.serving",
    "uvicorn.lifespan.off",
]
"""What a server needs besides."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """With names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        return str(self.json["error"])


@cache
def nursery() -> Nursery:
    """Where servers come from."""
    found = Nursery()
    found.ask({"import": IMPORTS})
    atexit.register(found.__exit__)
    return found


class Server:
    """`art serve` with these words; its log goes to a file. `stop` it."""

    def __init__(self, directory: Path, *words: object, log: Path | None = None, **environment: str) -> None:
        self.log = log or directory / "serve.log"
        arguments = ["serve", *map(str, words), "--port", "0"]
        self.process: Process | subprocess.Popen[bytes]
        if sys.platform == "linux":
            self.process = nursery().begin(arguments, directory, self.log, {**os.environ, **environment})
        else:
            with open(self.log, "wb") as err:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "artcli", *arguments],
                    cwd=directory, stdout=subprocess.PIPE, stderr=err, env={**os.environ, **environment},
                )  # fmt: skip
        assert self.process.stdout
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url:
            self.stop()
            raise AssertionError(self.log.read_text())
        self.token = ""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        told = dict(headers or {})
        if token or self.token:
            told.setdefault("Authorization", f"Bearer {token or self.token}")
        try:
            connection.putrequest(method, path, skip_host="Host" in told, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in told and "Transfer-Encoding" not in told:
                told["Content-Length"] = str(len(body))
            for name, value in told.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def put(self, key: str, data: bytes, token: str | None = None, **headers: str) -> Answer:
        told = {"If-None-Match": "*", "X-Art-B3": digest_of(data).hex(), **headers}
        return self("PUT", f"/v1/o/{key}", data, told, token)

    def get(self, key: str, **headers: str) -> Answer:
        return self("GET", f"/v1/o/{key}", None, headers)

    def raw(self, data: bytes, *, seconds: float = 10, then: float | None = None) -> bytes:
        """What the server says to these bytes until it closes, or is silent for so long; `then`: after it began."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            connection.sendall(data)
            heard = b""
            try:
                while part := connection.recv(65536):
                    heard += part
                    connection.settimeout(then or seconds)
            except (TimeoutError, ConnectionResetError):
                pass
            return heard

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(40)
        assert self.process.stdout
        self.process.stdout.close()
        return code
