from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import art
from tests.web.kit import Server

__all__ = ["art"]

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers, and stops them at the end."""
    running: list[Server] = []

    def start(*words: object, **environment: str) -> Server:
        running.append(Server(tmp_path, *words, log=tmp_path / f"serve{len(running)}.log", **environment))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        if server.process.stdout:
            server.process.stdout.close()
