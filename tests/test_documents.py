"""Whatever the project tells people to type can be typed, and what it says is there is there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from artcli.cli import help
from artcli.cli.commands import COMMANDS
from artcli.errors import ArtError
from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.kit.scripted import answer, saying
from tests.kit.shown import CHECKOUT, PAGES, Line, blocks, calls, in_examples, in_source, on_page, parse
from tests.kit.story import build, play
from tests.kit.story.pipeline import digit_rows
from tests.web.kit import Server

__all__ = ["art"]

README = CHECKOUT / "README.md"


def unparsable(lines: list[Line]) -> list[str]:
    """The lines that no parser of `art` reads, with the reason."""
    found = []
    for text, place in lines:
        for words in calls(text):
            try:
                parse(words)
            except Exception as error:
                reason = error.message if isinstance(error, ArtError) else getattr(error, "format_message", str)()
                found.append(f"{place}: {text}: {reason}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_to_type_can_be_typed(page: Path) -> None:
    assert unparsable(list(on_page(page))) == []


def test_what_hints_tell_to_type_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(in_source())
    assert len(lines) > 150, "where are the hints?"
    assert unparsable(lines) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_can_be_typed(command: str) -> None:
    lines = list(in_examples(command))
    assert lines
    assert unparsable(lines) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('cd "$(art use dataset:v0)"', [["use", "dataset:v0"]]),
        ("tar -c ./data | art log-artifact x --stdin-as y | wc", [["log-artifact", "x", "--stdin-as", "y"]]),
        ("art ls --where 'size>1GB'   # art ls knows more", [["ls", "--where", "size>1GB"]]),
        ("art cat a:v0/b > c; art gc", [["cat", "a:v0/b"], ["gc"]]),
        ("art X is no call, nor is party x", []),
    ],
)
def test_calls_are_found_in_lines_of_shell(line: str, words: list[list[str]]) -> None:
    assert list(calls(line)) == words


@pytest.mark.parametrize(
    "line", ["art lss", "art ls --nonsense", "art show -q", "art config nonsense x", "art gc much"]
)
def test_what_cannot_be_typed_is_found(line: str) -> None:
    assert len(unparsable([Line(line, "here")])) == 1


def test_help_has_what_it_is_asked_for(art: Art) -> None:
    told = [*(line for page in PAGES for line in on_page(page)), *in_source()]
    asked = {tuple(words) for line in told for words in calls(line.text) if words[0] == "help" and words[-1].islower()}
    assert len(asked) > 10
    assert [words for words in sorted(asked - {("help", "dataset")}) if art(*words).code] == []


def test_every_command_is_told_of() -> None:
    told = {
        words[0] for page in PAGES if page.name != "errors.md" for line in on_page(page) for words in calls(line.text)
    }
    assert set(COMMANDS) - told == set(), "a command that neither README nor a page of help shows"


def test_files_that_pages_name_are_there() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        named = set(re.findall(r"`?\b((?:scripts|tests|artcli)/[\w./-]*\w)", text))
        named |= set(re.findall(r"\]\(([^):#]+)\)", text))
        assert [path for path in named if not (CHECKOUT / path).exists()] == [], page.name


# What is typed works


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the data and versions that the examples speak of."""
    directory = tmp_path_factory.mktemp("shelf")
    play(build("safety", "S", directory / "story"), lambda words: None)
    story = directory / "story" / "safety"
    (directory / "data").mkdir()
    (story / "images").rename(directory / "data" / "train")
    (story / "labels").rename(directory / "more")
    for place in (directory, directory / "data"):
        shutil.copy(story / "classes.txt", place)
    shutil.rmtree(directory / "story")
    (directory / "data" / "labels.csv").write_bytes(b"".join(digit_rows()[:20]))
    (directory / "model.npy").write_bytes(b"".join(digit_rows()[20:60]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ART_CONFIG", os.devnull)
        art = Art(directory)
        done = [art("init", "--project", "jetracer")]
        for number in range(4):
            (directory / "data" / "now.tmp").write_text(f"trip {number}\n")
            done.append(art("log-artifact", "dataset", "data"))
            done.append(art("log-artifact", "model", "model.npy", "-M", f"lr=0.{number}", "--new-version"))
        done.append(art("run", "start", "--name", "sunny-smoke-1", "--job-type", "train", "-c", "lr=0.1"))
        done.append(art("run", "finish", "sunny-smoke-1", "--summary", "loss=0.5"))
    assert [result.err for result in done if result.code] == []
    return directory


A_RUN = ["art run start --name sunny-smoke-1 --job-type train", "art run finish sunny-smoke-1"]

A_TOKEN = ["echo secret > token", "art login https://nas:8080/jetracer --token-stdin < token"]

FIRST = {
    "audit": A_RUN,
    "bundle": ["art remote add nas ../nas"],
    "cat": ["art alias model:v1 best"],
    "compare": [
        "art run start --name lucky-bird-2",
        "art run start --name sunny-smoke-1",
        "art log-metrics loss=0.5 --run sunny-smoke-1",
    ],
    "copy": ["art remote add nas ../nas", "art remote add attic ../attic", "art push"],
    "edit": A_RUN,
    "fsck": ["art remote add nas ../nas", "art push"],
    "gc": ["art remote add nas ../nas", "art push"],
    "get": ["rm -r data"],
    "log": A_RUN,
    "login": A_TOKEN[:1],
    "logout": A_TOKEN,
    "log-metrics": ["art run start --name car"],
    "clone": ["art remote add nas ../nas", "art push"],
    "fetch": ["art remote add nas ../nas", "art push"],
    "pull": ["art remote add nas ../nas", "art push"],
    "push": ["art remote add nas ../nas"],
    "reproduce": ["art run --no-git --log model=model.txt -- sh -c 'echo trained > model.txt'"],
    "sync": ["art remote add nas ../nas"],
    "serve": ["mkdir ../nas ../repositories"],
    "restore": [*A_RUN, "art rm model:v0 run:sunny-smoke-1 --yes"],
    "rm": A_RUN,
    "run": ["art run start --name car"],
    "search": ["art run -- echo trained"],
    "show": ["art edit model:latest --set lr=0.1", *A_RUN],
    "status": ["art use dataset:v0"],
    "tag": A_RUN,
    "undo": ["art alias model:v1 best"],
    "verify": ["art use dataset:v0", "art use dataset:v0 --root data"],
    "which": ["art use dataset:v0"],
}
"""What must have happened before the examples of a command mean something."""

FAR = ("art+lan://car", "https://nas:8123")
"""Machines of examples that only `test_examples_can_be_typed` looks at: `tests/cli` and `tests/web` have real ones."""


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_work(command: str, art: Art, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if command in ("run", "log-metrics"):
        monkeypatch.setenv("ART_RUN_ID", "car")
    shutil.copytree(shelf, art.directory, dirs_exist_ok=True, symlinks=True)
    with saying([answer(200, b'{"api": 1, "art": "1", "scope": "write"}')]) as server:
        examples = [line.text for line in in_examples(command) if not any(place in line.text for place in FAR)]
        for line in [*FIRST.get(command, ()), *examples]:
            code, said = typed(art, line.replace("https://nas:8080", server.url))
            assert code == 0, f"{line}\n{said}"


def typed(art: Art, line: str) -> tuple[int, str]:
    """The exit code of a line that is given to a shell, and what it said; without a shell where none is needed."""
    words = shlex.split(line, comments=True)
    if words[:2] == ["art", "serve"]:
        server = Server(art.directory, *words[2:])
        return server.stop(), server.log.read_text()
    if "--watch" in words:
        return for_a_while(art, words[1:])
    if words[0] != "art" or {"|", ">", "<"} & set(words) or "$(" in line:
        return in_shell(art.directory, line)
    run = partial(art.on_terminal, EDITOR="true") if words == ["art", "config", "edit"] else art
    result = run(*words[1:])
    return result.code, result.err


def for_a_while(art: Art, words: list[str]) -> tuple[int, str]:
    """The same for what never ends: it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "artcli", *words], cwd=art.directory, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert process.stderr
    first = process.stderr.readline()  # it says that it has begun
    process.terminate()
    said = process.communicate(timeout=60)[1]
    return process.returncode, first + said


def in_shell(directory: Path, script: str) -> tuple[int, str]:
    programs = directory.parent / "bin"
    if not programs.exists():
        programs.mkdir()
        (programs / "art").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m artcli "$@"\n')
        (programs / "art").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(["sh", "-eu"], input=script, cwd=directory, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_readme_works(art: Art) -> None:
    """Its blocks of shell in their order, each from the same directory, with the car's data."""
    play(build("car", "S", art.directory / "car"), lambda words: None)
    (art.directory / "car" / "new").rename(art.directory / "data")
    (art.directory / "car" / "model" / "weights.npy").rename(art.directory / "model.npy")
    shutil.copytree(art.directory / "data", art.directory / "trip2")
    (art.directory / "trip2" / "more.csv").write_bytes(digit_rows()[0])
    told = [block for block in blocks(README) if re.search(r"^art |\(art ", block, re.MULTILINE)]
    assert len(told) >= 3
    for block in told:
        code, said = in_shell(art.directory, block)
        assert code == 0, f"{block}\n{said}"


def test_every_error_is_provoked_by_a_test() -> None:
    here = CHECKOUT / "tests"
    text = "\n".join(path.read_text("utf-8") for path in here.rglob("test_*.py"))
    assert [slug for slug in help.errors() if not re.search(rf"[\"'(]{slug}[\"')]", text)] == []
