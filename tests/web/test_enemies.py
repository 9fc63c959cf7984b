"""Requests that no honest client sends: nothing outside is read or written, nothing overwritten, the server lives."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.content import digest_of
from artcli.store.pack import DATA
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.kit import Server
from tests.web.test_judged import packed
from tests.web.test_mangled import mangled
from tests.web.test_tokens import token

SECRET = b"what nobody may see"

UPWARDS = [
    "..", "../secret", "../../secret", "../../../../../../etc/passwd", "./config", "packs/../config",
    "packs/./../config", "log/../local/tokens.json", "packs//../../secret", "index/..", "%2e%2e/secret",
    "%2e%2e%2fsecret", "..%2fsecret", "%2E%2E/secret", ".%2e/secret", "%252e%252e/secret", "%252e%252e%252fsecret",
    "..%252fsecret", "..%c0%afsecret", "%c0%ae%c0%ae/secret", "..%5csecret", "..\\secret", "%2e%2e%5csecret",
    "..;/secret", "..%00/secret", "config%00", "config%00.txt", "%00", "config%2f", "config/", "/config", "//config",
    "/etc/passwd", "%2fetc%2fpasswd", "config%20", "config%0a", "config%0d%0aX: y", "CONFIG", "Config", "config;a",
    "config~", "local/tokens.json", "local", "cache/serve.db", "cache/catalog-5.db",
    "mirrors/x/log/0000000/0000000000", "tmp/x", "TMP/x", ".art/config", "lost+found/x", ".gitignore",
    "local/gc.lock", "local/config.toml", "local/remotes.json", "packs", "packs/aa", "log/0000000/0000000000/x",
    "log/0000001/0000000000", "log/0000000/00000000000", "log/0000000/000000000a", "log/0000000/0000000000\u0660",
    "packs/aa/", "0" * 64, "packs/00/", "0" * 63, "packs/00/", "0" * 65, "packs/00/", "A" * 64, "index/", "0" * 63,
    "segments/1", "a" * 600, "a/" * 300, "runs/p/r/w/00000001", "probe", "file:///etc/passwd", "http://evil/", "*",
    "",
]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path, str]]:
    """A repository that is served, secrets beside it and in its own folders, and an admin's token."""
    patch = pytest.MonkeyPatch()
    top = tmp_path_factory.mktemp("enemies")
    for name in list(os.environ):
        if name.startswith("ART_"):
            patch.delenv(name)
    patch.setenv("ART_CONFIG", str(top / "user.toml"))
    (top / "work").mkdir()
    art = Art(top / "work")
    (top / "secret").write_bytes(SECRET)
    (top / "work" / "secret").write_bytes(SECRET)
    assert art("init").code == 0
    (top / "work" / ".art" / "secret").write_bytes(SECRET)
    (top / "work" / ".art" / "packs" / "aa" / "link").symlink_to(top / "secret")
    (top / "work" / ".art" / "index" / ("0" * 64)).symlink_to(top / "secret")
    (top / "work" / "f").write_bytes(b"f" * 5000)
    assert art("log-artifact", "data", "f").code == 0
    text = token(art, "boss", "--scope", "admin")
    server = Server(top, top / "work", log=top / "log")
    server.token = text
    yield server, top, text
    server.stop()
    patch.undo()


def state(top: Path) -> dict[str, bytes]:
    """All files but those that a server may write beside what is shared."""
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and not path.is_symlink() and "cache" not in path.parts and path.name != "log"
    }


def raw(server: Server, method: str, target: str, text: str, body: bytes = b"") -> tuple[int, bytes]:
    """A request whose target goes out as it is, which no library would do."""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\nConnection: close\r\n"
    if method in ("PUT", "POST"):
        head += f"Content-Length: {len(body)}\r\nIf-None-Match: *\r\nX-Art-B3: {digest_of(body).hex()}\r\n"
    heard = server.raw(head.encode("utf-8", "surrogateescape") + b"\r\n" + body)
    return (int(heard.split(b" ", 2)[1]) if heard else 0), heard


@pytest.mark.parametrize(
    "place", ["/v1/o/", "/v1/o//", "/files/uncategorized/data:v0/", "/", "http://localhost/v1/o/", "/drafts/", "/p/"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_no_path_leads_out(method: str, place: str, shelf: tuple[Server, Path, str]) -> None:
    server, top, text = shelf
    before = state(top)
    for form in UPWARDS if "files" not in place else UPWARDS[:-1]:
        status, heard = raw(server, method, place + form.replace(" ", "%20"), text, b"planted")
        assert 400 <= status < 500, (form, heard)
        assert SECRET not in heard, form
        assert b"root:" not in heard, form
        assert str(top).encode() not in heard, form
    assert state(top) == before
    assert server("GET", "/healthz").status == 204


@pytest.mark.parametrize(
    "prefix", ["..", "../", "/", "local/", "cache", "%2e%2e", "tmp/", ".", "\\", "packs/../", "a" * 600]
)
def test_no_listing_shows_what_is_beside(prefix: str, shelf: tuple[Server, Path, str]) -> None:
    server, _, _ = shelf
    for name in ("prefix", "after"):
        answer = server("GET", f"/v1/list?{name}={prefix}")
        shown = answer.body.decode()
        assert answer.status in (200, 400)
        assert not any(word in shown for word in ("tokens", "secret", "local/", "cache/", "link"))
    wanted = [{"key": prefix}, {"key": "local/tokens.json"}]
    assert server("POST", "/v1/batch", json.dumps(wanted).encode()).status == 400


def test_planted_links_are_not_followed(shelf: tuple[Server, Path, str]) -> None:
    server, _, _ = shelf
    answer = server("GET", "/v1/o/index/" + "0" * 64)
    assert answer.status == 404
    listed = server("GET", "/v1/list").body.decode()
    assert "0" * 64 not in listed
    assert "link" not in listed


@pytest.mark.parametrize("body", [
    b"", b"x", b"{}", b"[]", b"[1]", b"null", b'[{"key": 1}]', b'[{"key": "config", "start": -1}]', b"[" * 100_000,
    b'[{"key": "config", "start": 1e400}]', b'[{"key": "config", "length": true}]',
    b'[{"key": "config", "start": 99999999999999999999}]', b'[{"key": "config", "length": 99999999999}]',
    b"[" + b",".join([b'{"key": "config"}'] * 257) + b"]", b"[" + b" " * 300_000 + b"]", b"\xff\xfe",
])  # fmt: skip
def test_batches_that_are_none(body: bytes, shelf: tuple[Server, Path, str]) -> None:
    assert shelf[0]("POST", "/v1/batch", body).status in (400, 413)


HEADS = {
    "two lengths that differ": ("Content-Length: 5\r\nContent-Length: 6\r\n", b"hello", 400),
    "a negative length": ("Content-Length: -5\r\n", b"hello", 400),
    "a length with a sign": ("Content-Length: +5\r\n", b"hello", 400),
    "a length in hex": ("Content-Length: 0x5\r\n", b"hello", 400),
    "two lengths in one": ("Content-Length: 5, 6\r\n", b"hello", 400),
    "no length": ("", b"", 411),
    "a huge length": ("Content-Length: 99999999999\r\n", b"hello", 413),
    "an absurd length": ("Content-Length: " + "9" * 400 + "\r\n", b"hello", 400),
    "a length and chunks": ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    "chunks and a length": ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"5\r\nhello\r\n0\r\n\r\n", 400),
    "chunks twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 501),
    "chunks in disguise": ("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
    "chunks after identity": ("Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n", 501),
    "chunks, for an object": ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n", 411),
    "a space before the colon": ("Content-Length : 5\r\n", b"hello", 400),
    "a header without a name": (": x\r\nContent-Length: 5\r\n", b"hello", 400),
    "a folded header": ("X: a\r\n b\r\nContent-Length: 5\r\n", b"hello", 422),
    "a NUL": ("X: a\0b\r\nContent-Length: 5\r\n", b"hello", 400),
    "a lone newline": ("X: a\nContent-Length: 5\r\n", b"hello", 422),
}


@pytest.mark.parametrize("what", HEADS)
def test_heads_that_lie_about_the_body(what: str, shelf: tuple[Server, Path, str]) -> None:
    """Whatever comes behind, nothing of it is taken for a request of its own."""
    server, top, text = shelf
    head, body, status = HEADS[what]
    key, _, _ = packed(DATA, b"x")
    before = state(top)
    smuggled = f"GET /v1/o/config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\n\r\n".encode()
    start = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\nIf-None-Match: *\r\n"
    heard = server.raw(f"{start}X-Art-B3: {key[-64:]}\r\n{head}\r\n".encode() + body + smuggled, then=0.5)
    assert int(heard.split(b" ", 2)[1]) == status, heard
    if body and status != 422:
        assert b'"place"' not in heard, "what was smuggled was answered"
    assert state(top) == before
    assert server("GET", "/healthz").status == 204


@pytest.mark.parametrize("start", [
    b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 300, b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n", b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"G\xc3\x89T / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 50,
    b"CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1/o/config\xff HTTP/1.1\r\nHost: x\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request(start: bytes, shelf: tuple[Server, Path, str]) -> None:
    server, _, _ = shelf
    heard = server.raw(start, seconds=0.5)
    assert not heard or 400 <= int(heard.split(b" ", 2)[1]) < 500
    assert server("GET", "/healthz").status == 204


def test_heads_that_do_not_end(shelf: tuple[Server, Path, str]) -> None:
    server, _, text = shelf
    for head in (
        b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000_000,
        b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100_000,
        b"GET /" + b"x" * 1_000_000,
    ):
        with socket.create_connection(server.address, timeout=10) as connection:
            heard = b""
            try:
                connection.sendall(head)
            except (ConnectionResetError, BrokenPipeError):
                pass  # it hung up before it had heard it all
            try:
                while part := connection.recv(65536):
                    heard += part
            except ConnectionResetError:
                pass
        assert not heard or heard.split(b" ", 2)[1] == b"431"
    assert server("GET", "/v1/info", token=text).status == 200


@pytest.mark.parametrize("wanted", [
    "bytes=5-2", "bytes=-", "bytes=", "bytes=a-b", "bytes=0-0,2-2", "bytes=99999999-", "bytes=-0", "items=0-1",
    "bytes=0-1;x", "bytes= 0-1", "bytes=1-99999999999999999999999", "bytes=--1", "0-1", "bytes=0x0-1", "bytes=٣-٤",
])  # fmt: skip
def test_odd_ranges(wanted: str, shelf: tuple[Server, Path, str]) -> None:
    server, _, _ = shelf
    answer = server("GET", "/v1/o/config", headers={"Range": wanted.encode().decode("latin-1")})
    assert answer.status == 416
    assert answer.headers["content-range"].startswith("bytes */")


def test_a_short_body_leaves_nothing(shelf: tuple[Server, Path, str]) -> None:
    server, top, text = shelf
    key, data, _ = packed(DATA, b"x" * 200_000)
    head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\nIf-None-Match: *\r\n"
    for sent in (0, 1, 1000, len(data) - 1):
        with socket.create_connection(server.address) as connection:
            told = f"{head}X-Art-B3: {key[-64:]}\r\nContent-Length: {len(data)}\r\n\r\n"
            connection.sendall(told.encode() + data[:sent])
    until = time.monotonic() + 5
    while list((top / "work" / ".art" / "tmp").iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list((top / "work" / ".art" / "tmp").iterdir()) == []
    assert server.get(key).status == 404
    assert server.put(key, data).status == 201


def test_nothing_that_is_there_can_be_overwritten(shelf: tuple[Server, Path, str]) -> None:
    server, top, text = shelf
    folder = top / "work" / ".art"
    before = state(top)
    found = (path for part in ("packs", "index", "log") for path in (folder / part).rglob("*"))
    keys = [path.relative_to(folder).as_posix() for path in found if path.is_file() and not path.is_symlink()]
    assert len(keys) >= 4
    for key in [*keys, "config"]:
        for condition in ("If-None-Match: *", "If-Match: *", 'If-None-Match: "x"', "X: y", "If-Unmodified-Since: x"):
            for body in (b"", b"other bytes", before[f"work/.art/{key}"] + b"!"):
                head = f"PUT /v1/o/{key} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\n"
                head += f"Connection: close\r\n{condition}\r\nX-Art-B3: {digest_of(body).hex()}\r\n"
                head += f"Content-Length: {len(body)}\r\n\r\n"
                status = int(server.raw(head.encode() + body).split(b" ", 2)[1])
                assert status in (412, 422, 428), (key, condition)
    assert state(top) == before


def test_errors_say_no_path_no_token_no_stack(shelf: tuple[Server, Path, str]) -> None:
    server, top, text = shelf
    key, data, _ = packed(DATA, b"y")
    folder = top / "work" / ".art" / "packs" / key.split("/")[1]
    (folder / key[-64:]).mkdir()
    answers = [
        server.put(key, data), server.get(key), server("GET", "/files/uncategorized/data:v7/x"), server("GET", "/no"),
        server("PUT", "/v1/o/config", b"x"), server("POST", "/v1/batch", b"x"), server("PATCH", "/v1/info"),
    ]  # fmt: skip
    (folder / key[-64:]).rmdir()
    for answer in answers:
        assert answer.status >= 400
        assert set(answer.json) >= {"error", "detail", "hint"}
        shown = answer.body.decode()
        assert not any(word in shown for word in (str(top), "/tmp", text, "Traceback", ".py", "line "))
    assert text not in server.log.read_text()


def test_what_a_log_line_says_cannot_break_it(shelf: tuple[Server, Path, str]) -> None:
    server, _, text = shelf
    raw(server, "GET", "/v1/o/\x1b[31m%0aFAKE", text)
    raw(server, "GET", "/\u202e" + "x" * 2000, text)
    for line in server.lines:
        assert line.isprintable()
        assert len(line) < 900


def test_append_only(serve: Serve, art: Art) -> None:
    art("init")
    server = serve(art.directory, "--append-only")
    key, data, _ = packed(DATA, b"kept")
    assert server.put(key, data).status == 201
    refused = server("DELETE", f"/v1/o/{key}")
    assert (refused.status, refused.slug) == (403, "append-only")
    assert server.get(key).body == data
    assert "append-only" in server("GET", "/v1/info").json["features"]


def test_a_quota_is_asked_before_the_body(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place", "--quota", "1MB")
    objects = [packed(DATA, *(os.urandom(100_000) for _ in range(4))) for _ in range(4)]
    assert [server.put(key, data).status for key, data, _ in objects] == [201, 201, 507, 507]
    assert server.put(objects[0][0], objects[0][1]).status == 200
    head = f"PUT /v1/o/{objects[3][0]} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(objects[3][1])}\r\n"
    heard = server.raw(f"{head}If-None-Match: *\r\nX-Art-B3: {objects[3][0][-64:]}\r\n\r\n".encode(), then=0.5)
    assert b" 507 " in heard.splitlines()[0], "no byte of the body was sent"
    full = server("PUT", "/files/p/a/b", b"x" * 700_000)
    assert full.status == 507
    assert full.json["detail"].startswith("it may hold 1,000,000 bytes, and holds 8")
    assert server("DELETE", f"/v1/o/{objects[0][0]}").status == 204
    assert server.put(objects[2][0], objects[2][1]).status == 201, "what was deleted makes room"


@pytest.mark.parametrize("times", [150, pytest.param(20_000, marks=pytest.mark.soak)])
def test_requests_that_were_mangled_at_random(times: int, shelf: tuple[Server, Path, str]) -> None:
    """Whatever comes is answered as a request that is wrong, or hung up on; nothing is a mistake of the server's."""
    server, top, text = shelf
    chance = random.Random(4)
    key, data, _ = packed(DATA, b"never there")
    auth = f"Host: localhost\r\nAuthorization: Bearer {text}\r\nConnection: close\r\n"
    put = f"PUT /v1/o/{key} HTTP/1.1\r\n{auth}If-None-Match: *\r\nX-Art-B3: {'0' * 64}\r\n"
    put += f"Content-Length: {len(data)}\r\n\r\n"
    whole = [
        f"GET /v1/o/config HTTP/1.1\r\n{auth}Range: bytes=0-3\r\n\r\n".encode(),
        f"GET /v1/list?prefix=packs/&limit=3 HTTP/1.1\r\n{auth}\r\n".encode(),
        f"GET /files/uncategorized/data:v0/f?format=tar HTTP/1.1\r\n{auth}\r\n".encode(),
        f'POST /v1/batch HTTP/1.1\r\n{auth}Content-Length: 19\r\n\r\n[{{"key": "config"}}]'.encode(),
        put.encode() + data,
    ]
    before = state(top)
    for _ in range(times):
        heard = server.raw(mangled(chance.choice(whole), chance), seconds=0.05)
        if heard:
            status = int(heard.split(b" ", 2)[1])
            assert status < 500 or status == 501, heard
    assert state(top) == before
    assert not any(" bug " in line for line in server.lines)
    assert server("GET", "/v1/info", token=text).status == 200
