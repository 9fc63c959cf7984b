"""A place that ssh reaches, through a real sshd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets import ssh as module
from artcli.buckets.http import HttpBucket
from artcli.buckets.line import Answer
from artcli.buckets.ssh import SshLine
from artcli.errors import ArtError, AuthError, NotFoundError, UsageError
from tests.buckets.test_http import reader
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.sshd import reachable, ssh

__all__ = ["ssh"]

Ssh = Callable[..., str]


class Below:
    """A line to what lies below `prefix`."""

    def __init__(self, line: SshLine, prefix: str) -> None:
        self.place = line.place
        self._line, self._prefix = line, prefix

    def request(self, method: str, path: str, **options: Any) -> Answer:
        return self._line.request(method, self._prefix + path, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ssh") / "it's a place"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def line(folder: Path) -> Iterator[SshLine]:
    with pytest.MonkeyPatch.context() as patch:
        yield SshLine(reachable(patch, folder, "tests.kit.doorway").replace(" ", "%20"))


class TestSsh(BucketSuite):
    LARGE = 32  # the server takes no more
    MANY = 60  # the listing is that of the server, see test_http

    @pytest.fixture
    def name(self, folder: Path) -> str:
        name = f"b{len(list(folder.iterdir()))}"
        (folder / name).mkdir()
        return name

    @pytest.fixture
    def bucket(self, line: SshLine, name: str) -> HttpBucket:
        return HttpBucket(Below(line, f"/{name}"))

    @pytest.fixture
    def raw(self, folder: Path, name: str) -> Raw:
        return reader(folder / name)


def refusal(url: str) -> ArtError:
    with pytest.raises(ArtError) as raised:
        HttpBucket(SshLine(url)).get("config")
    return raised.value


def test_what_goes_wrong_is_said_as_ssh_says_it(ssh: Ssh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = ssh(tmp_path / "nowhere")
    assert (type(error := refusal(url)), error.slug) == (NotFoundError, "no-place")
    assert error.message == f"{url}: there is no repository to serve at {tmp_path / 'nowhere'}"
    monkeypatch.setenv("ART_SSH_COMMAND", "no-such-art")
    error = refusal(url)
    assert error.slug == "no-art"
    assert "no-such-art" in error.message
    other = tmp_path / "key"
    module.subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    command = module.os.environ["ART_SSH"]
    monkeypatch.setenv("ART_SSH", f"{command.rpartition('-i ')[0]} -i {other}")
    assert type(refusal(url)) is AuthError
    monkeypatch.setenv("ART_SSH", "no-such-ssh")
    assert "no-such-ssh" in refusal(url).message
    monkeypatch.setenv("ART_SSH", command)
    error = refusal("ssh://127.0.0.1:1/x")
    assert error.slug == "remote-unreachable"
    assert "Connection refused" in error.message
    assert error.connected is False  # type: ignore[attr-defined]


def test_the_line_is_made_anew_where_it_broke(ssh: Ssh, tmp_path: Path) -> None:
    line = SshLine(ssh(tmp_path, "tests.kit.doorway"))
    (tmp_path / "b").mkdir()
    bucket = HttpBucket(Below(line, "/b"))
    assert bucket.add("a", b"x")
    process = line._connection._process
    assert process is not None
    process.kill()
    process.wait()
    assert bucket.get("a") == b"x"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://host/srv/art", ["host", "art serve --stdio /srv/art"]),
        ("ssh://me@host:2222/a%20b/", ["-p", "2222", "me@host", "art serve --stdio '/a b'"]),
        ("ssh://[::1]/~/art;x", ["::1", "art serve --stdio ~/'art;x'"]),
    ],
)
def test_what_is_started(url: str, words: list[str]) -> None:
    assert module.command(module.target(url), {}) == ["ssh", "-o", "BatchMode=yes", *words]


@pytest.mark.parametrize(
    "url", ["ssh://-oProxyCommand=x/y", "ssh://-l@host/x", "ssh://host", "ssh://host/", "ssh:///x", "ssh://h:x/y"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        module.target(url)
    assert raised.value.slug == "bad-url"
