"""What git says of code, in checkouts of every kind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from artcli.flows.runs import git


def run(place: Path, *words: str, stdin: bytes = b"") -> str:
    named = ["git", "-c", "user.name=a", "-c", "user.email=b", "-c", "protocol.file.allow=always", *words]
    return subprocess.run(named, cwd=place, input=stdin, check=True, capture_output=True).stdout.decode().strip()


def checkout_in(place: Path) -> Path:
    place.mkdir()
    run(place, "init", "-q", "-b", "main")
    (place / "a.py").write_text("a = 1\n")
    run(place, "add", ".")
    run(place, "commit", "-qm", "one")
    return place


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return checkout_in(tmp_path / "code")


def seen(place: Path) -> git.Checkout:
    found = git.checkout(place)
    assert found is not None
    return found


def applied(place: Path, found: git.Checkout) -> str:
    """The checkout as the record makes it again, from its commit."""
    assert found.diff is not None
    again = place.parent / "again"
    run(place, "worktree", "add", "-q", "--detach", str(again), found.commit or "")
    run(again, "apply", "--binary", "-", stdin=found.diff)
    return run(again, "status", "--short")


def test_before_the_first_commit(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "-b", "main")
    assert (seen(tmp_path).commit, seen(tmp_path).branch, seen(tmp_path).dirty) == (None, "main", False)
    (tmp_path / "a.py").write_text("a = 1\n")
    assert seen(tmp_path).untracked == ["a.py"]
    run(tmp_path, "add", ".")
    found = seen(tmp_path)
    assert (found.commit, found.dirty, found.untracked) == (None, True, [])
    assert found.diff is not None
    assert b"+a = 1" in found.diff


def test_no_branch(code: Path) -> None:
    run(code, "checkout", "-q", "--detach")
    assert seen(code).branch is None
    assert seen(code).commit == run(code, "rev-parse", "main")


def test_a_worktree(code: Path, tmp_path: Path) -> None:
    run(code, "worktree", "add", "-q", "-b", "other", str(tmp_path / "there"))
    (tmp_path / "there" / "a.py").write_text("a = 2\n")
    found = seen(tmp_path / "there")
    assert (found.root, found.branch, found.dirty) == (tmp_path / "there", "other", True)
    assert seen(code).dirty is False


def test_a_submodule(code: Path, tmp_path: Path) -> None:
    other = checkout_in(tmp_path / "other")
    run(code, "submodule", "add", "-q", str(other), "lib")
    run(code, "commit", "-qm", "two")
    (code / "lib" / "a.py").write_text("a = 2\n")
    assert seen(code).dirty
    assert seen(code / "lib").root == code / "lib"
    run(code / "lib", "commit", "-qam", "two")
    (code / "a.py").write_text("a = 2\n")
    assert "M a.py" in applied(code, seen(code))


def test_a_bare_repository_has_no_checkout(code: Path, tmp_path: Path) -> None:
    run(code, "clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert git.checkout(tmp_path / "bare") is None
    assert git.checkout(code / ".git") is None
    assert git.checkout(code / "gone") is None


def test_a_checkout_that_git_does_not_trust(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert git.checkout(code) is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://me:hunter2@host/x.git", "https://***@host/x.git"),
        ("https://ghp_hunter2@host/x.git", "https://***@host/x.git"),
        ("git@host:me/x.git", "git@host:me/x.git"),
        ("/srv/x.git", "/srv/x.git"),
    ],
)
@pytest.mark.parametrize("name", ["origin", "up stream"])
def test_its_remote(code: Path, url: str, kept: str, name: str) -> None:
    run(code, "config", f"remote.{name}.url", url)
    assert seen(code).remote == kept


def test_what_is_not_committed_of_every_kind_applies_again(code: Path, tmp_path: Path) -> None:
    (code / "crlf.txt").write_bytes(b"a\r\nb\r\n" * 9)
    (code / "old name.py").write_text("b\n" * 20)
    (code / "pixels.bin").write_bytes(bytes(range(256)))
    (code / "no end").write_text("a")
    (code / "ü.py").write_text("a")
    (code / "gone").write_text("a")
    run(code, "add", ".")
    run(code, "commit", "-qm", "two")
    (code / "crlf.txt").write_bytes(b"a\r\nc\r\n" * 9)
    run(code, "mv", "old name.py", "new name.py")
    (code / "pixels.bin").write_bytes(bytes(range(255, -1, -1)))
    (code / "no end").write_text("b")
    (code / "ü.py").write_text("b")
    (code / "gone").unlink()
    (code / "a.py").chmod(0o755)
    run(code, "add", "-N", ".")
    for setting in ("diff.noprefix", "diff.mnemonicPrefix", "diff.relative", "core.fsmonitor"):
        run(code, "config", setting, "true")
    run(code, "config", "diff.submodule", "log")
    run(code, "config", "color.ui", "always")
    found = seen(code)
    assert found.diff is not None
    assert b"rename from" in found.diff
    for setting in ("diff.noprefix", "diff.mnemonicPrefix", "color.ui"):
        run(code, "config", "--unset", setting)
    applied(code, found)
    for path in code.iterdir():
        if path.is_file():
            again = tmp_path / "again" / path.name
            assert again.read_bytes() == path.read_bytes()
            assert again.stat().st_mode == path.stat().st_mode
    assert not (tmp_path / "again" / "gone").exists()


def test_a_secret_file_is_hidden_whatever_a_diff_looks_like(code: Path) -> None:
    (code / ".env").write_text("a=1\n" * 20)
    run(code, "add", "-f", ".env")
    run(code, "commit", "-qm", "two")
    run(code, "config", "diff.noprefix", "true")
    (code / ".env").write_text("a=1\n" * 20 + "PASSWORD=hunter2\n")
    assert (seen(code).dirty, seen(code).diff) == (True, None)
    run(code, "mv", ".env", "settings.txt")
    (code / "a.py").write_text("a = 2\n")
    found = seen(code)
    assert found.diff is not None
    assert b"hunter2" not in found.diff
    assert " M a.py" in "\n " + applied(code, found)


def test_more_unknown_files_than_are_named(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (code / f"{number:03}").touch()
    assert seen(code).untracked == [f"{number:03}" for number in range(git.UNTRACKED)]
    monkeypatch.setattr(git, "UNTRACKED_SIZE", 31)
    assert len(seen(code).untracked) == 10
    monkeypatch.undo()
    monkeypatch.setattr(git, "ANSWER_SIZE", 90)
    assert seen(code).untracked == [f"{number:03}" for number in range(90 // 4)]


def test_a_large_file_that_changed(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git is not asked for what would take it seconds, and what is unknown to it does not count."""
    asked: list[str] = []
    ask = git._ask

    def listening(directory: Path, most: int, *question: str, cut: bool = False) -> bytes | None:
        asked.append(" ".join(question))
        return ask(directory, most, *question, cut=cut)

    monkeypatch.setattr(git, "_ask", listening)
    with (code / "weights.bin").open("wb") as file:
        file.truncate(git.LARGE + 1)
    (code / "a.py").write_text("a = 2\n")
    assert seen(code).diff is not None
    run(code, "add", "-N", "weights.bin")
    asked.clear()
    found = seen(code)
    assert (found.dirty, found.diff, found.left_out) == (True, None, True)
    assert not any("--binary" in question for question in asked)


def test_git_that_hangs_is_left(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = code.parent / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(slow), prepend=":")
    monkeypatch.setattr(git, "SECONDS", 0.2)
    assert git.checkout(code) is None
