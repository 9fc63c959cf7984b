"""Doing a run again: what is missing is named first, what comes out is compared, nothing is left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs import resolve as runs
from artcli.catalog.runs.register import Register
from artcli.errors import ArtError, NotFoundError
from artcli.flows.lineage import reproduce
from artcli.flows.lineage.recipe import Recipe, obstacles, recipe
from artcli.flows.lineage.script import script

PROJECT = "cars"
PROGRAM = """
import os, subprocess, sys
text = open(os.path.join(sys.argv[1], "a")).read()
open("out.txt", "w").write(text * 2 + LINE)
subprocess.run([sys.executable, "-m", "artcli", "log-metrics", f"letters={len(text)}"], check=True)
"""
GROW = f"""
ask() {{ {shlex.quote(sys.executable)} -m artcli "$@"; }}
cat "$(ask use start:latest)/a" > b
ask get start:latest/a c
ask log-artifact taken c --add start:latest/a:d
ask log-artifact start --base start:latest --add b
ask use start:latest --root grown
"""


class Shop:
    """A checkout with a repository in it, worked with as from a shell."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        here = Path(__file__).parents[3]
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("ART_", "GIT_"))}
        self.environ |= {"PYTHONPATH": str(here), "ART_CONFIG": str(directory / "none"), "ART_USER": "tester"}
        for word in ("AUTHOR", "COMMITTER"):
            self.environ |= {f"GIT_{word}_NAME": "n", f"GIT_{word}_EMAIL": "n@example.org"}

    def call(self, *words: str, cwd: str = "") -> str:
        done = subprocess.run(
            words, cwd=self.directory / cwd, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def art(self, *words: str, cwd: str = "") -> str:
        return self.call(sys.executable, "-m", "artcli", *words, cwd=cwd)

    def open(self) -> Repository:
        return Repository(self.directory / ".art")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A run of a program that was changed since it was committed, in a folder of the checkout; and one without git."""
    shop = Shop(tmp_path_factory.mktemp("shop") / "it's")
    shop.call("git", "init", "-q")
    shop.art("init")
    (shop.directory / "art.toml").write_text(f'project = "{PROJECT}"\n')
    folder = shop.directory / "src"
    folder.mkdir()
    (folder / "train it.py").write_text("LINE = ''" + PROGRAM)
    shop.call("git", "add", "src")
    shop.call("git", "commit", "-qm", "one")
    (folder / "train it.py").write_text("LINE = 'changed'" + PROGRAM)
    data = shop.directory / "data"
    data.mkdir()
    (data / "a").write_text("abc")
    shop.art("log-artifact", "data", "data")
    words = ["--job-type", "train", "-c", "lr=0.1", "-c", "say=it's", "--use", "data:latest=DATA", "--log"]
    command = [sys.executable, "train it.py", "{DATA}"]
    shop.art("run", "--name", "first", *words, "model=out.txt", "--", *command, cwd="src")
    other = ["sh", "-c", "date +%N > out.txt"]
    shop.art("run", "--name", "clock", "--no-git", "--log", "clock=out.txt", "--", *other, cwd="src")
    shop.art("log-artifact", "start", "data/a")
    (folder / "grow.sh").write_text(GROW)
    shop.art("run", "--name", "grow", "--no-git", "--", "sh", "grow.sh", cwd="src")
    shop.call("git", "checkout", "-q", "--", "src")
    (data / "a").write_text("something else by now")
    shop.art("log-artifact", "data", "data")
    shop.art("log-artifact", "start", "data/a")
    return shop


@pytest.fixture
def shop(made: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A copy of it to work with, at the place of the original: runs remember places."""
    for name in [name for name in os.environ if name.startswith("ART_")]:
        monkeypatch.delenv(name)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(made.directory)
    return made


@pytest.fixture
def repository(shop: Shop) -> Iterator[Repository]:
    opened = shop.open()
    yield opened
    opened.close()


def of(repository: Repository, name: str) -> Recipe:
    return recipe(repository, runs.run(repository.catalog, name, PROJECT).id)


def told(compared: Sequence[reproduce.Compared]) -> dict[str, str]:
    return {f"{item.section} {item.key}": item.state for item in compared}


def test_what_was_recorded(repository: Repository, shop: Shop) -> None:
    found = of(repository, "first")
    assert found.command[1:] == ["train it.py", "{DATA}"]
    assert found.code
    assert found.code.diff
    assert [pin.ref for pin in found.inputs] == ["data:v0"]
    assert [*found.uses.values()] == [found.inputs[0].pinned]
    assert (found.config, found.logs[0]["name"]) == ({"lr": 0.1, "say": "it's"}, "model")
    assert [obstacle for obstacle in obstacles(found) if obstacle.fatal] == []


def test_it_comes_out_the_same_and_nothing_is_left(repository: Repository, shop: Shop, tmp_path: Path) -> None:
    """Though the code, the data and their names are others by now."""
    files = {path for path in (shop.directory / ".art").rglob("*") if "cache" not in path.parts}
    compared = reproduce.check(repository, of(repository, "first"))
    assert told(compared) == {
        "outcome outcome": "same", "outcome exit": "same", "input data": "same", "output model": "same",
        "summary letters": "same",
    }  # fmt: skip
    assert {path for path in (shop.directory / ".art").rglob("*") if "cache" not in path.parts} == files
    assert len(shop.call("git", "worktree", "list").splitlines()) == 1
    assert shop.call("git", "status", "--short", "-uno") == ""
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("art-again")] == []


def test_names_mean_what_they_meant(repository: Repository) -> None:
    """In the code, too; in the project that is meant where none is named; and what it made itself is no input."""
    found = of(repository, "grow")
    assert [pin.ref for pin in found.inputs] == ["start:v0"]
    told_again = reproduce.check(repository, found)
    assert told(told_again) == {
        "outcome outcome": "same", "outcome exit": "same", "input start": "same", "output taken": "same",
        "output start": "same",
    }  # fmt: skip
    several = found._replace(inputs=[*found.inputs, *(pin._replace(pinned=f"cars/start@{'0' * 64}", ref="start:v1")
                                                      for pin in found.inputs)])  # fmt: skip
    assert any("it used start:v0, start:v1" in item.text for item in obstacles(several))


def test_a_setting_that_json_cannot_hold_is_left_to_the_program(repository: Repository) -> None:
    found = of(repository, "grow")._replace(config={"lr": 1, "net": {"odd": [float("nan")]}})
    assert found.settings == {"lr": 1}
    assert [item.text for item in obstacles(found) if item.kind == "config"] == [
        "config net has a number that JSON cannot hold: the program has to say it"
    ]
    assert "NaN" not in script(found, [], "/x")


def test_variables_that_were_different_are_named(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAME", "1")
    found = of(repository, "clock")
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    found.view.start["env"] = {"SAME": "1", "THREADS": "4", "MY_TOKEN": "***"}
    assert [item.text for item in obstacles(found) if item.kind == "environment"] == [
        "variables that were different: THREADS=4"
    ]


def test_it_comes_out_different(repository: Repository) -> None:
    compared = reproduce.check(repository, of(repository, "clock"))
    assert told(compared)["output clock"] == "different"


def test_as_a_new_run(repository: Repository) -> None:
    found = of(repository, "clock")
    again = reproduce.run_again(repository, found)
    repository.refresh()
    register = Register(repository.follower.database)
    assert register.tags(again)[again] == [f"again-of-{found.view.run.id}"]
    assert len(register.outputs(again)) == 1


def test_what_is_missing_is_named_first(repository: Repository, shop: Shop, tmp_path: Path) -> None:
    found = of(repository, "first")
    assert found.code
    elsewhere = found._replace(code=found.code._replace(commit="1" * 40, root=str(tmp_path)))
    with pytest.raises(NotFoundError, match="commit 111111111111 is not in") as missing:
        reproduce.check(repository, elsewhere)
    assert missing.value.slug == "cannot-reproduce"
    old = repository.catalog.version(Register(repository.follower.database).inputs(found.view.run.id)[0].version or "")
    assert old
    repository.commit(lambda _, make: [make(Draft("delete", {"version": old.id}))])
    try:
        with pytest.raises(NotFoundError, match="data:v0 is in the trash"):
            reproduce.check(repository, of(repository, "first"))
    finally:
        repository.commit(lambda _, make: [make(Draft("restore", {"version": old.id}))])
    lacking = found._replace(packages=["no-such-package==1.0"])
    assert [item.text for item in obstacles(lacking) if item.kind == "package"] == [
        "not installed: no-such-package==1.0"
    ]
    secret = found._replace(command=["curl", "--token", "***"])
    assert next(obstacles(secret)).kind == "command"
    long = found._replace(command=["curl", "[art: more words: 9]"])
    assert next(obstacles(long)).text == "its command is too long to be recorded whole"
    private = found._replace(config={"lr": 1, "db": {"password": "***"}})
    assert private.settings == {"lr": 1}
    assert "config db is a secret: the program has to say it" in [item.text for item in obstacles(private)]


def test_it_cannot_be_begun(repository: Repository) -> None:
    found = of(repository, "first")
    with pytest.raises(ArtError, match="the script ended with 125") as failed:
        reproduce.check(repository, found._replace(uses={"DATA": f"data@{'0' * 64}"}))
    assert failed.value.slug == "not-run"


def test_the_script_stands_alone(repository: Repository, shop: Shop, tmp_path: Path) -> None:
    """Another checkout of the same code does for it, and whatever it says is data for the shell."""
    found = of(repository, "first")
    clone = tmp_path / "clone $HOME"
    shop.call("git", "clone", "-q", str(shop.directory), str(clone))
    assert found.code
    moved = found._replace(code=found.code._replace(root=str(clone)), cwd=str(clone / "src"))
    folder = tmp_path / "copy" / ".art"
    shutil.copytree(shop.directory / ".art", folder)
    file = tmp_path / "again.sh"
    file.write_text(script(moved, [*obstacles(moved)], str(folder)))
    (tmp_path / "art").write_text(f'#!/bin/sh\nexec {sys.executable} -m artcli "$@"\n')
    (tmp_path / "art").chmod(0o755)
    shop.environ["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    shop.call("sh", str(file), str(tmp_path / "new place"))
    assert (tmp_path / "new place" / "src" / "out.txt").read_text() == "abcabcchanged"
    other = Repository(folder)
    assert len(Register(other.follower.database).runs()) > 2
    other.close()
