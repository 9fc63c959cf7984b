"""A relay between a client and a server on this machine, which counts the bytes that go each way."""

from __future__ import annotations

import contextlib
import socket
import threading

BLOCK = 256 * 1024


class Relay:
    """Listens at `port` of 127.0.0.1 for the server at `target`, as long as the block lasts."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.up = self.down = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._listener.close()

    def forget(self) -> None:
        """Counts anew."""
        with self._lock:
            self.up = self.down = 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            other = threading.Thread(target=self._carry, args=(client, server, True), daemon=True)
            other.start()
            self._carry(server, client, False)
            other.join()

    def _carry(self, source: socket.socket, drain: socket.socket, up: bool) -> None:
        block = bytearray(BLOCK)
        with contextlib.suppress(OSError):
            while count := source.recv_into(block):
                with self._lock:
                    self.up += count * up
                    self.down += count * (not up)
                drain.sendall(memoryview(block)[:count])
        for one in (source, drain):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
