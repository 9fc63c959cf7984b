"""`art remote`, `push`, `pull`, `clone` over places that are not directories."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cli.test_remote import Machines, log, machines, versions
from tests.kit.command_line import Art
from tests.kit.s3 import credentials, s3, stored
from tests.kit.s3_fake import Store, serving

__all__ = ["machines", "s3"]


def join(url: str, *art: Art) -> None:
    for machine in art:
        done = machine("remote", "add", "cloud", url)
        assert (done.code, done.out) == (0, "cloud\n"), done.err


def test_versions_travel_through_a_bucket(machines: Machines, s3: Callable[[], str], art: Art) -> None:
    url = s3() + "/team/art"
    car, laptop = machines.car, machines.laptop
    log(car, a=b"of the car" * 100)
    log(laptop, a=b"of the laptop" * 100)
    join(url + "/", car, laptop)
    assert car("push").err.startswith("pushed to cloud: ")
    pushed = laptop("push")
    assert pushed.err.splitlines()[0] == "dataset:v0 is dataset:v1 now: somebody else's version came first"
    assert car("pull").code == 0
    shared = versions(car)
    assert sorted(shared.values()) == ["dataset:v0", "dataset:v1"]
    assert versions(laptop) == shared
    assert car("push").err == "pushed to cloud: nothing new\n"
    assert art("clone", url, "copy").code == 0
    copy = Art(art.directory / "copy")
    assert versions(copy) == shared
    assert copy("verify", "dataset:v1").code == copy("fsck").code == 0
    assert copy("remote", "ls", "--json").json["items"][0]["url"] == url
    assert stored(url, "config") is not None


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
