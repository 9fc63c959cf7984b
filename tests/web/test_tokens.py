"""Who may do what: tokens, their scopes by kind of fact, their projects, their end."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft, make
from artcli.content import digest_of
from artcli.store.pack import DATA
from artcli.web.tokens import Tokens
from tests.catalog.kit import version_data
from tests.kit.command_line import Art
from tests.kit.strict_disk import StrictDisk
from tests.web.conftest import Serve
from tests.web.pushing import Client, fact
from tests.web.test_judged import indexed, packed, source

__all__ = ["source"]

VERSION = "0" * 32


def token(art: Art, *words: object) -> str:
    made = art("token", "create", *words)
    assert made.code == 0, made.err
    return made.lines[0]


@pytest.fixture
def client(serve: Serve, art: Art, source: Path) -> Client:
    """The repository serves itself; its client has a token that may write."""
    (art.directory / "served").mkdir()
    text = token(art, "car", "--scope", "write", "--at", "served")
    client = Client(serve(art.directory / "served"), source, text)
    assert client.push().status == 201
    return client


def test_a_token_is_shown_once_and_kept_as_its_hash(art: Art) -> None:
    art("init")
    text = token(art, "car", "--scope", "write", "--project", "jetracer", "--expires", "90d")
    file = art.directory / ".art" / "local" / "tokens.json"
    assert text.rpartition("_")[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = art("token", "ls", "--json").json["items"][0]
    assert text.startswith(f"art_{kept['id']}_")
    assert (kept["name"], kept["scope"], kept["project"]) == ("car", "write", "jetracer")
    assert 89 < (json.loads(file.read_text())["tokens"][0]["expires"] - time.time()) / 86400 < 91
    assert text not in art("token", "ls", "--json").out
    assert art("token", "create", "car", "--json").error["code"] == "token-exists"
    assert art("token", "create", "b", "--scope", "all", "--json").error["code"] == "bad-scope"
    assert art("token", "create", "b", "--expires", "2020-01-01", "--json").error["code"] == "bad-date"
    assert art("token", "revoke", "nobody", "--yes", "--json").error["code"] == "no-such-token"
    assert art("token", "revoke", kept["id"], "--yes").code == 0
    assert art("token", "ls").lines == []
    file.write_text("x")
    assert art("token", "ls", "--json").error["code"] == "damaged-tokens"


@pytest.mark.parametrize("form", [
    None, "", "Bearer", "Bearer ", "Bearer {short}", "Bearer {wrong}", "Bearer {text}x", "Basic {text}", "{text}",
    "Bearer {text} {text}", "Bearer {upper}", "Bearer {other}", "bearer\t{text}",
])  # fmt: skip
def test_what_is_no_token_that_holds(form: str | None, client: Client) -> None:
    text = client.token or ""
    other = text[:-1] + ("0" if text[-1] != "0" else "1")
    sent = form and form.format(text=text, short=text[:-1], wrong="x" * 40, upper=text.upper(), other=other)
    head = {} if sent is None else {"Authorization": sent}
    key, data, _ = packed(DATA, b"new")
    for method, path in [
        ("GET", "/v1/info"), ("GET", "/v1/o/config"), ("HEAD", "/v1/o/config"), ("GET", "/v1/list"),
        ("GET", f"/v1/info?token={text}"), ("GET", f"/v1/info?access_token={text}"), ("GET", "/metrics"),
        ("DELETE", f"/v1/o/{key}"),
    ]:  # fmt: skip
        answer = client.server(method, path, headers=head)
        assert answer.status == 401
        assert text not in answer.body.decode()
    write = {"If-None-Match": "*", "X-Art-B3": key[-64:], **head}
    assert client.server("PUT", f"/v1/o/{key}", data, write).status == 401
    assert client.server("POST", "/v1/batch", b"[]", head).status == 401
    assert client.server("GET", "/healthz").status == 204
    assert text not in client.server.log.read_text()


def test_what_is_revoked_or_has_ended_is_gone_at_once(serve: Serve, art: Art) -> None:
    art("init")
    texts = {name: token(art, name) for name in ("a", "b")}
    server = serve(art.directory)
    assert {server("GET", "/v1/info", token=text).status for text in texts.values()} == {200}
    art("token", "revoke", "a", "--yes")
    assert server("GET", "/v1/info", token=texts["a"]).status == 401
    assert server("GET", "/v1/info", token=texts["b"]).json["scope"] == "read"
    file = art.directory / ".art" / "local" / "tokens.json"
    document = json.loads(file.read_text())
    document["tokens"][0]["expires"] = time.time() - 1
    file.write_text(json.dumps(document))
    assert server("GET", "/v1/info", token=texts["b"]).status == 401
    art("token", "revoke", "b", "--yes")
    assert server("GET", "/v1/info").status == 401, "the last token is gone, and nothing is open for that"
    late = token(art, "c")
    assert server("GET", "/v1/info", token=late).status == 200
    file.write_text("x")
    refused = server("GET", "/v1/info", token=late)
    assert (refused.status, refused.slug) == (503, "damaged-tokens")
    assert "art/local" not in refused.body.decode()


def test_who_reads_does_not_write_and_who_writes_does_not_delete(client: Client, art: Art) -> None:
    reader = token(art, "reader", "--at", "served")
    key, data, _ = packed(DATA, b"more")
    assert client.server.put(key, data, reader).slug == "scope-too-small"
    assert client.commit([], token=reader).status == 403
    assert client.server.put(key, data, client.token).status == 201
    for text in (reader, client.token):
        assert client.server("DELETE", f"/v1/o/{key}", token=text).status == 403
    admin = token(art, "boss", "--scope", "admin", "--at", "served")
    assert client.server("DELETE", f"/v1/o/{key}", token=admin).status == 204
    for other in ("config", "log/0000000/0000000000", "segments/0000000000"):
        assert client.server("DELETE", f"/v1/o/{other}", token=admin).status == 405
    assert any(" car/" in line and "PUT /v1/o/packs" in line for line in client.server.lines)


def kinds(client: Client) -> dict[str, list[bytes]]:
    version = next(one.id for one in client.facts() if one.kind == "version")
    index = next(one for one in client.facts() if one.kind == "index").data["add"][0]
    return {
        "delete": [fact("delete", version=version)],
        "delete run": [fact("run", run="r", project="p", name="r"), fact("delete", run="r")],
        "purge": [fact("purge", version=version)],
        "protect": [fact("protect", version=version, alias="x", **{"from": False}, to=True)],
        "unprotect": [fact("protect", version=version, alias="x", **{"from": True}, to=False)],
        "rename": [fact("rename", project="uncategorized", **{"from": "data"}, to="other")],
        "keep_last": [fact("edit", project="uncategorized", name="data", field="keep_last", to=3)],
        "condemn": [fact("condemn", packs=["0" * 64])],
        "unknown": [fact("overturn", all=True)],
        "required": [_required()],
        "removal": [fact("index", add=[], remove=[index])],
    }


def _required() -> bytes:
    line = make(Draft("tag", {"version": VERSION, "tag": "x"}), "a", "b").line
    return line[:-1] + b',"required":"write"}'


KINDS = [
    "delete", "delete run", "purge", "protect", "unprotect", "rename", "keep_last", "condemn", "unknown", "required",
    "removal",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_away_needs_admin(kind: str, client: Client, art: Art) -> None:
    lines = kinds(client)[kind]
    head = client.head()
    refused = client.commit(lines)
    assert (refused.status, refused.slug) == (403, "scope-too-small")
    assert client.head() == head
    admin = token(art, "boss", "--scope", "admin", "--at", "served")
    assert client.commit(lines, token=admin).status == 201


def test_what_a_writer_may(client: Client) -> None:
    version = next(one.id for one in client.facts() if one.kind == "version")
    run = {"run": "abc", "project": "uncategorized", "name": "abc"}
    since = "2026-11-01T00:00:00.000Z"
    segment = {"run": "abc", "writer": "0" * 16, "n": 0, "resumes": 0, "since": since, "records": []}
    lines = [
        fact("alias", version=version, alias="best", **{"from": None}),
        fact("tag", version=version, tag="good"),
        fact("edit", version=version, field="note", to="x"),
        fact("edit", version=version, field="metadata", key="a", to=1),
        fact("run", **run), fact("resume", run="abc"), fact("segment", **segment),
        fact("input", run="abc", version=version, digest="0" * 64),
        fact("output", run="abc", version=version, digest="0" * 64),
        fact("finish", run="abc", outcome="finished", exit=0),
        fact("unalias", version=version, alias="best"), fact("untag", version=version, tag="good"),
    ]  # fmt: skip
    assert client.commit(lines).status == 201


def test_a_protected_alias_stays_where_it_is(client: Client, art: Art) -> None:
    first, second = (one.id for one in client.facts() if one.kind == "version")
    admin = token(art, "boss", "--scope", "admin", "--at", "served")
    protect = [
        fact("alias", version=first, alias="best", **{"from": None}),
        fact("protect", version=first, alias="best", **{"from": False}, to=True),
    ]
    assert client.commit(protect, token=admin).status == 201
    move = fact("alias", version=second, alias="best", **{"from": first})
    for line in (move, fact("unalias", version=first, alias="best")):
        refused = client.commit([line])
        assert (refused.status, refused.slug) == (403, "scope-too-small")
    assert client.commit([fact("alias", version=second, alias="best", **{"from": second})]).status == 201  # no effect
    assert client.commit([move], token=admin).status == 201


def test_a_token_of_a_project(client: Client, art: Art) -> None:
    bound = token(art, "bound", "--scope", "write", "--project", "boat", "--at", "served")
    version = next(one for one in client.facts() if one.kind == "version")
    ours = version_data(project="boat", name="b")
    ours.update({key: version.data[key] for key in ("page", "digest", "entries", "size", "new", "stored")})
    for lines in (
        [fact("tag", version=version.id, tag="x")],
        [fact("version", **version.data)],
        [fact("version", **{**ours, "project": "car"})],
        [fact("run", run="abc", project="car", name="abc")],
        [fact("segment", run="nobody", writer="w", n=0, records=[])],
        [fact("edit", project="uncategorized", name="data", field="note", to="x")],
        [fact("edit", project="boat", name="nothing", field="note", to="x")],
    ):
        refused = client.commit(lines, token=bound)
        assert (refused.status, refused.slug) == (403, "another-project")
    assert client.commit([fact("version", **ours), fact("run", run="x", project="boat", name="x")], bound).status == 201


def test_indexes_may_be_merged_by_a_writer(client: Client) -> None:
    one, two = packed(DATA, b"one" * 100), packed(DATA, b"two" * 100)
    parts = [indexed(list(table.rows())) for _, _, table in (one, two)]
    merged = indexed([*one[2].rows(), *two[2].rows()])
    for key, data in (one[:2], two[:2], *parts, merged):
        assert client.server.put(key, data, client.token).status == 201
    names = [key.rpartition("/")[2] for key, _ in (*parts, merged)]
    assert client.commit([fact("index", add=names[:2], remove=[])]).status == 201
    assert client.commit([fact("index", add=[], remove=names[:1])]).slug == "scope-too-small"
    assert client.commit([fact("index", add=names[2:], remove=names[:2])]).status == 201


def test_nobody_else_is_let_in_without_more(art: Art) -> None:
    art("init")
    for words in (
        ["--host", "0.0.0.0"],
        ["--host", "0.0.0.0", "--auth", "none"],
        ["--host", "0.0.0.0", "--auth", "none", "--i-know"],
    ):
        refused = art("serve", *words, "--port", 0, "--json")
        assert (refused.code, refused.error["code"]) == (2, "not-open")
    assert "art token create" in art("serve", "--host", "0.0.0.0").err
    token(art, "a")
    assert art("serve", "--host", "0.0.0.0", "--port", 0, "--json").error["code"] == "not-open"  # in the clear
    for words in (["--tls-cert", "x"], ["--auth", "maybe"], ["--quota", "much"], ["--verify", "not"],
                  ["--many", "--storage", "s3://x/y"]):  # fmt: skip
        assert art("serve", *words, "--port", 0, "--json").error["code"] == "bad-serve"


def test_with_a_file_of_tokens_nobody_is_let_in_without_one(serve: Serve, art: Art) -> None:
    """Also by a server that listens on this machine alone: a proxy may stand before it."""
    art("init")
    missing = art("serve", "--tokens", "no.json", "--port", 0, "--json").error
    assert (missing["code"], missing["hint"]) == ("no-such-path", "art token create NAME --tokens no.json")
    file = art.directory / "tokens.json"
    file.write_text("no json")
    assert art("serve", "--tokens", file, "--port", 0, "--json").error["code"] == "damaged-tokens"
    file.unlink()
    text = token(art, "a", "--tokens", str(file))
    server = serve(art.directory, "--tokens", file)
    assert [server("GET", "/v1/info", token=one).status for one in (text, "")] == [200, 401]
    file.unlink()
    assert server("GET", "/v1/info").status == 401


def test_a_certificate_that_is_none_is_named(art: Art) -> None:
    art("init")
    for name in ("cert.pem", "key.pem"):
        (art.directory / name).write_text("no PEM")
    refused = art("serve", "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--port", 0, "--json").error
    assert refused["code"] == "bad-serve"
    assert "cert.pem, key.pem" in refused["message"]


def test_everybody_is_let_in_who_wants_that(serve: Serve, art: Art) -> None:
    art("init")
    server = serve(art.directory, "--host", "0.0.0.0", "--auth", "none", "--i-know", "--insecure")
    server.url = server.url.replace("0.0.0.0", "127.0.0.1")
    assert server("GET", "/v1/info", headers={"Host": "anything"}).json["scope"] == "admin"


def test_a_push_that_takes_away_says_what_needs_admin_and_loses_nothing(serve: Serve, art: Art, tmp_path: Path) -> None:
    (art.directory / "data").write_bytes(b"one")
    (art.directory / "served").mkdir()
    texts = {scope: token(art, scope, "--scope", scope, "--at", "served") for scope in ("write", "admin")}
    server = serve(art.directory / "served")
    art("init", "--project", "car")
    art("log-artifact", "data", "data")
    art("login", server.url, "--token-stdin", stdin=texts["write"].encode())
    assert art("remote", "add", "origin", server.url).code == art("push", "origin").code == 0
    (art.directory / "data").write_bytes(b"two")
    art("log-artifact", "data", "data")
    for words, told in (
        (["rm", "data:v0", "--yes"], "delete of car/data:v0"),
        (["edit", "data", "--rename", "shots"], "rename of data"),
    ):
        assert art(*words).code == 0
        refused = art("push")
        assert refused.code == 4
        assert f"that is: {told}" in refused.err
        assert "art push NAME:VERSION" in refused.err
        if told.startswith("delete"):
            assert art("push", "data:v1").code == 0, "a version goes alone"
            art("login", server.url, "--token-stdin", stdin=texts["admin"].encode())
            assert art("push").code == 0
            art("login", server.url, "--token-stdin", stdin=texts["write"].encode())
    art("login", server.url, "--token-stdin", stdin=texts["admin"].encode())
    assert art("push").code == 0
    other = Art(tmp_path)
    assert other("clone", server.url, "copy").code == 0
    copy = Art(tmp_path / "copy")
    assert copy("get", "shots:v1", "got").code == 0
    assert copy("restore", "shots:v0", "--yes").code == 0, "it is in the trash there, too"


def test_a_token_in_the_clear_is_warned_of_once_a_command(serve: Serve, art: Art) -> None:
    art("init")
    (art.directory / "data").write_bytes(b"x")
    art("log-artifact", "data", "data")
    text = token(art, "a", "--scope", "write")
    server = serve(art.directory, "--host", "0.0.0.0", "--insecure")
    assert server.url.startswith("http://0.0.0.0:")
    here = server.url.replace("0.0.0.0", "127.0.0.1")
    assert "warning" not in art("login", here, "--token-stdin", stdin=text.encode()).err
    told = art("login", server.url, "--token-stdin", stdin=text.encode())
    assert told.code == 0
    assert f"warning: the token for {server.url} goes there unencrypted" in told.err
    assert text not in told.err
    for url, count in ((server.url, 1), (here, 0)):
        cloned = art("clone", url, f"copy{count}", "--full")
        assert cloned.code == 0
        assert cloned.err.count("goes there unencrypted") == count
    assert "unencrypted" not in art("-qq", "-C", server.url, "ls").err
    art("logout", server.url)
    assert "unencrypted" not in art("-C", server.url, "ls").err, "there is no token any more"


@pytest.mark.parametrize("head", [
    {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": ""},
    {"Origin": "null"},
])  # fmt: skip
def test_no_page_of_another_site_uses_an_open_server(head: dict[str, str], serve: Serve, art: Art) -> None:
    """A browser on this machine reaches it; a name that leads here (DNS rebinding) would make it that page's own."""
    art("init")
    server = serve(art.directory)
    assert server("GET", "/v1/info", headers=head).slug == "not-from-here"
    assert server("GET", "/v1/info", headers={"Host": f"localhost:{server.address[1]}"}).status == 200


def test_over_tls(serve: Serve, art: Art, tmp_path: Path) -> None:
    import ssl
    import urllib.request

    from artcli.web.certificates import write_certificate

    art("init")
    text = token(art, "a")
    certificate, key = write_certificate(tmp_path / "tls", ["localhost", "127.0.0.1"])
    server = serve(art.directory, "--tls-cert", certificate, "--tls-key", key)
    assert server.url.startswith("https://")
    context = ssl.create_default_context(cafile=certificate)
    request = urllib.request.Request(server.url + "/v1/o/config", headers={"Authorization": f"Bearer {text}"})
    with urllib.request.urlopen(request, context=context) as answer:
        assert digest_of(answer.read()).hex() in answer.headers["ETag"]


def test_a_token_that_was_revoked_stays_so_after_a_power_cut(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    tokens = Tokens(folder / "tokens.json")
    with StrictDisk(folder) as disk:
        _, text = tokens.create("car", "write", None, None)
        disk.cut(tmp_path / "made")
        tokens.revoke("car")
        disk.cut(tmp_path / "revoked")
    assert Tokens(tmp_path / "made" / "tokens.json").find(text) is not None
    assert Tokens(tmp_path / "revoked" / "tokens.json").find(text) is None
