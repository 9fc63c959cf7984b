from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.errors import UsageError
from artcli.files import ignore
from artcli.files.ignore import Rules
from artcli.files.seen import DIRECTORY, Unreadable
from artcli.files.walk import Scan

from .conftest import Clock
from .trees import Tree, source, whole


def fill(data: Path, *names: str) -> None:
    for name in names:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    fill(path, "a.txt", "b.tmp", "sub/c.tmp", "sub/keep.tmp", "sub/deep/d.txt", "logs/1.log", "logs/2.txt")
    return path


def paths(data: Path, **rules: tuple[str, ...]) -> set[str]:
    model = whole(source(data), rules=Rules(**rules))
    return {os.fsdecode(path) for path in model} - {".artignore", "sub/.artignore"}


def test_an_ignore_file_with_negation(data: Path) -> None:
    (data / ".artignore").write_text("# temporary\n*.tmp\n!keep.tmp\n/logs/\n")
    assert paths(data) == {"a.txt", "sub/keep.tmp", "sub/deep/d.txt"}
    assert b".artignore" in whole(source(data))


def test_a_deeper_file_overrules(data: Path) -> None:
    (data / ".artignore").write_text("*.tmp\n")
    (data / "sub/.artignore").write_text("!c.tmp\n/deep\n")
    assert paths(data) == {"a.txt", "sub/c.tmp", "logs/1.log", "logs/2.txt"}


def test_nothing_comes_back_below_an_ignored_folder(data: Path) -> None:
    (data / ".artignore").write_text("sub/\n!sub/keep.tmp\n")
    (data / "sub/.artignore").write_text("!*\n")
    assert paths(data) == {"a.txt", "b.tmp", "logs/1.log", "logs/2.txt"}


def test_ignore_files_can_be_switched_off(data: Path) -> None:
    (data / ".artignore").write_text("*\n")
    assert paths(data) == set()
    assert len(whole(source(data), rules=Rules(ignore_files=False))) == 8


def test_exclude_and_include(data: Path) -> None:
    assert paths(data, exclude=("*.tmp", "!keep.tmp")) == {
        "a.txt",
        "logs/1.log",
        "logs/2.txt",
        "sub/deep/d.txt",
        "sub/keep.tmp",
    }
    assert paths(data, include=("*.txt",)) == {"a.txt", "logs/2.txt", "sub/deep/d.txt"}
    assert paths(data, include=("sub/",), exclude=("deep",)) == {"sub/c.tmp", "sub/keep.tmp"}
    (data / ".artignore").write_text("*.txt\n")
    assert paths(data, include=("*.txt", "*.log")) == {"logs/1.log"}


def test_globs_start_at_the_top_of_the_version(data: Path) -> None:
    model = whole(source(data, b"in/it"), rules=Rules(include=("/in/it/sub/*.tmp",)))
    assert set(model) == {b"in/it/sub/c.tmp", b"in/it/sub/keep.tmp"}


def test_an_empty_folder_must_be_part_itself(data: Path) -> None:
    (data / "void").mkdir()
    (data / "hollow").mkdir()
    fill(data, "ghost/x.tmp")
    (data / ".artignore").write_text("*.tmp\n")
    model = whole(source(data))
    assert model[b"void"] == model[b"ghost"] == (DIRECTORY, b"")
    assert set(whole(source(data), rules=Rules(include=("*.log",)))) == {b"logs/1.log"}
    assert set(whole(source(data), rules=Rules(include=("void",)))) == {b"void"}
    assert b"void" not in whole(source(data), rules=Rules(exclude=("void",)))


def test_a_named_file_is_exempt(data: Path) -> None:
    (data / ".artignore").write_text("*.tmp\n")
    model = whole(source(data), source(data / "b.tmp", b"b2.tmp"))
    assert b"b2.tmp" in model
    assert b"b.tmp" not in model


def test_names_that_are_not_utf8(data: Path) -> None:
    (data / os.fsdecode(b"\xff.bin")).write_bytes(b"")
    (data / os.fsdecode(b"\xfe.bin")).write_bytes(b"")
    (data / ".artignore").write_bytes(b"\xff*\n")
    assert b"\xfe.bin" in whole(source(data))
    assert b"\xff.bin" not in whole(source(data))


def test_rules_that_change_between_walks(data: Path, tmp_path: Path, later: Clock) -> None:
    tree = Tree(tmp_path / "cache", source(data))
    tree.walk()
    (data / ".artignore").write_text("*.tmp\n")
    assert set(tree.paths()) == {b".artignore", b"b.tmp", b"sub/c.tmp", b"sub/keep.tmp"}
    (data / ".artignore").write_text("/sub\n")
    assert set(tree.paths()) == {b".artignore", b"b.tmp", b"sub/deep/d.txt"}
    assert tree.walk() == []
    (data / ".artignore").unlink()
    assert set(tree.paths()) == {b".artignore", b"sub/c.tmp", b"sub/keep.tmp", b"sub/deep/d.txt"}
    tree.rules = Rules(include=("logs/",))
    assert b"a.txt" in tree.paths()
    assert tree.walk() == []


def test_an_ignored_file_that_grows_costs_nothing(data: Path, tmp_path: Path, later: Clock) -> None:
    (data / ".artignore").write_text("*.log\n")
    tree = Tree(tmp_path / "cache", source(data))
    tree.walk()
    (data / "logs/1.log").write_text("more")
    assert tree.walk() == []
    (data / "logs/1.log").unlink()
    (data / "logs/1.log").mkdir()
    assert tree.walk() == []


def test_an_ignore_file_that_is_a_link_is_an_entry(data: Path) -> None:
    (data / ".artignore").symlink_to("a.txt")
    assert len(whole(source(data))) == 8


@pytest.mark.parametrize("line", ["!", "/", "a[b", "[[:nonsense:]]", "a\\"])
def test_a_bad_pattern_is_named(data: Path, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        Scan([source(data)], Rules(exclude=("fine", line)))
    assert caught.value.slug == "bad-pattern"
    assert repr(line) in caught.value.message
    (data / ".artignore").write_text(f"fine\n{line}\n")
    with pytest.raises(UsageError) as caught:
        list(Scan([source(data)], Rules()))
    assert "data/.artignore" in caught.value.message


def test_a_huge_ignore_file(data: Path) -> None:
    (data / ".artignore").write_bytes(b"x\n" * (1 << 20))
    with pytest.raises(UsageError) as caught:
        list(Scan([source(data)], Rules()))
    assert caught.value.slug == "bad-pattern"


def test_an_unreadable_ignore_file_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / ".artignore").write_text("*.tmp")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("artcli.files.listing.read_ignore_file", refuse)
    changes = list(Scan([source(data)], Rules()))
    assert [change.path for change in changes if isinstance(change, Unreadable)] == [b".artignore"]


# Not among them: `a**/b`, which git takes for `**/b` behind an `a`, against its documentation.
LINES = st.sampled_from([
    "*", "*.t", "!*.t", "a", "!a", "/a", "a/", "!a/", "!*/", "a/b", "!a/b", "/a/*", "!/a/b/", "**/b", "a/**", "b/*.t",
    "!b/c.t", "?", "[ab]", "[!a]", "[^a-c]", "[[:alpha:]].t", "[a-]", "#", "\\!x", "x\\ ", "x ", "x\\  ",
    "**", "**/a/",
    "a/**/c.t",
    "\\x", "[]x]", "[\\x]", "é*", "/**/c.t", "!**/c.t", "a/*/", "*/a/b/c.t", "**a", "a/**b", "***/b",
    "a//b", "//a", "!!x", "[b-a]", "[x-\\]]", "a\r", "**/**/b", "/**", "a/**/", "!a/**/", "a/***", "[.-0]", "a[/]b",
])  # fmt: skip
TREE = [
    "a/b/c.t", "a/b/a", "a/c.t", "a/x",
    "a/d/e/b", "b/c.t", "b/a/b", "b/éa", "c.t", "x", "x ", "!x", "éa", "]", "a-", "#"
]  # fmt: skip


def expected_by_git(data: Path) -> set[bytes]:
    environment = {
        "GIT_DIR": str(data / ".git"), "GIT_WORK_TREE": str(data), "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(data),
        "PATH": os.environ["PATH"],
    }  # fmt: skip
    for command in (["init", "-q"], ["ls-files", "-z", "--others", "--exclude-per-directory=.artignore"]):
        done = subprocess.run(["git", *command], cwd=data, env=environment, check=True, capture_output=True)
    return {name for name in done.stdout.split(b"\0") if name}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git to compare with")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=st.lists(LINES, max_size=6), nested=st.lists(LINES, max_size=3))
def test_the_rules_are_those_of_git(
    top: list[str], nested: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("git")
    fill(data, *TREE)
    (data / ".artignore").write_text("\n".join(top))
    (data / "a/.artignore").write_text("\n".join(nested))
    theirs = expected_by_git(data)
    model = whole(source(data), rules=Rules(exclude=("/.git/",)))
    assert {path for path, (kind, _) in model.items() if kind != DIRECTORY} == theirs


def test_only_photographs(data: Path) -> None:
    (data / ".artignore").write_text("*\n!*/\n!*.txt\n")
    assert paths(data) == {"a.txt", "sub/deep/d.txt", "logs/2.txt"}


def test_the_name_of_temporary_files() -> None:
    from artcli.files.ignore import temporary_name

    assert ignore.TEMPORARY.fullmatch(temporary_name())
