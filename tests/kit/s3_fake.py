"""A server that speaks just enough S3 to have bad days: every fault of `FAULTS`, on any put.

`with serving() as store:` gives it; `store.endpoint` is its address, `store.objects` what it keeps. Each fault in
`store.faults` is used up by one put; `store.always` answers every request. Without `store.conditions` it does what some
servers do: it takes the condition of a put and ignores it.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

Fault = Literal["409", "503 before", "503 after", "cut before", "cut after", "hang after"]
FAULTS: tuple[Fault, ...] = ("409", "503 before", "503 after", "cut before", "cut after", "hang after")


class Store:
    def __init__(self) -> None:
        self.endpoint = ""
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.always = 0
        self.conditions = True
        self.read_only = False
        self.cut_gets = 0
        self.hang = 3.0
        self.puts = 0
        self.authorization = ""
        """Of the last request."""
        self.lock = threading.Lock()


@contextmanager
def serving() -> Iterator[Store]:
    store = Store()

    class Handler(_Handler):
        pass

    Handler.store = store
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_PUT(self) -> None:
        key, data = self._key(), self.rfile.read(int(self.headers["Content-Length"]))
        with self.store.lock:
            self.store.puts += 1
            fault = self.store.faults.pop(0) if self.store.faults else None
            taken = key in self.store.objects and self.store.conditions
            refused = self.store.always or self.store.read_only
            if not taken and not refused and (fault is None or fault.endswith("after")):
                self.store.objects[key] = data
        if self.store.always or self.store.read_only:
            self._answer(self.store.always or 403)
        elif fault == "409":
            self._answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
        elif fault and fault.startswith("503"):
            self._answer(503)
        elif fault:
            if fault.startswith("hang"):
                time.sleep(self.store.hang)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(412 if taken else 200)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.store.always:
            self._answer(self.store.always)
        elif "list-type" in query:
            self._list(query.get("prefix", [""])[0])
        elif (key := self._key()) not in self.store.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif asked := self.headers.get("Range"):
            self._part(self.store.objects[key], *asked.removeprefix("bytes=").split("-"))
        else:
            self._answer(200, self.store.objects[key])

    def _part(self, data: bytes, first: str, last: str) -> None:
        end = min(int(last) + 1 if last else len(data), len(data))
        if int(first) < len(data):
            self._answer(206, data[int(first) : end], range=f"bytes {first}-{end - 1}/{len(data)}")
        else:
            self._answer(416)

    def do_POST(self) -> None:
        """The only one: delete several."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        for key in re.findall(r"<Key>([^<]+)</Key>", asked):
            self.store.objects.pop(key, None)
        self._answer(200, b"<DeleteResult></DeleteResult>")

    def _list(self, prefix: str) -> None:
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size>"
            "<LastModified>2026-11-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key, data in sorted(self.store.objects.items())
            if key.startswith(prefix)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode())

    def _key(self) -> str:
        self.store.authorization = self.headers.get("Authorization", "")
        return unquote(urlsplit(self.path).path).partition("/")[2].partition("/")[2]

    def _answer(self, code: int, body: bytes = b"", range: str = "") -> None:
        cut = self.store.cut_gets > 0 and code in (200, 206) and self.command == "GET" and bool(body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if code != 204 else 0))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.send_header("ETag", '"x"')
        if range:
            self.send_header("Content-Range", range)
        self.end_headers()
        if cut:
            self.store.cut_gets -= 1
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(body)
