"""The verbs of a bucket over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from http.client import HTTPResponse
from pathlib import Path
from time import sleep

import pytest
from blake3 import blake3

from artcli.buckets.disk import DiskBucket
from artcli.catalog.repository import read_place
from artcli.content import digest_of
from artcli.store.pack import DATA, Frame, PackBuilder, pack_key
from tests.kit.command_line import Art
from tests.web.conftest import Serve

LARGE = [bytes([number]) * 250_000 for number in range(12)]


def a_pack(*chunks: bytes) -> tuple[str, bytes]:
    """The key and bytes of a pack of these chunks."""
    builder = PackBuilder(DATA)
    for chunk in chunks:
        builder.add(Frame(digest_of(chunk), 0, len(chunk), len(chunk), (chunk,)))
    buffers, table = builder.finish()
    return pack_key(table.pack), b"".join(buffers)


def test_objects_come_and_go(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place")
    key, data = a_pack(*LARGE)
    assert server.get(key).status == 404
    first, again = server.put(key, data), server.put(key, data)
    assert (first.status, again.status, again.headers["x-art-existed"]) == (201, 200, "1")
    assert (tmp_path / "place" / key).read_bytes() == data
    whole = server.get(key)
    assert (whole.status, whole.body) == (200, data)
    assert whole.headers["etag"] == f'"b3-{digest_of(data).hex()}"'
    head = server("HEAD", f"/v1/o/{key}")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))
    assert server.get(key, **{"If-None-Match": whole.headers["etag"]}).status == 304
    part = server.get(key, Range="bytes=5-9")
    assert (part.status, part.body) == (206, data[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(data)}"
    assert server.get(key, Range=f"bytes={len(data) - 3}-").body == server.get(key, Range="bytes=-3").body == data[-3:]
    assert server("DELETE", f"/v1/o/{key}").status == server("DELETE", f"/v1/o/{key}").status == 204
    assert not (tmp_path / "place" / key).exists()


def test_the_head_of_the_place(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place")
    assert server("GET", "/healthz").status == 204
    info = server("GET", "/v1/info").json
    assert info["api"] == 1
    assert info["place"] == read_place(DiskBucket(tmp_path / "place"))
    assert info["scope"] == "admin"
    assert {"batch", "put-if-absent"} <= set(info["features"])


def test_a_listing_is_proved_whole_by_its_last_line(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place")
    keys = []
    for number in range(5):
        key, data = a_pack(bytes([number]))
        assert server.put(key, data).status == 201
        keys.append(key)
    (tmp_path / "place" / "local").mkdir()
    (tmp_path / "place" / "local" / "secret").write_text("x")
    lines = server("GET", "/v1/list").body.splitlines(keepends=True)
    assert [json.loads(line)["key"] for line in lines[:-1]] == ["config", *sorted(keys)]
    assert json.loads(lines[-1]) == {"next": None, "count": 6, "b3": blake3(b"".join(lines[:-1])).hexdigest()}
    found, after = [], ""
    while after is not None:
        answer = server("GET", f"/v1/list?prefix=packs/&limit=2&after={after}").body.splitlines()
        found += [json.loads(line)["key"] for line in answer[:-1]]
        after = json.loads(answer[-1])["next"]
    assert found == sorted(keys)


def test_many_pieces_in_one_answer(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place")
    key, data = a_pack(b"a" * 100_000)
    server.put(key, data)
    missing = "index/" + "0" * 64
    pieces = [{"key": key, "start": 3, "length": 10}, {"key": missing}, {"key": key}, {"key": key, "start": 10**9}]
    body = server("POST", "/v1/batch", json.dumps(pieces).encode()).body
    found = []
    while body:
        (length,) = struct.unpack("<q", body[:8])
        piece = body[40 : 40 + max(0, length)]
        assert body[8:40] == (digest_of(piece) if length >= 0 else bytes(32))
        found.append(piece if length >= 0 else None)
        body = body[40 + max(0, length) :]
    assert found == [data[3:13], None, data, b""]


def test_one_connection_over_standard_streams(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "artcli", "serve", "--stdio", tmp_path / "place"], stdin=theirs, stdout=theirs
    )
    theirs.close()
    key, data = a_pack(*LARGE)
    head = (
        f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\nX-Art-B3: "
    )
    with ours:
        for request, body, status in [
            (head + key[-64:], data, 201),
            (f"GET /v1/o/{key} HTTP/1.1\r\nHost: localhost", b"", 200),
            ("GET /v1/info HTTP/1.1\r\nHost: localhost", b"", 200),
        ]:
            ours.sendall(f"{request}\r\n\r\n".encode() + body)
            answer = HTTPResponse(ours)
            answer.begin()
            heard = answer.read()
            assert answer.status == status
            if request.startswith("GET /v1/o"):
                assert heard == data
        ours.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
    assert process.wait(10) == 0


def test_several_repositories(serve: Serve, art: Art, tmp_path: Path) -> None:
    for name in ("car", "boat"):
        (tmp_path / "many" / name).mkdir(parents=True)
    (tmp_path / "many" / "other").mkdir()
    (tmp_path / "many" / "other" / "file").write_text("x")
    (tmp_path / "many" / "link").symlink_to(tmp_path / "many" / "car")
    art("-C", tmp_path / "many" / "car", "init")
    server = serve("--many", "many")
    places = {server("GET", f"/{name}/v1/info").json["place"] for name in ("car", "boat")}
    assert len(places) == 2
    assert read_place(DiskBucket(tmp_path / "many" / "car" / ".art")) in places
    for name in ("other", "link", "nothing", "..", "v1", ".art"):
        assert server("GET", f"/{name}/v1/info").status == 404
    assert server("GET", "/v1/info").status == 404
    assert server("GET", "/healthz").status == 204


def test_it_ends_at_a_signal_with_what_it_is_doing(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place")
    key, data = a_pack(*LARGE)
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode() + data[:1000])
        assert server("GET", "/healthz").status == 204
        server.process.send_signal(signal.SIGTERM)
        connection.sendall(data[1000:])
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == 201
    assert server.process.wait(10) == 0
    assert (tmp_path / "place" / key).read_bytes() == data


def test_where_it_cannot_be(art: Art, tmp_path: Path) -> None:
    (tmp_path / "work" / "file").write_text("x")
    (art.directory / "some").mkdir()
    several = art("token", "create", "car", "--at", ".", "--json").error
    assert several["code"] == art("serve", ".", "--json").error["code"] == "no-place"
    assert "art serve --many" in several["facts"][0]
    assert art("serve", "--many", "nowhere", "--json").error["code"] == "no-place"
    art("init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = art("serve", "--port", taken.getsockname()[1], "--json").error
    assert error["code"] == "cannot-listen"
    assert art("serve", "--host", "0.0.0.0", "--port", 0, "--json").error["code"] == "not-open"


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_a_server_that_is_killed_while_it_takes_a_pack(times: int, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    for number in range(times):
        key, data = a_pack(*LARGE, bytes([number]) * 77)
        server = serve("place")
        head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nIf-None-Match: *\r\n"
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(f"{head}X-Art-B3: {key[-64:]}\r\n\r\n".encode() + data[: len(data) * number // times])
            server.process.kill()
            server.process.wait()
        server = serve("place")
        assert server.get(key).status == 404
        assert server.put(key, data).status == 201
        assert server.get(key).body == data
        server.stop()
    left = list((tmp_path / "place" / "tmp").iterdir())
    for file in left:
        os.utime(file, (0, 0))
    server = serve("place")
    assert server.put(*a_pack(b"one more")).status == 201
    assert list((tmp_path / "place" / "tmp").iterdir()) == [], "what is old is swept"


def test_numbers_and_lines_of_what_was_asked(serve: Serve, tmp_path: Path) -> None:
    for name in ("car", "boat"):
        (tmp_path / "many" / name).mkdir(parents=True)
    server = serve("--many", "many")
    key, data = a_pack(*LARGE)
    assert server("PUT", f"/car/v1/o/{key}", data, {"If-None-Match": "*", "X-Art-B3": key[-64:]}).status == 201
    assert server("GET", f"/car/v1/o/{key}").body == data
    assert server("GET", "/car/v1/o/index/" + "0" * 64).status == 404
    for _ in range(200):  # a request is counted when it has been answered, which whoever asked may know a little sooner
        text = server("GET", "/car/metrics").body.decode()
        found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        if found.get('art_requests_total{method="GET",status="404"}') == "1":
            break
        sleep(0.02)
    assert found['art_requests_total{method="PUT",status="201"}'] == "1"
    assert found['art_requests_total{method="GET",status="404"}'] == "1"
    assert int(found["art_received_bytes_total"]) == len(data)
    assert int(found["art_sent_bytes_total"]) > len(data)
    assert found['art_request_seconds_bucket{le="+Inf"}'] == found["art_request_seconds_count"]
    assert int(found["art_request_seconds_count"]) >= 3
    assert b'status="201"' not in server("GET", "/boat/metrics").body
    time, client, who, method, path, status, received, _, _ = server.lines[0].split(" ")
    assert (client, who, method, path, status) == ("127.0.0.1", "-", "PUT", f"/car/v1/o/{key}", "201")
    assert received == str(len(data))
    assert time.endswith("Z")


def test_no_other_command_imports_a_server() -> None:
    program = (
        "import sys; from importlib import import_module; from artcli.cli.commands import COMMANDS;"
        "[import_module('artcli.cli.commands.' + name.replace('-', '_')) for name in COMMANDS];"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "artcli.cli.commands.serve" in loaded
    assert not [name for name in loaded if name.startswith(("artcli.web", "uvicorn", "starlette", "h11", "asyncio"))]


def test_a_port_that_there_is_not(art: Art) -> None:
    assert art("init").code == 0
    for port in (-1, 65536, 99999):  # which the system would take modulo 65536
        assert art("serve", "--port", port, "--json").code == 2
