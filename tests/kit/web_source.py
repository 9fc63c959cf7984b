"""A web server of a few files that behaves badly on demand: cuts, refuses, forgets ranges, packs, lies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from blake3 import blake3


class WebSource:
    """What the server has and does; its fields may be changed while it runs."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        """By path, with the slash."""
        self.asked: list[tuple[str, str | None]] = []
        """Path and range of each request."""
        self.refusals: list[int] = []
        """Statuses of the next answers, before any good one."""
        self.cuts: list[int] = []
        """After how many bytes of their bodies the next answers break off."""
        self.headers: dict[str, str] = {}
        """More headers, or other values of the usual ones; an empty one is left out."""
        self.knows_ranges = True
        self.tells_length = True
        self.url = ""

    def address(self, path: str) -> str:
        return f"{self.url}{path}"


@contextmanager
def serving() -> Iterator[WebSource]:
    """A server of its own on loopback."""
    source = WebSource()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(source, self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    source.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(source: WebSource, request: BaseHTTPRequestHandler) -> None:
    wanted = request.headers.get("Range")
    source.asked.append((request.path, wanted))
    data = source.files.get(request.path.partition("?")[0])
    status = source.refusals.pop(0) if source.refusals else 404 if data is None else 200
    body = data if status == 200 and data is not None else b"no"
    headers = {"ETag": f'"{blake3(data or b"").hexdigest()[:16]}"', "Last-Modified": "Sun, 01 Nov 2026 08:00:00 GMT"}
    if status == 200 and wanted and source.knows_ranges:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        status, headers["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
        body = body[start:]
    if source.tells_length:
        headers["Content-Length"] = str(len(body))
    request.send_response(status)
    for name, value in {**headers, **source.headers, "Connection": "close"}.items():
        if value:
            request.send_header(name, value)
    request.end_headers()
    with suppress(ConnectionError):  # who has enough hangs up
        request.wfile.write(body[: source.cuts.pop(0)] if source.cuts else body)
    request.close_connection = True
