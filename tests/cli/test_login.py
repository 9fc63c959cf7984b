"""`art login`, `logout`, `whoami`: needed for a server alone, and never a word of a token."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.kit.scripted import Scripted, answer, error, saying

TOKEN = b"hunter2-and-more\n"


@pytest.mark.parametrize("words", [[], ["0123456789abcdef"]])
def test_no_login_is_needed(art: Art, words: list[str]) -> None:
    result = art("login", *words)
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("no login is needed: ")
    assert "0123" not in result.err
    assert art("login", *words, "-q").err == ""


def test_remotes_are_named(art: Art) -> None:
    assert art("init").code == art("remote", "add", "nas", "../nas").code == 0
    assert f"remote 'nas' is at {art.directory.parent / 'nas'}" in art("login").err


def info(**more: object) -> bytes:
    return answer(200, json.dumps({"api": 1, "art": "9.9", "scope": "write", **more}).encode())


@pytest.fixture
def server() -> Iterator[Scripted]:
    with saying([info()]) as found:
        yield found


def kept(art: Art) -> Path:
    return art.directory.parent / "credentials.toml"


def test_a_token_is_kept_and_sent_and_never_shown(art: Art, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{server.url}/team"
    result = art("login", url + "/", "--token-stdin", stdin=TOKEN)
    assert (result.code, result.out, result.err) == (0, f"{url}\n", f"logged in to {url}: write\n")
    assert kept(art).stat().st_mode & 0o777 == 0o600
    assert TOKEN.strip() in kept(art).read_bytes()
    assert b"Authorization: Bearer hunter2-and-more" in server.heard[-1]
    asked = art("whoami", url, "--json").json
    assert (asked["actor"], asked["logins"], asked["scope"]) == ("tester", [url], "write")
    assert b"Authorization: Bearer hunter2-and-more" in server.heard[-1]
    assert art("whoami", f"{url}/below", "-v").code == 0
    assert b"hunter2" in server.heard[-1]
    assert art("whoami", f"{server.url}/teammate").code == 0
    assert b"hunter2" not in server.heard[-1]
    monkeypatch.setenv("ART_TOKEN", "from-the-environment")
    art("whoami", url)
    assert b"Bearer from-the-environment" in server.heard[-1]
    everything = [art("whoami"), art("config", "list"), art("login", url, "--debug"), art("whoami", url, "--debug")]
    assert not any(b"hunter2" in said.raw_out + said.raw_err for said in everything)


def test_a_token_that_the_server_does_not_take_is_not_kept(art: Art) -> None:
    with saying([error(401, "no-token")]) as server:
        result = art("login", server.url, "--token-stdin", "--json", stdin=TOKEN)
        assert (result.code, result.error["code"]) == (4, "login-needed")
        assert b"hunter2" not in result.raw_err
        assert not kept(art).exists()
    with saying([error(404, "no-such-path")]) as server:
        above = art("login", server.url, "--token-stdin", stdin=TOKEN)
        assert (above.code, above.out) == (0, f"{server.url}\n")
        assert "nobody has tried the token" in above.err
        assert art("whoami", server.url, "--field", "scope").out.strip() in ("", "null")


def test_a_token_is_forgotten(art: Art, server: Scripted) -> None:
    urls = [f"{server.url}/{name}" for name in "ab"]
    for url in urls:
        assert art("login", url, "--token-stdin", stdin=TOKEN).code == 0
    assert art("logout", urls[0]).lines == urls[:1]
    assert art("logout", urls[0], "--json").error["code"] == "no-login"
    assert art("logout").code == 2
    assert art("logout", "--all").lines == urls[1:]
    assert TOKEN.strip() not in kept(art).read_bytes()
    assert art("whoami", "--json").json["logins"] == []


@pytest.mark.parametrize(
    ("words", "stdin", "slug"),
    [
        (["http://127.0.0.1:1"], b"", "token-expected"),
        (["http://127.0.0.1:1", "--token-stdin"], b"", "bad-token"),
        (["http://127.0.0.1:1", "--token-stdin"], b"two words", "bad-token"),
        (["http://127.0.0.1:1", "--token-stdin"], TOKEN, "remote-unreachable"),
        (["http://me:hunter2@127.0.0.1:1", "--token-stdin"], TOKEN, "secret-in-url"),
        (["s3://bucket", "--token-stdin"], TOKEN, "no-server"),
        (["http://host:port", "--token-stdin"], TOKEN, "bad-url"),
        (["http://[::1", "--token-stdin"], TOKEN, "bad-url"),
    ],
)
def test_logins_that_cannot_be(words: list[str], stdin: bytes, slug: str, art: Art) -> None:
    result = art("login", *words, "--json", stdin=stdin)
    assert result.error["code"] == slug
    assert b"hunter2" not in result.raw_err
    assert not kept(art).exists()


def test_a_token_is_asked_for_on_a_terminal(art: Art) -> None:
    result = art.on_terminal("login", "http://127.0.0.1:1", "--no-input", "--json")
    assert "token-expected" in result.err


def test_files_of_tokens_that_are_no_toml(art: Art) -> None:
    kept(art).write_text("no toml at all")
    os.chmod(kept(art), 0o600)
    assert art("whoami", "--json").error["code"] == "bad-config"
