"""Runs an application: on a socket until a signal ends it, or on one connection over stdin and stdout."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from artcli.web.protocol import Limits, bounded

FAREWELL = 30
"""Seconds that requests have to end once a signal has come."""
PIECE = 256 * 1024
_NEVER = float("inf")


class Tls(NamedTuple):
    """Files with a certificate (and those above it) and its key, in PEM."""

    certificate: Path
    key: Path


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: Any, listener: socket.socket, tls: Tls | None = None, limits: Limits | None = None,
          ready: Callable[[], None] | None = None) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT; requests that are being answered then are answered. `ready` is called once."""
    config = _config(app, limits or Limits(), tls)
    server = _Server(config, ready or (lambda: None))
    asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """uvicorn's, which ends at a signal without passing it on."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.force_exit = self.should_exit  # the second signal means it
        self.should_exit = True


def serve_stdio(app: Any, source: int = 0, target: int = 1) -> None:
    """Serve the one connection whose bytes come from the descriptor `source` and go to `target`, until it ends."""
    asyncio.run(_serve_pipe(_config(app, Limits(head=_NEVER, idle=_NEVER, window=_NEVER), None), source, target))


async def _serve_pipe(config: uvicorn.Config, source: int, target: int) -> None:
    config.load()
    ours, theirs = socket.socketpair()
    state = ServerState()
    loop = asyncio.get_running_loop()
    protocol: Any = config.http_protocol_class
    await loop.connect_accepted_socket(lambda: protocol(config, state, {}), theirs)
    threading.Thread(target=_pump_in, args=(source, ours), daemon=True).start()
    outward = threading.Thread(target=_pump_out, args=(ours, target), daemon=True)
    outward.start()
    while state.connections:
        await asyncio.sleep(0.02)
    await asyncio.to_thread(outward.join)


def _pump_in(source: int, end: socket.socket) -> None:
    try:
        while data := os.read(source, PIECE):
            end.sendall(data)
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the connection has ended, and with it what it was for


def _pump_out(end: socket.socket, target: int) -> None:
    try:
        while data := end.recv(PIECE):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(target, rest) :]
    except OSError:
        end.close()  # nobody reads any more


def _config(app: Any, limits: Limits, tls: Tls | None) -> uvicorn.Config:
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    return uvicorn.Config(
        app, http=bounded(limits), ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, h11_max_incomplete_event_size=limits.head_size,
        timeout_keep_alive=86400, timeout_graceful_shutdown=FAREWELL, backlog=256,
        ssl_certfile=tls and str(tls.certificate), ssl_keyfile=tls and str(tls.key),
    )  # fmt: skip
