"""Servers that keep nothing of their own, side by side over one bucket of an object store."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from artcli.catalog.log import encode, entry_key
from artcli.content import digest_of
from artcli.store.pack import DATA
from tests.kit.command_line import Art
from tests.kit.s3 import free_port, s3
from tests.web.conftest import Serve
from tests.web.pushing import Client, fact
from tests.web.test_judged import indexed, packed, source

__all__ = ["s3", "source"]


def test_two_servers_over_one_bucket(serve: Serve, s3: Callable[[], str], source: Path, art: Art) -> None:
    url = s3() + "/team"
    one, two = serve("--storage", url), serve("--storage", url)
    assert one("GET", "/v1/info").json["place"] == two("GET", "/v1/info").json["place"]
    assert Client(one, source).push().status == 201
    there = Client(two, source)
    assert there.head()[0] == 0
    for key, data in there.objects("packs") + there.objects("index"):
        assert two.get(key).body == data
        assert two.put(key, data).status == 200
    part = two.get(there.objects("packs")[0][0], Range="bytes=5-9")
    assert (part.status, part.body) == (206, there.objects("packs")[0][1][5:10])
    assert two.get("config", Range="bytes=99999-100000").status == 416
    assert two("HEAD", "/v1/o/config").headers["content-length"] == str(len(one.get("config").body))
    assert two.get(entry_key(7)).status == 404
    # what one has judged, the other counts on; what neither has is refused by both
    version = next(fact for fact in there.facts() if fact.kind == "version")
    assert there.commit([fact("version", **version.data)]).status == 201
    assert Client(one, source).commit([fact("version", **{**version.data, "page": "0" * 64})]).slug == "not-connected"
    assert two("GET", "/files/uncategorized/data:v1/0.bin").body == one("GET", "/files/uncategorized/data/0.bin").body
    assert two("PUT", "/files/uncategorized/data/new?base=latest", b"n" * 3000).json["version"] == "data:v3"
    assert one("GET", "/files/uncategorized/data:v3/new").body == b"n" * 3000
    pieces = [{"key": "config", "start": 0, "length": 5}, {"key": "index/" + "0" * 64, "length": 9}, {"key": "config"}]
    body = two("POST", "/v1/batch", json.dumps(pieces).encode()).body
    config = one.get("config").body
    whole = struct.pack("<q", len(config)) + digest_of(config) + config
    missing = struct.pack("<q", -1) + bytes(32)
    assert body == struct.pack("<q", 5) + digest_of(config[:5]) + config[:5] + missing + whole


def test_of_two_that_commit_at_once_one_wins(serve: Serve, s3: Callable[[], str], source: Path) -> None:
    """Each number once, whichever server is asked; nothing is lost."""
    url = s3() + "/team"
    clients = [Client(serve("--storage", url), source) for _ in range(2)]
    won: list[str] = []

    def write(writer: int) -> None:
        client = clients[writer % 2]
        for number in range(5):
            line = fact("tag", version="0" * 32, tag=f"{writer}-{number}")
            while True:
                n, digest = client.head()
                data = encode(n + 1, digest, client.place, [line])
                status = client.server.put(entry_key(n + 1), data).status
                if status == 201:
                    won.append(f"{writer}-{number}")
                    break
                assert status in (412, 422)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n, _ = clients[0].head()
    assert n == 19
    entries = [clients[1].server.get(entry_key(n)).body for n in range(20)]
    tags = [json.loads(entry.splitlines()[1])["data"]["tag"] for entry in entries]
    assert sorted(tags) == sorted(won)
    assert len(set(tags)) == 20


def test_what_lies_is_refused_over_a_bucket_too(serve: Serve, s3: Callable[[], str]) -> None:
    server = serve("--storage", s3())
    key, data, table = packed(DATA, *(n.to_bytes(2, "big") * 1000 for n in range(3000)))
    assert server.put(*indexed(list(table.rows()))).slug == "missing-pack"
    assert server.put(key, data[:-1], **{"X-Art-B3": key[-64:]}).slug == "wrong-digest"
    assert server.put(key, data).status == 201
    rows = list(table.rows())
    assert server.put(*indexed([*rows, rows[0]._replace(digest=bytes(32))])).slug == "damaged-index"
    assert server.put(*indexed(rows)).status == 201
    assert server("DELETE", f"/v1/o/{key}").status == 204
    assert server.get(key).status == 404


def test_tokens_of_a_server_without_a_folder(serve: Serve, s3: Callable[[], str], art: Art) -> None:
    made = art("token", "create", "car", "--scope", "write", "--tokens", "tokens.json")
    server = serve("--storage", s3(), "--tokens", art.directory / "tokens.json")
    assert server("GET", "/v1/info").status == 401
    assert server("GET", "/v1/info", token=made.lines[0]).json["scope"] == "write"
    assert art("token", "revoke", "car", "--yes", "--tokens", "tokens.json").code == 0
    assert server("GET", "/v1/info", token=made.lines[0]).status == 401


def test_a_store_that_is_not_there_is_said(s3: Callable[[], str], art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    refused = art("serve", "--storage", "s3://nothing/here", "--port", 0, "--json")
    assert (refused.code, refused.error["code"]) == (8, "remote-unreachable")
