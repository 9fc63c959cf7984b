"""Runs `art` as a user does: in this process, piped (fast), or as a process of its own on a pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artcli.cli.main import run


class Result(NamedTuple):
    """What a command left: its exit code and the bytes of both streams."""

    code: int
    raw_out: bytes
    raw_err: bytes

    @property
    def out(self) -> str:
        return self.raw_out.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    @property
    def err(self) -> str:
        return self.raw_err.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]

    @property
    def error(self) -> Any:
        """The error document that --json leaves on stderr."""
        return json.loads(self.err.splitlines()[-1])


class Art:
    """`art(…)` in `directory`; whoever makes one has seen to the environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Result:
        """In this process, both streams piped."""
        before = sys.stdin, sys.stdout, sys.stderr, os.getcwd()
        streams = [
            io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors=errors)
            for data, errors in ((stdin, "strict"), (b"", "surrogateescape"), (b"", "backslashreplace"))
        ]
        sys.stdin, sys.stdout, sys.stderr = streams
        os.chdir(self.directory)
        try:
            code = run([str(argument) for argument in arguments])
        finally:
            sys.stdin, sys.stdout, sys.stderr = before[:3]
            os.chdir(before[3])
        return Result(code, _written(streams[1]), _written(streams[2]))

    def on_terminal(self, *arguments: object, **environment: str) -> Result:
        """In a process of its own whose three streams are pseudo-terminals; `environment` comes on top."""
        return terminal(
            [sys.executable, "-m", "artcli", *map(str, arguments)],
            self.directory,
            {**os.environ, "TERM": "xterm-256color", "PAGER": "cat", "COLUMNS": "120", **environment},
        )


def terminal(command: list[str], directory: Path, environment: Mapping[str, str], answer: bytes = b"") -> Result:
    """A process on pseudo-terminals, one for each of stdout and stderr so that they can be told apart."""
    outside, inside = zip(*(pty.openpty() for _ in range(2)), strict=True)
    termios.tcsetwinsize(inside[0], (40, 120)) if sys.version_info >= (3, 11) else None
    process = subprocess.Popen(
        command, cwd=directory, env=dict(environment), stdin=inside[0], stdout=inside[0], stderr=inside[1],
        start_new_session=True,
    )  # fmt: skip
    for end in inside:
        os.close(end)
    if answer:
        os.write(outside[0], answer)
    heard: list[bytes] = [b"", b""]
    readers = [threading.Thread(target=_listen, args=(outside[i], heard, i)) for i in range(2)]
    for reader in readers:
        reader.start()
    code = process.wait()
    for reader in readers:
        reader.join()
    return Result(code, *heard)


def _listen(end: int, heard: list[bytes], i: int) -> None:
    parts = []
    while True:
        try:
            data = os.read(end, 65536)
        except OSError:  # Linux says EIO when the last writer has gone
            break
        if not data:
            break
        parts.append(data)
    heard[i] = b"".join(parts)
    os.close(end)


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()
