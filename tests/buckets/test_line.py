"""What a server may say, and what a line may make of it."""

from __future__ import annotations

import json
import socketserver
import ssl
import struct
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from artcli.buckets import line as module
from artcli.buckets.bucket import Bucket, Missing, Piece
from artcli.buckets.http import HttpBucket, _split
from artcli.buckets.line import HttpLine
from artcli.buckets.retry import Passing, RetryingBucket
from artcli.buckets.static import WebBucket
from artcli.content import digest_of
from artcli.errors import ArtError, AuthError, ConflictError, IntegrityError, NetworkError, NotFoundError, SpaceError
from tests.kit.certificate import certificate
from tests.kit.scripted import answer, error, saying


def of(url: str, token: str | None = None) -> HttpBucket:
    return HttpBucket(HttpLine(url, token))


def patient(bucket: Bucket) -> RetryingBucket:
    return RetryingBucket(bucket, patience=5, sleep=lambda _: None)


@pytest.mark.parametrize(
    ("said", "kind", "slug"),
    [
        (error(401, "no-token"), AuthError, "login-needed"),
        (error(403, "small-scope"), AuthError, "not-permitted"),
        (error(404, "no-such-repository"), NotFoundError, "no-place"),
        (error(409, "conflict"), ConflictError, "remote-refused"),
        (error(413, "too-large"), ConflictError, "remote-refused"),
        (error(422, "wrong-digest"), Passing, "remote-refused"),
        (error(507, "quota"), SpaceError, "remote-full"),
        (error(500, "bug"), Passing, "remote-unreachable"),
        (error(429, "slowly", "Retry-After: 7"), Passing, "remote-unreachable"),
        (answer(302, b"", "Location: https://me:hunter2@other/x?t=hunter2"), ConflictError, "remote-refused"),
    ],
)
def test_answers_that_are_none(said: bytes, kind: type[ArtError], slug: str) -> None:
    with saying([said]) as server:
        bucket = of(server.url, "hunter2")
        for verb in (lambda: bucket.get("a"), lambda: bucket.add("a", b"x"), lambda: list(bucket.list(""))):
            with pytest.raises(kind) as raised:
                verb()
            assert raised.value.slug == slug
            assert "hunter2" not in raised.value.message
            if b"429" in said:
                assert raised.value.wait == 7  # type: ignore[attr-defined]
        assert b"Authorization: Bearer hunter2" in server.heard[0]
        assert b"Accept-Encoding: identity" in server.heard[0]


DATA = b"0123456789" * 50
TAG = f'ETag: "b3-{digest_of(DATA).hex()}"'
FLIPPED = DATA.replace(b"5", b"4", 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        answer(200, DATA[:100], "Connection: close", length=len(DATA)),
        answer(200, FLIPPED, TAG),
        answer(200, DATA[:100], TAG),
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n01234",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n-5\r\n01234",
        b"HTTP/1.1 200 X\r\nX: " + b"x" * 70_000 + b"\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: keep-al",
        b"HTTP/1.1 200 OK\r\nContent-Length: ",
        b"HTTP/1.1 404 Not Found\r\nContent-Le",
        answer(404, b'{"error": "no-such', "Connection: close", length=100),
        error(503, "later"),
    ],
)
def test_a_broken_answer_is_asked_for_again(broken: bytes) -> None:
    with saying([broken, broken, answer(200, DATA, TAG)]) as server:
        bucket = patient(of(server.url))
        assert bucket.get("a") == DATA
        assert len(server.heard) == 3


@pytest.mark.parametrize(
    "broken",
    [
        answer(206, DATA[5:9], f"Content-Range: bytes 5-9/{len(DATA)}"),
        answer(206, DATA[6:11], f"Content-Range: bytes 6-10/{len(DATA)}"),
        answer(206, DATA[5:10]),
    ],
)
def test_a_wrong_range_is_asked_for_again(broken: bytes) -> None:
    with saying([broken, answer(206, DATA[5:10], f"Content-Range: bytes 5-9/{len(DATA)}")]) as server:
        bucket = of(server.url)
        bucket._batches = False
        assert patient(bucket).get("a", 5, 5) == DATA[5:10]
        assert b"Range: bytes=5-9" in server.heard[0]


def test_a_piece_from_the_middle_comes_with_its_digest() -> None:
    broken = batched(b"56789").replace(b"56789", b"56780")
    with saying([answer(200, broken), answer(200, batched(b"56789")), answer(200, batched(None))]) as server:
        bucket = patient(of(server.url))
        assert bucket.get("a", 5, 5) == b"56789"
        with pytest.raises(Missing):
            bucket.get("a", 5, 5)
        assert {head.split()[1] for head in server.heard} == {b"/v1/batch"}


def test_more_than_was_asked_for_is_not_taken() -> None:
    with saying([answer(206, DATA, f"Content-Range: bytes 0-{len(DATA) - 1}/1000")]) as server:
        with pytest.raises(IntegrityError) as raised:
            of(server.url).get("a", 0, 10)
        assert raised.value.slug == "remote-refused"


def listing(*keys: str, next: object = None, size: float = 1) -> bytes:
    lines = b"".join(json.dumps({"key": key, "size": size, "mtime": 1.5}).encode() + b"\n" for key in keys)
    end = {"next": next, "count": len(keys), "b3": blake3(lines).hexdigest()}
    return lines + json.dumps(end).encode() + b"\n"


def test_a_listing_that_is_cut_or_changed() -> None:
    whole = listing("a/1", "a/2", next="a/2")
    broken = [whole[:-20], whole.replace(b"a/2", b"a/3", 1), whole.split(b"\n", 1)[1], b"", b"[]\n"]
    rest = listing("a/2", "../x", "a/3")
    with saying([*(answer(200, body) for body in broken), answer(200, whole), answer(200, rest)]) as server:
        assert [item.key for item in patient(of(server.url)).list("a/")] == ["a/1", "a/2", "a/3"]
        assert b"after=a%2F2" in server.heard[-1]
        assert len(server.heard) == len(broken) + 2


@pytest.mark.parametrize("said", [listing("a/1", next=7), listing(next=["a/1"]), listing("a/1", size=float("inf"))])
def test_a_listing_of_what_is_no_key_and_no_number(said: bytes) -> None:
    with saying([answer(200, said)]) as server, pytest.raises(Passing):
        list(of(server.url).list("a/"))


def test_a_listing_without_end() -> None:
    """A server that says forever that there is more, and lists what no place has."""
    evil = [
        "../../etc/passwd",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "a/\x1b[31m",
        "",
        *(f"~{number}" for number in range(5000)),
    ]
    pages = [listing(*evil, "a/1", next="a/1"), listing(next="a/1")]
    with saying([answer(200, body) for body in pages]) as server:
        items = of(server.url).list("a/")
        assert next(items).key == "a/1"
        with pytest.raises(Passing):
            next(items)
        assert len(server.heard) == 2


def batched(*pieces: bytes | None) -> bytes:
    parts = [struct.pack("<q", -1) + bytes(32) if data is None else
             struct.pack("<q", len(data)) + digest_of(data) + data for data in pieces]  # fmt: skip
    return b"".join(parts)


def test_a_batch_that_is_cut_or_changed() -> None:
    pieces = [Piece("a", 0, 3), Piece("b", 1, 5), Piece("c", 0, 4)]
    whole = batched(b"one", None, b"thre")
    broken = [whole[:-1], whole[:30], whole + b"x", whole.replace(b"one", b"oNe"), batched(b"onex", None, b"thr")]
    with saying([*(answer(200, body) for body in broken), answer(200, whole)]) as server:
        assert patient(of(server.url)).get_many(pieces) == [b"one", None, b"thre"]
        assert len(server.heard) == len(broken) + 1


def test_a_server_without_batches_is_asked_one_by_one() -> None:
    with saying([error(405, "bad-method"), answer(200, b"x")]) as server:
        bucket = patient(of(server.url))
        assert bucket.get_many([Piece("a", 0, 3), Piece("b", 0, 3)]) == [b"x", b"x"]
        assert bucket.get_many([Piece("a", 0, 3), Piece("b", 0, 3)]) == [b"x", b"x"]
        assert sum(b"POST" in head for head in server.heard) == 1


def test_batches_are_split() -> None:
    big, small = [Piece("a", 0, 40 << 20)] * 3, [Piece("a", 0, 1)] * 600
    split = list(_split(big)), list(_split(small))
    assert [[len(batch) for batch in batches] for batches in split] == [[1, 1, 1], [256, 256, 88]]


def stating(data: bytes) -> bytes:
    """The answer to HEAD."""
    return answer(200, b"", f'ETag: "b3-{digest_of(data).hex()}"', length=len(data))


def test_an_add_whose_answer_is_lost() -> None:
    with saying([b"", stating(b"mine")]) as server:
        assert patient(of(server.url)).add("log/0", b"mine") is True
        assert [head.split()[0] for head in server.heard] == [b"PUT", b"HEAD"]
    with saying([b"", answer(200, b"", length=4), answer(200, b"mine")]) as server:
        assert patient(of(server.url)).add("log/0", b"mine") is True
        assert [head.split()[0] for head in server.heard] == [b"PUT", b"HEAD", b"GET"]
    with saying([b"", stating(b"other")]) as server:
        assert patient(of(server.url)).add("log/0", b"mine") is False
    with saying([b"", answer(404), error(412, "name-taken"), stating(b"mine")]) as server:
        assert patient(of(server.url)).add("log/0", b"mine") is True
    with saying([error(422, "wrong-digest")]) as server:
        with pytest.raises(Passing) as raised:
            patient(of(server.url)).add("log/0", b"mine")
        assert (raised.value.slug, len(server.heard)) == ("remote-refused", 3)


def test_nobody_there() -> None:
    bucket = of("http://127.0.0.1:1")
    with pytest.raises(Passing) as raised:
        bucket.get("a")
    assert raised.value.connected is False
    assert "connection refused" in raised.value.message
    with pytest.raises(Passing):
        of("http://no-such-host.invalid").get("a")


def test_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL", 0.2)
    with saying([b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n01"]) as server, pytest.raises(Passing) as raised:
        of(server.url).get("a")
    assert "silent" in raised.value.message or "broke" in raised.value.message


def test_another_server_than_ours() -> None:
    with saying([answer(404, b"<h1>not found</h1>")]) as server:
        bucket = WebBucket(HttpLine(server.url))
        with pytest.raises(NotFoundError) as raised:
            bucket.get("config")
        assert raised.value.slug == "no-place"
        assert [head.split()[1] for head in server.heard] == [b"/v1/o/config", b"/config"]


def test_missing_is_no_failure() -> None:
    with saying([error(404, "no-such-object")]) as server:
        with pytest.raises(Missing):
            of(server.url).get("a")
        of(server.url).delete("a")


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with saying([answer(200, DATA)], context) as server:
        with pytest.raises(NetworkError) as raised:
            of(server.url, "hunter2").get("a")
        assert raised.value.slug == "bad-certificate"
        assert server.heard == []
        monkeypatch.setenv("ART_CA", str(cert))
        assert of(server.url).get("a") == DATA
        monkeypatch.setenv("ART_CA", str(tmp_path / "none"))
        with pytest.raises(NetworkError) as raised:
            of(server.url)
        assert raised.value.slug == "bad-certificate"


def test_a_server_that_speaks_no_tls_is_named() -> None:
    class Plain(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(10)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(NetworkError, match="is it http:// there") as raised:
            patient(of(f"https://127.0.0.1:{server.server_address[1]}")).get("a")
        server.shutdown()
    assert raised.value.slug == "remote-unreachable"


def test_a_proxy_is_used_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with saying([answer(200, DATA)]) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert of("http://far.example").get("a") == DATA
        assert server.heard[0].startswith(b"GET http://far.example/v1/o/a ")
        assert of(server.url).get("a") == DATA
        assert server.heard[1].startswith(b"GET /v1/o/a ")
