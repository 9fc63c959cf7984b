"""What is recorded of a run by itself: git, Pythons."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from artcli.flows.runs import capture, git, overrides, program


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    place = tmp_path / "code"
    place.mkdir()
    run(place, "init", "-q", "-b", "main")
    for name, text in (("train.py", "a = 1\n"), (".env", "PASSWORD=old\n"), ("id_rsa", "old\n")):
        (place / name).write_text(text)
    run(place, "add", "-f", ".")
    run(place, "commit", "-qm", "one")
    return place


def run(place: Path, *words: str, stdin: bytes = b"") -> bytes:
    command = ["git", "-c", "user.name=a", "-c", "user.email=b", *words]
    return subprocess.run(command, cwd=place, input=stdin, check=True, capture_output=True).stdout


def test_a_clean_checkout(checkout: Path) -> None:
    found = git.checkout(checkout)
    assert found is not None
    assert (found.root, found.branch, found.remote, found.dirty) == (checkout, "main", None, False)
    assert found.commit == run(checkout, "rev-parse", "HEAD").decode().strip()


def test_what_is_not_committed_applies_again_and_tells_no_secret(checkout: Path) -> None:
    (checkout / "train.py").write_text("a = 2\n")
    (checkout / "pixels.bin").write_bytes(bytes(range(256)))
    run(checkout, "add", "pixels.bin")
    (checkout / ".env").write_text("PASSWORD=hunter2\n")
    (checkout / "id_rsa").write_text("hunter2\n")
    for name in ("new.py", ".env.local"):
        (checkout / name).write_text("hunter2")
    found = git.checkout(checkout / "")
    assert found is not None
    assert found.dirty
    assert found.diff is not None
    assert b"hunter2" not in found.diff
    assert found.untracked == ["new.py"]
    assert found.diff.count(b"masked: ") == 2
    run(checkout, "reset", "--hard", "-q")
    run(checkout, "apply", "-", stdin=found.diff)
    assert (checkout / "train.py").read_text() == "a = 2\n"
    assert (checkout / "pixels.bin").read_bytes() == bytes(range(256))


def test_a_diff_that_is_too_large(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "DIFF_SIZE", 1000)
    (checkout / "train.py").write_text("x\n" * 5000)
    found = capture.capture([], checkout)
    assert found.start["git"]["diff_left_out"] is True
    assert found.files == {}


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    assert git.checkout(tmp_path) is None
    assert "git" not in capture.capture([], checkout, use_git=False).start
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.checkout(checkout) is None


def test_the_python_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(f"#!{sys.executable}\n")
    assert program.interpreter([sys.executable, "x"], tmp_path, {}) == sys.executable
    assert program.interpreter(["./run.py"], tmp_path, {}) == sys.executable
    assert program.interpreter(["ls"], tmp_path, {}) is None
    said = program.ask(sys.executable)
    assert said is not None
    assert said.packages == program.this_python().packages
    assert any(name.startswith("blake3==") for name in said.packages)
    assert program.ask("/bin/false") is None


def test_the_packages_of_this_python_are_those_that_importlib_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {f"{name}=={one.version}" for one in metadata.distributions() if (name := one.metadata["Name"])}
    assert set(program.this_python().packages) == known
    for path, text in {
        "one-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nSummary: a\n  Name: not this\nName: One\nVersion: 1.0\n",
        "two.egg-info/PKG-INFO": "name: two\nversion: 2\n\nName: of the text\n",
        "three.egg-info": "Name: three\nVersion: 3\n",
        "broken.dist-info/RECORD": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert set(program.this_python().packages) == known | {"One==1.0", "two==2", "three==3"}


def test_only_variables_that_are_allowed(tmp_path: Path) -> None:
    environ = {"SEED": "1", "SECRET": "2"}
    assert "env" not in capture.capture([], tmp_path, environ=environ).start
    assert capture.capture([], tmp_path, env_allow=["SE?D"], environ=environ).start["env"] == {"SEED": "1"}


def test_settings_from_outside_win() -> None:
    config = {"lr": 1, "model": {"depth": 2, "width": 3}, "a.b": 1, "model.width": 0}
    found = overrides.apply(config, {"lr": 2, "model.depth": 9, "model.width": 8, "a.b": 5, "new.key": 7})
    assert found == {"lr": 2, "model": {"depth": 9, "width": 8}, "a.b": 5, "model.width": 8, "new.key": 7}
    assert config["model"] == {"depth": 2, "width": 3}
