"""Ten commands that change the same file at the same moment: what each of them has changed is there afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from artcli.settings import SETTINGS
from tests.kit.command_line import Art
from tests.kit.scripted import answer, saying

WAITS = """
import os
import sys
import tomlkit
from artcli.cli.main import run
from artcli.flows import logins, remotes
print(flush=True)
os.read(0, 1)
sys.exit(run(sys.argv[1:]))
"""
"""A command that is ready, and begins when it is told."""

VALUES = {"text": "often", "truth": "true", "number": "7"}
COUNT = 10


def at_once(art: Art, commands: Sequence[Sequence[object]]) -> list[tuple[int, str]]:
    """Run each in a process of its own, all released together; their exit codes and what they said."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WAITS, *map(str, words)], cwd=art.directory, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for words in commands
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("!a-token\n")
        process.stdin.flush()
    said = [process.communicate() for process in processes]
    return [(process.returncode, err) for process, (_, err) in zip(processes, said, strict=True)]


@pytest.mark.parametrize("scope", [[], ["--global"]])
def test_settings(art: Art, scope: list[str]) -> None:
    assert art("init").code == 0
    chosen = {name: (known.choices or (VALUES[known.kind],))[-1] for name, known in SETTINGS.items()}
    assert len(chosen) == COUNT
    done = at_once(art, [("config", "set", *scope, name, value) for name, value in chosen.items()])
    assert [code for code, _ in done] == [0] * COUNT, done
    rows = art("config", "list", "--json").json["items"]
    told = {row["name"]: str(row["value"]).lower() for row in rows if row["origin"].endswith(".toml")}
    assert told == chosen
    done = at_once(art, [("config", "unset", *scope, name) for name in chosen])
    assert [code for code, _ in done] == [0] * COUNT, done
    assert {row["origin"] for row in art("config", "list", "--json").json["items"]} == {"default"}


def test_remotes(art: Art) -> None:
    assert art("init").code == 0
    names = [f"nas{number}" for number in range(COUNT)]
    done = at_once(art, [("remote", "add", name, f"../{name}") for name in names])
    assert [code for code, _ in done] == [0] * COUNT, done
    assert art("remote", "ls", "-q").lines == names
    assert sum(item["authority"] for item in art("remote", "ls", "--json").json["items"]) == 1


def test_a_place_that_all_of_them_make(art: Art) -> None:
    assert art("init").code == 0
    names = [f"nas{number}" for number in range(COUNT)]
    done = at_once(art, [("remote", "add", name, "../nas") for name in names])
    assert [code for code, _ in done] == [0] * COUNT, done
    assert len({item["place"] for item in art("remote", "ls", "--json").json["items"]}) == 1


def test_tokens(art: Art) -> None:
    said = answer(200, json.dumps({"api": 1, "art": "9.9", "scope": "write"}).encode())
    with saying([said]) as server:
        urls = [f"{server.url}/{number}" for number in range(COUNT)]
        done = at_once(art, [("login", url, "--token-stdin") for url in urls])
        assert [code for code, _ in done] == [0] * COUNT, done
        assert art("whoami", "--json").json["logins"] == urls
        done = at_once(art, [("logout", url) for url in urls[1:]])
        assert [code for code, _ in done] == [0] * (COUNT - 1), done
        assert art("whoami", "--json").json["logins"] == urls[:1]


def test_one_place_that_the_environment_names(art: Art, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them adds it, and gets it."""
    assert art("init").code == art("-C", tmp_path, "init").code == 0
    monkeypatch.setenv("ART_REMOTE", str(tmp_path))
    done = at_once(art, [("fetch",)] * COUNT)
    assert [code for code, _ in done] == [0] * COUNT, done
    assert art("remote", "ls", "-q").lines == ["origin"]
