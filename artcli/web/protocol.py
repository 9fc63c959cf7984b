"""HTTP/1.1 of one connection, with the bounds that uvicorn has not: time for a head, least speed, connections in all.

A connection that is slower than `Limits.speed` over a window is closed, in whichever direction the bytes go, so that
nobody holds one for ever at the cost of a byte a minute. When there are too many, the oldest whose head is unfinished
goes: a bound for each address would lock out a whole laboratory behind one.
"""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Limits(NamedTuple):
    """Bounds of connections; times in seconds."""

    head_size: int = 16 * 1024
    """Bytes."""
    head: float = 30.0
    """From the first byte of a request, or from the connection's beginning, to the end of the request's head."""
    idle: float = 60.0
    """Between two requests."""
    window: float = 60.0
    speed: int = 1024
    """Bytes a second, over a window."""
    connections: int = 256
    tick: float = 1.0


class Protocol(H11Protocol):
    """One connection. A subclass made by `bounded` has its limits."""

    limits = Limits()

    def connection_made(self, transport: Any) -> None:
        others = [other for other in self.connections if isinstance(other, Protocol) and not other.is_leaving]
        if len(others) >= self.limits.connections:
            waiting = [other for other in others if other.is_waiting]
            if not waiting:
                transport.abort()
                return
            min(waiting, key=lambda other: other.since).transport.abort()
        super().connection_made(transport)
        self.since = self.loop.time()
        """When what is waited for began: a head, a body, bytes that the client takes."""
        self.moved = 0
        self._left = 0
        self._timer = self.loop.call_later(self.limits.tick, self._tick)

    @property
    def is_leaving(self) -> bool:
        """Whether it was closed, and only has not heard of it."""
        return self.transport.is_closing()

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered or received, to the last byte."""
        if self.cycle is None:
            return True
        done = self.cycle.response_complete and self.conn.their_state is not h11.SEND_BODY
        return done and not self.transport.get_write_buffer_size()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is not None:  # else it was never let in
            self._timer.cancel()
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_waiting and not self.conn.trailing_data[0] and self.cycle is not None:
            self.since = self.loop.time()  # the first byte after a pause
        waited = self.is_waiting
        super().data_received(data)
        if waited and not self.is_waiting:
            self._restart()
        self.moved += len(data)

    def on_response_complete(self) -> None:
        self._restart()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._restart()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._restart()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server ends: requests are answered; others need not say goodbye, which may take long over TLS."""
        if self.is_waiting:
            self.transport.abort()
        else:
            super().shutdown()

    def _restart(self) -> None:
        self.since, self.moved, self._left = self.loop.time(), 0, self.transport.get_write_buffer_size()

    def _tick(self) -> None:
        if self.transport.is_closing():
            return
        age = self.loop.time() - self.since
        if self.is_waiting:
            begun = self.cycle is None or bool(self.conn.trailing_data[0])
            if age > (self.limits.head if begun else self.limits.idle):
                self.transport.abort()
                return
        elif age > self.limits.window:
            if self._is_slow():
                self.transport.abort()
                return
            self._restart()
        self._timer = self.loop.call_later(self.limits.tick, self._tick)

    def _is_slow(self) -> bool:
        least = self.limits.speed * self.limits.window
        unsent = self.transport.get_write_buffer_size()
        if self.flow.write_paused or (self.cycle.response_complete and unsent):
            return self._left - unsent < least
        return self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused and self.moved < least

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this where h11 has found a request that is none; h11 knows the status that fits."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", 400)
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not begun:
            slug = "head-too-large" if status == 431 else "bad-request"
            body = json.dumps({"error": slug, "detail": "this is no request of HTTP/1.1", "hint": None}).encode()
            headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def bounded(limits: Limits) -> type[Protocol]:
    """The protocol with these limits."""
    return type("Bounded", (Protocol,), {"limits": limits})
