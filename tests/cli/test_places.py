"""`art remote`, `push`, `pull`, `clone` over places that are not directories."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artcli.buckets.urls import open_bucket
from tests.cli.test_remote import Machines, log, machines, versions
from tests.kit.certificate import certificate
from tests.kit.command_line import Art
from tests.kit.s3 import credentials, s3
from tests.kit.s3_fake import Store, serving
from tests.kit.sshd import ssh
from tests.kit.web_server import Plain, serving_files
from tests.web.conftest import Serve, serve

__all__ = ["machines", "s3", "serve", "ssh"]


@pytest.fixture(params=["s3", "http", "ssh"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of what may become a place."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3")()) + "/team/art"
    (tmp_path / "served").mkdir()
    if request.param == "ssh":
        return str(request.getfixturevalue("ssh")(tmp_path / "served"))
    return str(request.getfixturevalue("serve")("served").url)


def join(url: str, *art: Art) -> None:
    for machine in art:
        done = machine("remote", "add", "cloud", url)
        assert (done.code, done.out) == (0, "cloud\n"), done.err


def test_versions_travel_by_every_way(machines: Machines, place: str, art: Art) -> None:
    car, laptop = machines.car, machines.laptop
    log(car, a=b"of the car" * 100)
    log(laptop, a=b"of the laptop" * 100)
    join(place + "/", car, laptop)
    assert "pushed to cloud: " in car("push").err
    pushed = laptop("push")
    assert pushed.err.splitlines()[-2] == "dataset:v0 is dataset:v1 now: somebody else's version came first"
    assert car("pull").code == 0
    shared = versions(car)
    assert sorted(shared.values()) == ["dataset:v0", "dataset:v1"]
    assert versions(laptop) == shared
    assert car("push").err.endswith("pushed to cloud: nothing new\n")
    assert art("clone", place, "copy").code == 0
    copy = Art(art.directory / "copy")
    assert versions(copy) == shared
    assert copy("verify", "dataset:v1").code == copy("fsck").code == 0
    assert copy("remote", "ls", "--json").json["items"][0]["url"] == place
    tried = copy("remote", "test", "origin", "--json").json
    assert (tried["safe"], tried["found"], tried["url"]) == (True, [], place)
    assert 0 < tried["latency"] < 5
    assert tried["down"] > 0
    assert (tried["scope"] is None) == (tried["up"] is not None) == place.startswith("s3")


def test_an_object_store_is_looked_into_and_mends(machines: Machines, s3: Callable[[], str]) -> None:
    car, url = machines.car, s3()
    join(url, car)
    for _ in range(2):
        log(car, a=os.urandom(5000))
        assert car("push").code == 0
    assert [car("-C", url, *words).code for words in (["fsck"], ["verify", "dataset:v0"], ["du"])] == [0, 0, 0]
    assert car("rm", "--yes", "dataset:v0").code == car("push").code == 0
    freed = car("-C", url, "gc", "--empty-trash", "--yes", "--readers", "0s", "--json").json_lines[-1]["freed"]
    assert freed > 5000
    assert car("-C", url, "fsck").code == car("pull").code == car("verify", "dataset:v1").code == 0
    for pack in (car.directory / ".art/packs").glob("*/*"):
        pack.unlink()
    assert car("fsck").code == 7
    assert car("fsck", "--repair", "--from", "cloud").code == 0
    assert car("fsck").code == car("verify", "dataset:v1").code == 0
    bucket = open_bucket(url)
    for item in [*bucket.list("packs/")]:
        bucket.delete(item.key)
    found = car("-C", url, "fsck", "--json")
    assert found.code == 7
    assert "missing-pack" in found.out


def test_a_rate_is_kept_both_ways(machines: Machines, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    join(serve("served").url, machines.car, machines.laptop)
    log(machines.car, a=os.urandom(600_000))
    assert ", about 6.0 s\n" in machines.car("push", "-n", "--limit-rate", "100KB/s").err
    for art, verb in ((machines.car, "push"), (machines.laptop, "pull")):
        began = time.monotonic()
        assert art(verb, "--limit-rate", "500KB/s").code == 0
        assert time.monotonic() - began > 1.0
        assert art(verb, "--limit-rate", "fast", "--json").error["code"] == "bad-size"
    log(machines.car, b=os.urandom(600_000))
    assert "about" not in machines.car("push", "-n").err, "how fast it is when nothing holds it back is not known yet"
    assert machines.laptop("verify", "dataset:v0").code == 0


def test_tokens_over_an_encrypted_line(
    machines: Machines, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate(tmp_path)
    (tmp_path / "served").mkdir()
    car, laptop = machines.car, machines.laptop
    tokens = {}
    for scope in ("read", "write"):
        made = car("token", "create", scope, "--scope", scope, "--at", tmp_path / "served", "--quiet")
        assert made.code == 0, made.err
        tokens[scope] = made.out.strip().encode()
    server = serve("served", "--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key)
    url = f"https://127.0.0.1:{server.address[1]}"

    def refused(art: Art, *words: str) -> str:
        result = art(*words, "--json")
        assert not any(token in result.raw_err for token in tokens.values())
        return str(result.error["code"])

    assert refused(car, "remote", "add", "cloud", url) == "bad-certificate"
    monkeypatch.setenv("ART_CA", str(cert))
    assert refused(car, "remote", "add", "cloud", url) == "login-needed"
    assert car("login", url, "--token-stdin", stdin=tokens["write"]).err.endswith(": write\n")
    log(car, a=b"a" * 5000)
    join(url, car)
    assert car("push").code == 0
    assert car("remote", "test", "cloud", "--field", "scope").out == "write\n"
    monkeypatch.setenv("ART_TOKEN", tokens["read"].decode())
    join(url, laptop)
    assert laptop("pull").code == laptop("use", "dataset:v0").code == 0
    log(laptop, b=b"b" * 5000)
    assert refused(laptop, "push") == "not-permitted"
    monkeypatch.delenv("ART_TOKEN")
    assert laptop("push").code == 0
    assert car("logout", url).code == 0
    assert refused(car, "pull") == "login-needed"


def test_a_plain_web_server_is_a_place_to_pull_from(machines: Machines, art: Art) -> None:
    machines.share()
    car = machines.car
    log(car, a=b"a" * 5000)
    assert car("push").code == 0
    with serving_files(machines.nas) as url:
        assert art("clone", url, "copy").code == 0
        copy = Art(art.directory / "copy")
        assert copy("verify", "dataset:v0").code == 0
        log(car, b=os.urandom(300_000))
        assert car("push").code == 0
        assert copy("pull").code == copy("verify", "dataset:v1").code == 0
        log(copy, c=b"c" * 5000)
        assert copy("push", "--json").error["code"] == "read-only-place"
        tried = copy("remote", "test", "origin", "--json").json
        assert (tried["safe"], tried["down"]) == (None, None)
    with serving_files(art.directory) as url:
        assert car("remote", "add", "x", url, "--json").error["code"] == "no-place"
    with serving_files(machines.nas, Plain) as url:
        assert art("clone", url, "other", "--json").error["code"] == "no-ranges"


def test_what_cannot_be_a_bucket(machines: Machines, s3: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    car = machines.car

    def refused(url: str) -> str:
        result = car("remote", "add", "x", url, "--json")
        assert "hunter2" not in result.err
        return str(result.error["code"])

    assert refused("s3://no-such-bucket/x") == "bucket-not-found"
    assert refused("s3://") == refused("s3://b/../x") == refused("s3://bucket/a//b") == "bad-url"
    assert refused("s3://key:hunter2@bucket/x") == refused("s3://bucket/x?token=hunter2") == "secret-in-url"
    assert refused("s3://hunter2@bucket") == "secret-in-url"
    assert refused("gopher://bucket") == "unknown-scheme"
    url = s3()
    assert car("clone", url, "copy", "--json").error["code"] == "no-place"
    assert not (car.directory / "copy").exists()
    join(url + "/one", car)
    assert refused(url) == "not-a-place"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("ART_PATIENCE", "1")
    assert refused(url) == "remote-unreachable"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert car("push", "--json").error["code"] == "no-credentials"
    assert car("remote", "ls").code == 0


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with serving() as store:
        for name, value in credentials(store.endpoint).items():
            monkeypatch.setenv(name, value)
        yield store


def test_a_place_that_lets_two_win_is_refused(machines: Machines, fake: Store) -> None:
    car = machines.car
    fake.conditions = False
    error = car("remote", "add", "cloud", "s3://bucket", "--json").error
    assert error["code"] == "unsafe-place"
    assert "a second writer of the same name is told that he has won" in error["facts"]
    assert fake.objects == {}
    assert car("remote", "add", "cloud", "s3://bucket", "--single-writer").code == 0
    log(car, a=b"a" * 5000)
    assert car("push").code == 0
    tried = car("remote", "test", "cloud")
    assert tried.code == 1
    assert tried.raw_out
    assert car("remote", "set-url", "cloud", "s3://elsewhere", "--json").error["code"] == "unsafe-place"
    assert car("remote", "set-url", "cloud", "s3://elsewhere", "--single-writer").code == 0


def test_a_remote_is_chosen_by_the_environment(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    car, laptop = machines.car, machines.laptop
    other = machines.nas.with_name("other")
    machines.share()
    assert car("remote", "add", "usb", str(other)).code == 0
    log(car, a=b"a" * 5000)
    monkeypatch.setenv("ART_REMOTE", "usb")
    assert car("push").out == "usb\n"
    monkeypatch.setenv("ART_REMOTE", str(machines.nas))
    assert car("push").out == "nas\n"
    assert car("push", "usb").out == car("push", f"file://{other}").out == "usb\n"
    monkeypatch.setenv("ART_REMOTE", f"file://{other}")
    first = laptop("pull")
    assert first.out == "origin\n", first.err
    assert [item["name"] for item in laptop("remote", "ls", "--json").json["items"]] == ["nas", "origin"]
    assert laptop("pull").out == "origin\n"
    monkeypatch.setenv("ART_REMOTE", "none")
    assert car("push", "--json").error["code"] == "no-such-remote"


def test_a_place_is_tried_again_by_another_version_of_art(
    machines: Machines, fake: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    car = machines.car
    join("s3://bucket", car)
    fake.conditions = False
    log(car, a=b"a" * 5000)
    assert car("push").code == 0
    log(car, b=b"b" * 5000)
    monkeypatch.setattr("artcli.flows.proven.__version__", "99")
    assert car("pull").code == 0
    assert car("push", "--json").error["code"] == "unsafe-place"
    fake.conditions = True
    assert car("push").code == 0


def test_another_place_at_the_same_address_is_noticed(machines: Machines, fake: Store) -> None:
    car, laptop = machines.car, machines.laptop
    join("s3://bucket", car)
    log(car, a=b"a" * 5000)
    assert car("push").code == 0
    fake.objects.clear()
    assert car("pull", "--json").error["code"] == "remote-rolled-back"
    join("s3://bucket", laptop)
    log(laptop, b=b"b" * 5000)
    assert laptop("push").code == 0
    for words in (["pull"], ["push"]):
        assert car(*words, "--json").error["code"] in ("damaged-log", "remote-rolled-back")
    assert car("remote", "set-url", "cloud", "s3://bucket/x", "--json").error["code"] == "no-place"


def test_who_may_only_read_can_pull(machines: Machines, fake: Store) -> None:
    car, laptop = machines.car, machines.laptop
    join("s3://bucket", car)
    log(car, a=b"a" * 5000)
    assert car("push").code == 0
    fake.read_only = True
    join("s3://bucket", laptop)
    assert laptop("pull").code == laptop("use", "dataset:v0").code == 0
    log(laptop, b=b"b" * 5000)
    assert laptop("push", "--json").error["code"] == "not-permitted"
    assert laptop("remote", "add", "x", "s3://empty/x", "--json").error["code"] == "not-permitted"


def test_a_place_of_which_the_library_is_missing(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    error = machines.car("remote", "add", "x", "s3://bucket", "--json").error
    assert error["code"] == "extra-missing"
    assert "pip install 'artcli[cloud]'" in str(error)
