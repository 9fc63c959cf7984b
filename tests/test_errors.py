"""Errors that belong to no module's own tests, each provoked as a user would meet it and known by its name."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence

import pytest

from artcli.catalog.facts import Draft
from artcli.catalog.manifest import REFERENCE, Entry, build
from artcli.catalog.repository import Repository
from artcli.content import digest_of
from tests.catalog.kit import version_data
from tests.cli.conftest import Probe, art, probe
from tests.kit.command_line import Art, terminal

__all__ = ["art", "probe"]


@pytest.fixture
def shelf(art: Art) -> Art:
    """`data:v0`, with one file that is a chunk and one that is not, and `data:v1`."""
    (art.directory / "data").mkdir()
    (art.directory / "data" / "a.bin").write_bytes(bytes(range(256)) * 8)
    assert art("init").code == art("log-artifact", "data", "data").code == 0
    (art.directory / "data" / "b").write_bytes(b"b\n")
    assert art("log-artifact", "data", "data").code == 0
    return art


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (["lss"], "unknown-command"),
        (["-C", "nowhere", "ls"], "no-such-directory"),
        (["log", "loss=0.1"], "log-is-history"),
        (["diff", "data:v0", "data:v1", "--stat", "--metadata"], "one-view"),
        (["use", "data:v0", "data:v1", "--root", "both"], "one-root"),
        (["rm", "data:v0"], "confirmation-needed"),
    ],
)
def test_commands_that_cannot_be_meant(words: Sequence[str], slug: str, shelf: Art) -> None:
    assert shelf(*words, "--json").error["code"] == slug


def test_a_topic_that_is_not_there(art: Art) -> None:
    from artcli.cli.commands.help import _page
    from artcli.errors import NotFoundError

    with pytest.raises(NotFoundError) as raised:
        _page(None, ["nonsense"])  # type: ignore[arg-type]
    assert raised.value.slug == "no-such-topic"
    assert art("help", "nonsense").code == 5


@pytest.mark.parametrize(
    ("failure", "slug"),
    [(RuntimeError("no idea"), "bug"), (OSError(errno.EHOSTDOWN, "Host is down"), "system-error")],
)
def test_what_nobody_thought_of(failure: Exception, slug: str, art: Art, probe: Probe) -> None:
    def fail() -> None:
        raise failure

    probe(fail)
    assert art("probe", "--json").error["code"] == slug


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (["edit", "data", "-F", "-"], "stdin-is-terminal"),
        (["config", "edit"], "editor-failed"),
    ],
)
def test_on_a_terminal(words: Sequence[str], slug: str, shelf: Art) -> None:
    assert code_of(shelf.on_terminal(*words, "--json", EDITOR="false").err) == slug


def test_bytes_do_not_go_to_a_terminal(shelf: Art) -> None:
    result = shelf.on_terminal("cat", "data:v0/a.bin")
    assert (result.code, result.out) == (2, "")
    assert "bytes are not written to a terminal" in result.err
    assert "terminal" in shelf("help", "bytes-to-terminal").out


def test_a_question_that_is_answered_with_no(shelf: Art) -> None:
    command = [sys.executable, "-m", "artcli", "rm", "data:v0", "--json"]
    result = terminal(command, shelf.directory, {**os.environ, "TERM": "dumb"}, answer=b"n\n")
    assert code_of(result.err) == "not-confirmed"
    assert shelf("ls", "data", "-q").lines == ["data:v1", "data:v0"]


def code_of(err: str) -> str:
    """The name of the error in the last line, which is a document."""
    return str(json.loads(err[err.index('{"') :].splitlines()[-1])["code"])


def test_a_version_whose_bytes_rot(shelf: Art) -> None:
    for pack in (shelf.directory / ".art" / "packs").glob("*/*"):
        if (data := pack.read_bytes()).endswith(b"artpackD"):
            pack.chmod(0o644)
            pack.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    result = shelf("verify", "data:v1", "--json")
    assert (result.code, result.error["code"]) == (7, "damaged-version")


def test_files_that_cannot_be_kept(shelf: Art) -> None:
    os.mkfifo(shelf.directory / "data" / "pipe")
    result = shelf("log-artifact", "data", "data", "--new-version", "--json")
    assert (result.code, result.error["code"]) == (3, "files-left-out")


def test_an_archive_without_what_lies_elsewhere(art: Art) -> None:
    repository, _ = Repository.init(art.directory)
    address = b'{"uri":"tape://archive/data.bin"}'
    with repository.store.writer() as writer:
        root = build(writer, [Entry(b"data.bin", REFERENCE, 0, digest_of(address), address)])
        added = writer.flush().add
    data = version_data("far", page=root.page.hex(), digest=root.content.hex(), entries=1, size=0)
    repository.commit(
        lambda _, make: [make(Draft("index", {"add": added, "remove": []})), make(Draft("version", data))]
    )
    repository.close()
    result = art("export", "far", "-o", "far.tar", "--json")
    assert (result.code, result.error["code"]) == (3, "references-left-out")
