"""What a command runs, whatever its words are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from artcli.flows.runs import capture, program


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "inner").mkdir(parents=True)
    for name in ("train.py", "pkg/__init__.py", "pkg/eval.py", "pkg/inner/__main__.py", "a.ipynb", "go", "x.pl"):
        (tmp_path / name).write_text("pass\n")
    (tmp_path / "go.sh").write_text("#!/bin/sh\n")
    (tmp_path / "data.bin").write_bytes(b"\0")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("python train.py --lr 1", "train.py"),
        ("python3.11 -u train.py", "train.py"),
        ("python -E -W ignore -X dev train.py", "train.py"),
        ("python -m train", "train.py"),
        ("python -um pkg.eval train.py", "pkg/eval.py"),
        ("python -mpkg.inner", "pkg/inner/__main__.py"),
        ("python -m pip install train.py", None),
        ("python -m", None),
        ("python -c train.py", None),
        ("python -Bc train.py", None),
        ("python data.bin", None),
        ("python - train.py", "train.py"),
        ("bash go.sh", "go.sh"),
        ("bash -eu go.sh", "go.sh"),
        ("bash -euo pipefail go", "go"),
        ("bash -lc train.py", None),
        ("sh -ec train.py", None),
        ("perl -ne x.pl train.py", None),
        ("perl -w x.pl", "x.pl"),
        ("node --eval=1 train.py", None),
        ("./go.sh train.py", "go.sh"),
        ("./data.bin", None),
        ("torchrun --nproc 2 train.py", "train.py"),
        ("uv run --with numpy python train.py", "train.py"),
        ("jupyter nbconvert --execute a.ipynb", "a.ipynb"),
        ("cat data.bin", None),
        ("ls pkg", None),
        ("", None),
    ],
)
def test_the_script_of_a_command(words: str, found: str | None, place: Path) -> None:
    assert program.script(words.split(), place) == (place / found if found else None)


@pytest.mark.parametrize("word", ["x" * 300, "x/" * 3000, "a\nb", "\udcff", "~", "/dev/null", "..", "/proc/1/mem", ""])
@pytest.mark.parametrize("before", ["tool", "bash", "python", "./tool", "bash -lc", "python -m", "perl -e"])
def test_words_of_every_kind_can_be_told(word: str, before: str, place: Path) -> None:
    """Words that can be no path, and paths that may not be looked at, are words like others."""
    argv = [*before.split(), word]
    assert program.script(argv, place) is None
    assert capture.capture(argv, place, use_git=False).start["argv"] == argv
    assert program.interpreter([word], place, {}) is None


@pytest.mark.skipif(os.getuid() == 0, reason="root may look everywhere")
def test_a_directory_that_may_not_be_looked_into(place: Path) -> None:
    (place / "pkg").chmod(0)
    try:
        assert program.script(["python", "pkg/eval.py"], place) is None
    finally:
        (place / "pkg").chmod(0o755)


def test_a_script_that_is_a_secret_or_too_large_is_told_by_its_name(place: Path) -> None:
    (place / "long.py").write_text("#" * program.SCRIPT_SIZE + "\n")
    (place / ".env.sh").write_text("PASSWORD=x\n")
    for name in ("long.py", ".env.sh"):
        found = capture.capture(["tool", name], place, use_git=False)
        assert (found.start["program"], found.files) == (name, {})


def test_a_script_beside_the_working_directory(place: Path) -> None:
    found = capture.capture(["python", "../train.py"], place / "pkg", use_git=False)
    assert (found.start["program"], list(found.files)) == ("train.py", ["code/train.py"])


def test_a_python_says_what_it_is_whatever_lies_around(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "email", "importlib"):
        (place / f"{name}.py").write_text("raise SystemExit('not me')\n")
    (place / "site").mkdir()
    (place / "site" / "sitecustomize.py").write_text("print('hello')\n")
    (place / "site" / "broken-1.dist-info").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(place / "site"))
    monkeypatch.chdir(place)
    found = program.ask(sys.executable)
    assert found is not None
    assert found.version == sys.version.split()[0]
    assert any(name.startswith("blake3==") for name in found.packages)


@pytest.mark.parametrize("said", ["", "echo", "echo '{}'", "exit 1", "echo '[1]'", "printf '\\377'"])
def test_what_only_calls_itself_a_python(said: str, tmp_path: Path) -> None:
    (tmp_path / "python").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "python").chmod(0o755)
    assert program.ask(str(tmp_path / "python")) is None


def test_an_empty_environment(tmp_path: Path) -> None:
    found = capture.capture(["python", "-c", "1"], tmp_path, environ={})
    assert found.start["user"]
    assert "env" not in found.start
