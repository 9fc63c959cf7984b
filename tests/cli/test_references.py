"""References on the command line: what is said, what a script gets, and with which exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.flows.references import source
from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.kit.trees import harvest
from tests.kit.web_source import WebSource, serving

__all__ = ["art"]


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSource]:
    monkeypatch.setattr(source, "PATIENCE", 0.2)
    with serving() as server:
        server.files.update({"/a.txt": b"alpha", "/b": b"beta"})
        yield server


@pytest.fixture
def far(art: Art, web: WebSource) -> Art:
    assert art("init").code == 0
    made = art("log-artifact", "far", "--ref", web.address("/a.txt"), "--ref", web.address("/b:sub/b"), "-q")
    assert (made.code, made.out) == (0, "far:v0\n")
    return art


def test_it_is_listed_with_its_address(far: Art, web: WebSource) -> None:
    listed = [line.split("\t") for line in far("ls", "far:v0", "-l", "-R").lines]
    assert [(row[0], row[1], row[3], row[4]) for row in listed] == [
        ("reference", "5", "a.txt", web.address("/a.txt")),
        ("reference", "4", "sub/b", web.address("/b")),
    ]
    assert far("show", "far:v0/a.txt", "--field", "target").out == web.address("/a.txt") + "\n"
    assert "reference" in far("show", "far:v0/a.txt").out


def test_it_is_brought(far: Art, web: WebSource) -> None:
    used = far("use", "far", "--root", "here")
    assert (used.code, used.out) == (0, f"{far.directory}/here\n")
    assert harvest(far.directory / "here") == {"a.txt": b"alpha", "sub/b": b"beta"}
    assert far("cat", "far/sub/b").raw_out == b"beta"
    assert far("cat", "far/a.txt", "--range", "1-2").raw_out == b"lp"
    assert far("get", "far/a.txt", "copy").code == 0
    assert (far.directory / "copy").read_bytes() == b"alpha"
    assert far("verify", "here").code == far("diff", "far:v0", "here", "--exit-code").code == 0
    assert far("export", "far", "-o", "far.tar").code == 0
    asked = len(web.asked)
    assert far("use", "far", "--root", "here").code == 0
    assert len(web.asked) == asked


def test_what_has_changed_is_named_and_no_script_goes_on(far: Art, web: WebSource) -> None:
    web.files["/a.txt"] = b"ALPHA"
    assert "wrote 1 of 2 files, 4 B" in far("use", "far", "--root", "there").err
    assert "far:v0  0 files, 0 B" in (looked := far("verify", "far")).err
    assert "all right; 2 files kept elsewhere not looked at" in looked.err
    used = far("use", "far", "--root", "here", "--json")
    assert (used.code, used.out, used.error["code"]) == (7, "", "source-changed")
    assert web.address("/a.txt") in used.error["message"]
    assert harvest(far.directory / "here") == {"sub/b": b"beta"}
    assert far("get", "far", "copy").code == 7
    assert far("cat", "far/a.txt").code == 7
    assert far("export", "far", "-o", "far.tar").code == 3
    web.files["/a.txt"] = b"alpha"
    assert far("use", "far", "--root", "here").code == 0


def test_what_nothing_here_can_bring(art: Art) -> None:
    assert art("init").code == 0
    (art.directory / "own").write_bytes(b"mine")
    assert art("log-artifact", "far", "own", "--ref", "tape://archive/x", "-q").out == "far:v0\n"
    used = art("use", "far", "--root", "here")
    assert (used.code, used.out) == (3, f"{art.directory}/here\n")
    assert "tape://" in used.err
    assert harvest(art.directory / "here") == {"own": b"mine"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--ref", "nothing"], 2),
        (["--ref", "file:///no/such/file"], 5),
        (["--ref", "file://{pool}", "--max-objects", "1"], 2),
        (["--ref", "file:///no/such/file", "--no-checksum"], 0),
        (["--ref", "file://{pool}:inside", "-n"], 0),
    ],
)
def test_what_is_asked_for(words: list[str], code: int, art: Art, tmp_path: Path) -> None:
    pool = tmp_path / "pool:1"
    pool.mkdir()
    (pool / "a").write_bytes(b"a")
    (pool / "b").write_bytes(b"b")
    assert art("init").code == 0
    assert art("log-artifact", "far", *(word.format(pool=pool) for word in words)).code == code


def test_a_colon_of_a_port_is_none_of_a_destination(art: Art, web: WebSource) -> None:
    assert art("init").code == 0
    assert art("log-artifact", "far", "--ref", web.address("/a.txt:x/y")).code == 0
    assert art("ls", "far:v0", "-R").lines == ["x/y"]
