"""`art status`: what became of the directories that hold versions."""

from __future__ import annotations

import os

import pytest

from tests.kit.command_line import Art
from tests.kit.trees import plant


@pytest.fixture
def repo(art: Art) -> Art:
    art("init")
    plant(art.directory / "data", {"a": b"a", "sub/b": b"b"})
    art("log-artifact", "dataset", "data")
    art("use", "dataset")
    return art


def test_copies(repo: Art) -> None:
    result = repo("status", "--exit-code")
    used = "artifacts/dataset:v0\tdataset:v0\tclean\t0\t2\n"
    assert (result.code, result.out, result.err) == (0, used + "data\tdataset:v0\tclean\t0\t2\n", "")
    (repo.directory / "data" / "a").write_bytes(b"edited")
    result = repo("status", "--exit-code")
    assert (result.code, result.out) == (1, used + "data\tdataset:v0\t1 modified\t0\t7\n")
    repo("log-artifact", "dataset", "data")
    (repo.directory / "artifacts" / "dataset:v0" / "a").write_bytes(b"changed")
    result = repo("status", "--exit-code")
    changed = "artifacts/dataset:v0\tdataset:v0\t1 modified\t1\t8\n"
    assert (result.code, result.out) == (1, changed + "data\tdataset:v1\tclean\t0\t7\n")
    item = repo("status", "--json").json["items"][0]
    assert (item["modified"], item["clean"], item["behind"], item["size"]) == (1, False, 1, 8)
    assert repo("status", "-q").out == "artifacts/dataset:v0\ndata\n"
    shown = repo.on_terminal("status", NO_COLOR="1")
    assert shown.lines[1].split() == ["artifacts/dataset:v0", "dataset:v0", "1", "modified", "1", "8", "B"]


def test_files(repo: Art) -> None:
    copy = repo.directory / "artifacts" / "dataset:v0"
    plant(copy, {"a": b"edited", "new": b""})
    expected = (
        "M\tartifacts/dataset:v0/a\tdataset:v0\t\n"
        "A\tartifacts/dataset:v0/new\tdataset:v0\t\n"
        "D\tartifacts/dataset:v0/sub/b\tdataset:v0\t\n"
    )
    for words in (["--files"], ["artifacts"], ["artifacts/dataset:v0"]):
        result = repo("status", *words)
        assert (result.code, result.out) == (0, expected)
        assert result.err.startswith("artifacts/dataset:v0  dataset:v0  1 added, 1 deleted, 1 modified\n")
        assert ("data  dataset:v0  clean\n" in result.err) is (words == ["--files"])
    assert repo("status", "artifacts/dataset:v0/a").out == expected.splitlines(keepends=True)[0]
    assert repo("-C", copy, "status", ".").out.startswith("M\ta\tdataset:v0\t\n")
    assert repo("status", "--files", "--json").json["schema"] == "art.changed-files/1"


def test_parts(repo: Art) -> None:
    repo("use", "dataset/sub", "--root", "one", "--only", "*")
    repo("use", "dataset", "--root", "one", "--only", "*.txt", "--only", "a")
    items = {item["path"]: item for item in repo("status", "--json").json["items"]}
    assert (items["one"]["whole"], items["one"]["parts"]) == (False, ["sub/*", "*.txt", "a"])
    assert (items["data"]["whole"], items["data"]["parts"]) == (True, [])
    assert repo("status", "one", "--exit-code").code == 0


def test_none(art: Art) -> None:
    art("init")
    result = art("status")
    assert (result.code, result.out, result.err) == (
        0,
        "",
        "no directory holds a version; art log-artifact and art use make one\n",
    )


def test_what_cannot_be_compared_is_said(repo: Art) -> None:
    os.mkfifo(repo.directory / "artifacts" / "dataset:v0" / "pipe")
    result = repo("status")
    assert "warning: not compared: " in result.err
    assert result.err.endswith("artifacts/dataset:v0/pipe: it is a FIFO\n")


@pytest.mark.parametrize(("word", "slug"), [("../elsewhere", "not-a-working-copy"), ("nix", "no-such-path")])
def test_mistakes(repo: Art, word: str, slug: str) -> None:
    (repo.directory.parent / "elsewhere").mkdir()
    result = repo("status", word)
    assert (result.code, result.out) == (5, "")
    assert "hint: " in result.err
    assert repo("status", word, "--json").error["code"] == slug
