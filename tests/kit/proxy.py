"""A line that misbehaves: a TCP proxy between a client and a server, in threads of this process.

    with Proxy(port) as line:
        line.fault = Fault("cut", chance=0.5)
        art("remote", "add", "nas", line.url)

Every connection has, with the chance that its fault says, one moment of trouble, in one direction, after a number of
bytes that is drawn log-uniformly between 10 B and 400 KB; the same seed draws the same. Latency and bandwidth are those
of the whole line. What goes over it is counted: bytes each way, connections, and the requests of HTTP/1.1.

    cut        both ends are closed            reset      the same, with RST
    stall      nothing more is passed on       truncate   a run of bytes is left out, and the rest follows
    duplicate  a run of bytes comes twice      flip       one bit is wrong
"""

from __future__ import annotations

import contextlib
import math
import queue
import random
import socket
import struct
import threading
import time
from typing import Literal, NamedTuple

Kind = Literal["cut", "reset", "stall", "truncate", "duplicate", "flip"]
KINDS: tuple[Kind, ...] = ("cut", "reset", "stall", "truncate", "duplicate", "flip")
BLOCK = 64 * 1024
AHEAD = 32
"""Blocks under way on a line with latency."""


class Fault(NamedTuple):
    kind: Kind
    chance: float = 1.0
    """Of each connection to have it."""
    most: int = 400_000
    """Bytes that pass before, at most."""


class Trouble:
    """What one connection will have, and whether it has had it."""

    def __init__(self, fault: Fault, chance: random.Random) -> None:
        self.kind = fault.kind
        self.up = chance.random() < 0.5
        self.after = round(math.exp(chance.uniform(math.log(10), math.log(fault.most))))
        self.run = chance.randrange(1, 2000)
        self.bit = chance.randrange(8)
        self.passed = 0


class Proxy:
    """Listens on `port` of 127.0.0.1 for the server at `target`; a context manager."""

    def __init__(self, target: int, *, seed: object = 0, latency: float = 0.0, bandwidth: float | None = None) -> None:
        """`latency`: seconds that a question and its answer are longer under way; `bandwidth`: bytes a second, each
        way, for all connections together.
        """
        self.target = target
        self.fault: Fault | None = None
        self.latency = latency
        self.buckets = {up: Tokens(bandwidth) for up in (True, False)}
        self.bytes_up = self.bytes_down = self.connections = self.troubles = 0
        self.requests: list[str] = []
        """Method and path of each."""
        self.unplugged = False
        """Whether new connections are closed at once, as by a server that is away."""
        self._chance = random.Random(f"{seed}")
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        self._thread.join()

    def hang_up(self) -> None:
        """Cut all that is open."""
        with self._lock:
            sockets = list(self._open)
        for one in sockets:
            _close(one)

    def forget(self) -> None:
        """Count anew."""
        with self._lock:
            self.bytes_up = self.bytes_down = self.connections = self.troubles = 0
            self.requests = []

    def trouble(self) -> None:
        with self._lock:
            self.troubles += 1

    def count(self, up: bool, size: int) -> None:
        with self._lock:
            if up:
                self.bytes_up += size
            else:
                self.bytes_down += size

    def asked(self, what: str) -> None:
        with self._lock:
            self.requests.append(what)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            fault = self.fault
            with self._lock:
                self.connections += 1
                hit = fault is not None and self._chance.random() < fault.chance
                trouble = Trouble(fault, self._chance) if fault and hit else None
            if self.unplugged:
                _close(client)
                continue
            threading.Thread(target=self._serve, args=(client, trouble), daemon=True).start()

    def _serve(self, client: socket.socket, trouble: Trouble | None) -> None:
        time.sleep(self.latency)  # of the handshake
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:
            _close(client)
            return
        ends = (client, server)
        for one in ends:
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.update(ends)
        pumps = [Pump(self, client, server, True, trouble), Pump(self, server, client, False, trouble)]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        with self._lock:
            self._open.difference_update(ends)
        for one in ends:
            _close(one)


class Pump(threading.Thread):
    """Carries bytes from `source` to `drain`."""

    def __init__(
        self, line: Proxy, source: socket.socket, drain: socket.socket, up: bool, trouble: Trouble | None
    ) -> None:
        super().__init__(daemon=True)
        self.line, self.source, self.drain, self.up = line, source, drain, up
        self.trouble = trouble if trouble and trouble.up == up else None
        self.heads = Heads() if up else None
        self.under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(AHEAD)

    def run(self) -> None:
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        while True:
            try:
                data = self.source.recv(BLOCK)
            except OSError:
                data = b""
            self.under_way.put((time.monotonic() + (self.line.latency if self.up else 0.0), data))
            if not data:
                break
        writer.join()

    def _write(self) -> None:
        passing = True
        while True:
            due, data = self.under_way.get()
            if not data:
                break
            if not passing:
                continue
            time.sleep(max(0.0, due - time.monotonic()))
            for what in self.heads.feed(data) if self.heads else ():
                self.line.asked(what)
            passing = self._pass(self._troubled(data))
        if passing:
            with contextlib.suppress(OSError):
                self.drain.shutdown(socket.SHUT_WR)

    def _pass(self, data: bytes | None) -> bool:
        """Send it on; False if nothing more can be."""
        if data is None:
            return False
        self.line.buckets[self.up].take(len(data))
        try:
            self.drain.sendall(data)
        except OSError:
            _close(self.source)
            return False
        self.line.count(self.up, len(data))
        return True

    def _troubled(self, data: bytes) -> bytes | None:
        """The data as the trouble lets them pass; None if that is the end of them."""
        trouble = self.trouble
        if trouble is None:
            return data
        at = trouble.after - trouble.passed
        trouble.passed += len(data)
        if at >= len(data):
            return data
        self.trouble = None
        self.line.trouble()
        before, after = data[:at], data[at:]
        if trouble.kind == "truncate":
            return before + after[trouble.run :]
        if trouble.kind == "duplicate":
            return before + after[: trouble.run] + after
        if trouble.kind == "flip":
            return before + bytes([after[0] ^ 1 << trouble.bit]) + after[1:]
        self._pass(before)
        if trouble.kind != "stall":
            for one in (self.source, self.drain):
                _close(one, reset=trouble.kind == "reset")
        return None


class Heads:
    """Finds the request lines in what a client of HTTP/1.1 says."""

    def __init__(self) -> None:
        self._head = b""
        self._body = 0

    def feed(self, data: bytes) -> list[str]:
        found = []
        while data:
            if self._body:
                skipped = min(self._body, len(data))
                self._body -= skipped
                data = data[skipped:]
                continue
            head, end, rest = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                break
            self._head, data = b"", rest
            first, *fields = head.decode("latin-1").split("\r\n")
            found.append(" ".join(first.split(" ")[:2]))
            lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
            self._body = int(lengths[0]) if lengths and lengths[0].strip().isdigit() else 0
        return found


class Tokens:
    """So many bytes a second may pass."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Wait until they may."""
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + count / self.rate
            wait = self._free_at - now
        time.sleep(wait)


def _close(one: socket.socket, *, reset: bool = False) -> None:
    with contextlib.suppress(OSError):
        if reset:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)  # wakes whoever waits for it
    with contextlib.suppress(OSError):
        one.close()
