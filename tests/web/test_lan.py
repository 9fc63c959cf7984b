"""A server that announces itself, and a machine that finds it and speaks to no other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets import lan
from artcli.errors import ArtError, NetworkError, UsageError
from artcli.web import announce
from artcli.web.announce import name_of_machine
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.kit import Server

PIN = "ab" * 32

pytest.importorskip("zeroconf")
pytest.importorskip("cryptography")


@pytest.fixture(autouse=True)
def other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks has an address of its own: of two sockets at one, chance decides which of them hears an answer."""
    monkeypatch.setenv(lan.INTERFACE, "127.0.0.2")


@contextmanager
def announced(*what: Any) -> Iterator[None]:
    """As `announce.announced`, at the address that servers have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(lan.INTERFACE, "127.0.0.1")
        block = announce.announced(*what)
        block.__enter__()
    try:
        yield
    finally:
        block.__exit__(None, None, None)


def join_line(server: Server) -> str:
    for _ in range(100):
        lines = [line for line in server.lines if "art remote add" in line]
        if lines:
            return lines[0]
        time.sleep(0.05)
    raise AssertionError(server.lines)


def test_it_is_found_by_name_and_pinned(serve: Serve, art: Art, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    server = serve("place", "--lan", "--host", "127.0.0.1", **{lan.INTERFACE: "127.0.0.1"})
    assert server.url.startswith("https://127.0.0.1:")
    name = name_of_machine()
    line = join_line(server)
    pin = line.rpartition("/")[2]
    assert line.endswith(f"art remote add {name} art+lan://{name}/{pin}")
    art("init")
    (art.directory / "f").write_bytes(b"f" * 5000)
    assert art("log-artifact", "data", "f").code == 0
    assert art("remote", "add", "car", f"art+lan://{name}").code == 0
    assert art("remote", "ls", "--json").json["items"][0]["url"] == f"art+lan://{name}/{pin}"
    assert art("push").code == 0
    assert art("clone", f"art+lan://{name}/{pin}", "../other").code == 0
    server.stop()
    shutil.rmtree(tmp_path / "place" / "local" / "tls")
    other = serve("place", "--lan", "--host", "127.0.0.1", **{lan.INTERFACE: "127.0.0.1"})
    assert pin not in join_line(other)
    refused = art("pull", "--json")
    assert (refused.code, refused.error["code"]) == (8, "bad-certificate")
    assert art("remote", "set-url", "car", f"art+lan://{name}").code == 0
    assert art("pull").code == 0


def test_a_token_is_kept_for_it(serve: Serve, art: Art, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    secret = art("token", "create", "car", "--scope", "write", "--at", "../place").out.encode()
    server = serve("place", "--lan", "--host", "127.0.0.1", **{lan.INTERFACE: "127.0.0.1"})
    pinned = join_line(server).rpartition(" ")[2]
    art("init")
    refused = art("remote", "add", "car", pinned)
    assert (refused.code, refused.lines) == (4, [])
    assert f"art login {pinned} --token-stdin" in refused.err
    assert art("login", pinned.rpartition("/")[0], "--token-stdin", stdin=secret).lines == [pinned]
    assert art("remote", "add", "car", pinned).code == art("fetch").code == 0
    assert art("whoami", pinned, "--field", "scope").out == "write\n"
    assert art("logout", pinned).lines == [pinned]
    assert art("fetch").code == 4


def test_who_announces_a_pin_must_have_the_key(serve: Serve, art: Art, tmp_path: Path) -> None:
    """Another server says that it is the car, with the car's fingerprint; its certificate is its own."""
    from artcli.web.certificates import fingerprint, write_certificate

    (tmp_path / "place").mkdir()
    certificate, key = write_certificate(tmp_path / "tls", ["evil"])
    server = serve("place", "--tls-cert", certificate, "--tls-key", key)
    pin = fingerprint(write_certificate(tmp_path / "real", ["car"])[0])
    art("init")
    with announced("real-car", "127.0.0.1", server.address[1], pin):
        refused = art("remote", "add", "car", f"art+lan://real-car/{pin}", "--json")
        assert (refused.code, refused.error["code"]) == (8, "bad-certificate")
        with pytest.raises(ArtError) as raised, announce.announced("real-car", "127.0.0.1", 1, PIN):
            pass
        assert raised.value.slug == "cannot-announce"
    assert not any("PUT" in line for line in server.lines)


def test_names_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = lan.SECONDS
    monkeypatch.setattr(lan, "SECONDS", 0.3)
    for url, kind, slug in [
        ("art+lan://nobody", NetworkError, "remote-unreachable"),
        ("art+lan://", UsageError, "bad-url"),
        ("art+lan://a b", UsageError, "bad-url"),
        ("art+lan://car:80", UsageError, "bad-url"),
        ("art+lan://car/../x", UsageError, "bad-url"),
    ]:
        with pytest.raises(kind) as raised:
            lan.resolve(url)
        assert raised.value.slug == slug
    monkeypatch.setattr(lan, "SECONDS", seconds)
    with announced("gone-car", "127.0.0.1", 1, PIN), pytest.raises(NetworkError) as raised_:
        lan.resolve("art+lan://gone-car")
    assert "cannot be connected to" in raised_.value.message
    with announced("gone-car", "127.0.0.1", 1, PIN), pytest.raises(NetworkError) as raised_:
        lan.resolve(f"art+lan://gone-car/{'cd' * 32}")
    assert raised_.value.slug == "bad-certificate"
    assert str(lan.parse(f"art+lan://Car/{PIN}/team")) == f"art+lan://car/{PIN}/team"


def test_others_than_this_machine_need_tokens_there_too(art: Art) -> None:
    art("init")
    assert art("serve", "--lan", "--port", 0, "--json").error["code"] == "not-open"
