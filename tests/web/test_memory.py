"""What a server holds in memory is bounded, whoever asks for how much, and however slowly it is taken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from artcli.web.portions import LEAST, TOTAL, Portions
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.kit import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what the system says of a process")

LIMIT = 256 << 20
CLIENTS = 96
"""As many connections as 16 machines have."""
SIZE = 3 << 20
FILES = 20


@pytest.fixture
def shelf(art: Art) -> Art:
    """A repository with `data:v0`: files of random bytes in several packs."""
    data = art.directory / "data"
    data.mkdir()
    for number in range(FILES):
        (data / f"{number}.bin").write_bytes(os.urandom(SIZE))
    for number in range(1000):
        (data / f"{number}.txt").write_bytes(os.urandom(5000))
    assert art("init", "--project", "car").code == art("log-artifact", "data", "data").code == 0
    return art


@pytest.fixture
def server(serve: Serve, shelf: Art) -> Server:
    return serve(shelf.directory)


def anonymous(pid: int) -> int:
    """Bytes of anonymous memory that a process has now."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("RssAnon:"))


def settled(pid: int) -> int:
    """The most anonymous memory that a process had before it stood still for a second."""
    most, last, since = 0, 0.0, time.monotonic()
    while time.monotonic() - since < 1:
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        worked = float(used[11]) + float(used[12])
        if worked != last:
            last, since = worked, time.monotonic()
        most = max(most, anonymous(pid))
        time.sleep(0.02)
    return most


def packs(art: Art) -> list[tuple[str, int]]:
    """Keys and sizes of the large packs."""
    top = art.directory / ".art"
    found = [(path.relative_to(top).as_posix(), path.stat().st_size) for path in (top / "packs").rglob("*/*")]
    return [(key, size) for key, size in found if size > SIZE]


def wholes(art: Art) -> Iterator[bytes]:
    for key, _ in packs(art):
        yield f"GET /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def batches(art: Art, length: int) -> Iterator[bytes]:
    for key, size in packs(art):
        pieces = [{"key": key, "start": start, "length": length} for start in range(0, size - length, length)]
        body = json.dumps(pieces[:256]).encode()
        yield f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def files(art: Art, form: str) -> Iterator[bytes]:
    yield f"GET /files/car/data:v0{form} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def bodies(art: Art) -> Iterator[bytes]:
    """Packs, but for their last byte."""
    data = os.urandom(SIZE)
    head = "PUT /v1/o/packs/{0:.2}/{0} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\nX-Art-B3: {0}\r\n"
    yield f"{head}Content-Length: {SIZE + 1}\r\n\r\n".format(os.urandom(32).hex()).encode() + data


def everything(art: Art) -> Iterator[bytes]:
    for asked in ASKED.values():
        yield from asked(art)


ASKED: dict[str, Callable[[Art], Iterator[bytes]]] = {
    "packs": wholes,
    "many small pieces": lambda art: batches(art, 40_000),
    "large pieces": lambda art: batches(art, 2_000_000),
    "tar": lambda art: files(art, "?format=tar"),
    "zip": lambda art: files(art, "?format=zip"),
    "a file": lambda art: files(art, "/3.bin"),
    "bodies": bodies,
}


@pytest.mark.parametrize("asked", [*ASKED.values(), everything], ids=[*ASKED, "everything"])
def test_many_who_ask_and_take_nothing(asked: Callable[[Art], Iterator[bytes]], server: Server, shelf: Art) -> None:
    requests = list(asked(shelf))
    with ExitStack() as stack:
        for number in range(CLIENTS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect(server.address)
            connection.sendall(requests[number % len(requests)])
        assert settled(server.process.pid) < LIMIT
        assert server("GET", "/v1/info").status == 200


@pytest.mark.parametrize(
    ("clients", "clone"),
    [
        (3, ["clone", "--full"]),
        pytest.param(16, ["clone", "--full"], marks=pytest.mark.soak),
        pytest.param(16, ["clone"], marks=pytest.mark.soak),
    ],
)
def test_many_who_clone_and_push_at_once(clients: int, clone: Sequence[str], serve: Serve, shelf: Art) -> None:
    place = shelf.directory.parent / "place"
    assert shelf("remote", "add", "origin", str(place)).code == shelf("push", "origin").code == 0
    server = serve(place)
    machines = [Art(shelf.directory.parent / f"c{number}") for number in range(clients)]
    for machine in machines:
        machine.directory.mkdir()
        (machine.directory / "own").write_bytes(os.urandom(8_000_000))
    script = (
        '"$0" -m artcli "$@" $URL work && cd work && "$0" -m artcli get data:v0 ../got'
        ' && "$0" -m artcli log-artifact own$NUMBER ../own && "$0" -m artcli push'
    )
    running = [
        subprocess.Popen(
            ["bash", "-ec", script, sys.executable, *clone], cwd=machine.directory, stdout=subprocess.DEVNULL,
            env={**os.environ, "URL": server.url, "NUMBER": str(number)},
        )
        for number, machine in enumerate(machines)
    ]  # fmt: skip
    most = 0
    while any(process.poll() is None for process in running):
        most = max(most, anonymous(server.process.pid))
        time.sleep(0.02)
    assert [process.returncode for process in running] == [0] * clients
    assert most < LIMIT
    assert shelf("fetch").code == 0
    assert all(shelf("show", f"own{number}").code == 0 for number in range(clients))


def test_portions() -> None:
    portions = Portions()
    alone = portions.one()
    assert alone.of(1 << 20) == 1 << 20
    assert alone.of(TOTAL) == TOTAL // 4
    others = [portions.one() for _ in range(200)]
    held = [other.of(1 << 20) for other in others]
    assert held == sorted(held, reverse=True)
    assert held[0] == 1 << 20
    assert held[-1] == LEAST
    assert sum(held) + TOTAL // 4 <= TOTAL + 200 * LEAST
    assert alone.of(1 << 20) < 1 << 20
    del others[:]
    assert alone.of(1 << 20) == 1 << 20
