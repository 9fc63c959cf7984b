"""`art -C URL`: another place, looked into without a repository of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.cli.commands import COMMANDS, THROUGH_A_URL
from tests.cli.test_remote import Machines, log, machines
from tests.kit.command_line import Art

__all__ = ["machines"]


@pytest.fixture
def url(machines: Machines, art: Art, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place with dataset:v0 and v1; nobody who looks at it has a repository."""
    monkeypatch.setenv("ART_CACHE_DIR", str(art.directory / "cache"))
    machines.share()
    log(machines.car, a=b"a" * 5000)
    log(machines.car, b=b"bytes of b")
    assert machines.car("tag", "dataset:v0", "good").code == 0
    assert machines.car("push").code == 0
    return machines.nas.as_uri()


def test_what_is_there_is_shown(url: str, art: Art) -> None:
    assert art("-C", url, "ls", "-q").out == "dataset\n"
    assert art("-C", url, "ls", "dataset", "-q").lines == ["dataset:v1", "dataset:v0"]
    assert art("-C", url, "ls", "dataset:v1").lines == ["a", "b"]
    assert art("-C", url, "cat", "dataset/b").raw_out == b"bytes of b"
    assert art("-C", url, "show", "dataset:v1", "--field", "ref").out == "dataset:v1\n"
    assert len(art("-C", url, "log", "--json").json["items"]) == 3
    assert [item["new"] for item in art("-C", url, "audit", "--json").json["items"]] == ["good"]
    assert art("-C", url, "audit", "--verify").code == 0
    assert art("-C", url, "verify", "dataset:v1").code == 0
    assert not (art.directory / ".art").exists()


def test_what_comes_later_is_seen_later(url: str, art: Art, machines: Machines) -> None:
    assert art("-C", url, "ls", "dataset", "-q").lines == ["dataset:v1", "dataset:v0"]
    log(machines.car, c=b"c")
    machines.car("push")
    assert len(art("-C", url, "ls", "dataset", "-q").lines) == 3
    (kept,) = (art.directory / "cache" / "places").iterdir()
    assert (kept / "mirrors").is_dir()


def test_a_directory_that_is_a_place_is_as_good(url: str, art: Art, machines: Machines) -> None:
    assert art("-C", machines.nas, "ls", "-q").out == "dataset\n"
    assert art("-C", art.directory, "-C", "nas", "ls", "-q").out == "dataset\n"


def test_a_working_repository_is_one_by_either_name(url: str, art: Art, machines: Machines) -> None:
    there = machines.car.directory
    for word in (str(there), there.as_uri()):
        assert art("-C", word, "tag", "dataset:v0", "seen").code == 0


def test_what_cannot_work_there_says_so(url: str, art: Art) -> None:
    words = {"run": ["run", "--", "true"], "config": ["config", "list"], "remote": ["remote", "ls"]}
    for command in sorted(set(COMMANDS) - THROUGH_A_URL):
        told = art("-C", url, *words.get(command, [command, "dataset"]), "--json")
        assert (told.code, told.out) == (2, ""), command
    assert "possible: audit, cat, du, fsck, gc, get, help, log, ls, show, verify\n" in art("-C", url, "why", "x").err


def test_the_word_for_it(url: str, art: Art) -> None:
    assert art("-C", url, "tag", "dataset:v0", "x", "--json").error["code"] == "only-a-view"
    assert art("-C", url, "-C", "more", "ls", "--json").error["code"] == "bad-usage"
    assert art("-C", "gopher://x", "ls", "--json").error["code"] == "unknown-scheme"
    assert art("-C", "file:///nowhere", "ls", "--json").code == 5


def test_a_place_that_was_rolled_back_is_said_so(url: str, art: Art, machines: Machines) -> None:
    assert art("-C", url, "ls").code == 0
    newest = max(path for path in (machines.nas / "log").rglob("*") if path.is_file())
    os.unlink(newest)
    told = art("-C", url, "ls", "--json")
    assert (told.code, told.error["code"]) == (6, "remote-rolled-back")
    assert str(art.directory / "cache") in told.err


def test_a_view_writes_nothing(url: str, art: Art, machines: Machines, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in machines.nas.rglob("*") if path.is_file())
    for command in (["ls"], ["show", "dataset"], ["verify", "dataset"], ["log"], ["audit"], ["cat", "dataset/b"]):
        assert art("-C", url, *command).code == 0, command
    assert sorted((path, path.stat().st_mtime_ns) for path in machines.nas.rglob("*") if path.is_file()) == before


def test_gc_condemns_and_deletes_later(url: str, art: Art, machines: Machines) -> None:
    assert machines.car("rm", "dataset:v1", "--yes").code == 0
    assert machines.car("push").code == 0
    packs = {path for path in (machines.nas / "packs").rglob("*") if path.is_file()}
    planned = art("-C", url, "gc", "--empty-trash", "-n", "--json").json_lines[-1]
    assert (planned["freed"], planned["dry_run"]) == (0, True)
    done = art("-C", url, "gc", "--empty-trash", "--yes")
    assert done.code == 0
    assert done.out == "0\n"
    assert "condemned" in done.err
    assert packs <= {path for path in (machines.nas / "packs").rglob("*") if path.is_file()}
    freed = art("-C", url, "gc", "--readers", "0s")
    assert int(freed.out) > 0
    assert "deleted" in freed.err
    assert packs - {path for path in (machines.nas / "packs").rglob("*") if path.is_file()}
    assert art("-C", url, "verify", "dataset:v0").code == 0
    assert machines.laptop("pull").code == 0
    assert machines.car("gc", "--readers", "1d", "--json").error["code"] == "bad-usage"


def test_fsck_of_a_place(url: str, art: Art, machines: Machines) -> None:
    sound = art("-C", url, "fsck", "--full")
    assert sound.code == 0
    assert "2 versions" in sound.err
    assert art("-C", url, "fsck", "--repair", "--json").error["code"] == "only-a-view"
    for pack in (machines.nas / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    damaged = art("-C", url, "fsck", "--json")
    assert (damaged.code, damaged.error["code"]) == (7, "repository-damaged")
    assert {item["code"] for item in damaged.json_lines if item["message_type"] == "problem"} == {"missing-pack"}


@pytest.mark.parametrize("word", ["nas", "url"])
def test_a_repository_is_repaired_from_a_remote(word: str, url: str, machines: Machines) -> None:
    for pack in (machines.car.directory / ".art/packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    assert machines.car("fsck").code == 7
    assert machines.car("fsck", "--repair", "--from", url if word == "url" else word).code == 0
    assert machines.car("verify", "dataset:v1").code == 0
    assert machines.car("fsck", "--repair", "--from", "/nowhere").code == 0, "nothing is damaged, so nobody is asked"


# --- copies


def test_a_version_is_copied_from_there(url: str, art: Art, machines: Machines) -> None:
    made = art("-C", url, "get", "dataset:v1", "data")
    assert (made.code, made.lines) == (0, [str(art.directory / "data")])
    assert {path.name: path.read_bytes() for path in (art.directory / "data").iterdir()} == {
        "a": b"a" * 5000,
        "b": b"bytes of b",
    }
    assert art("-C", url, "get", "dataset:v0/a", "one").code == 0
    assert (art.directory / "one").read_bytes() == b"a" * 5000
    assert art("-C", url, "get", "dataset:v1", "some", "--only", "b").code == 0
    assert os.listdir(art.directory / "some") == ["b"]
    assert not (art.directory / ".art").exists()


def test_what_is_in_the_way_of_a_copy_stays(url: str, art: Art) -> None:
    (art.directory / "data").mkdir()
    (art.directory / "data" / "mine").write_bytes(b"of the user's")
    assert art("-C", url, "get", "dataset:v1", "data", "--json").error["code"] == "destination-not-empty"
    for option in ("--overwrite", "--sync"):
        assert art("-C", url, "get", "dataset:v1", "data", option, "--json").error["code"] == "only-a-view"
    assert [path.read_bytes() for path in (art.directory / "data").iterdir()] == [b"of the user's"]


def test_a_copy_from_there_is_recorded_in_no_run(url: str, art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    assert art("-C", url, "get", "dataset:v1", "data", "--run", "x", "--json").error["code"] == "only-a-view"
    monkeypatch.setenv("ART_RUN_ID", "x")
    made = art("-C", url, "get", "dataset:v1", "data")
    assert made.code == 0
    assert "not recorded in run 'x'" in made.err
