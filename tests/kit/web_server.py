"""Plain web servers before a directory: one that knows ranges, as nginx does, and Python's own, which does not."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Plain(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass


class Ranged(Plain):
    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not asked or not path.is_file():
            return super().do_GET()
        data = path.read_bytes()
        first, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else len(data), len(data))
        status = 206 if first < len(data) else 416
        body = data[first:end] if status == 206 else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(data)}" if body else f"bytes */{len(data)}")
        self.end_headers()
        self.wfile.write(body)
        return None


@contextmanager
def serving_files(directory: Path, handler: type[Plain] = Ranged) -> Iterator[str]:
    """The address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(directory)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
