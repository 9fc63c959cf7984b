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

PROGRAM = """
import json, os, sys
import tomlkit
from artcli.cli.main import run
from artcli.flows import configure, logins, remotes

def command(words):
    os.close(begun)
    inward, outward = os.pipe()
    os.write(outward, b"a-token")
    os.close(outward)
    os.dup2(inward, 0)
    os.dup2(2, 1)
    os.read(begin, 1)
    code = run(words)
    sys.stderr.flush()
    return code

begin, begun = os.pipe()
children = []
for words in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        os._exit(command(words))
    children.append(child)
os.close(begun)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
"""Makes a process for each command, and lets all of them begin when all are ready."""

VALUES = {"text": "often", "truth": "true", "number": "7"}
COUNT = 10


def at_once(art: Art, commands: Sequence[Sequence[object]]) -> None:
    """Run each in a process of its own, all released together; all go well."""
    words = json.dumps([list(map(str, words)) for words in commands])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, words], cwd=art.directory, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [0] * len(commands), done.stderr


@pytest.mark.parametrize("scope", [[], ["--global"]])
def test_settings(art: Art, scope: list[str]) -> None:
    assert art("init").code == 0
    chosen = {name: (known.choices or (VALUES[known.kind],))[-1] for name, known in SETTINGS.items()}
    at_once(art, [("config", "set", *scope, name, value) for name, value in chosen.items()])
    rows = art("config", "list", "--json").json["items"]
    told = {row["name"]: str(row["value"]).lower() for row in rows if row["origin"].endswith(".toml")}
    assert told == chosen
    at_once(art, [("config", "unset", *scope, name) for name in chosen])
    assert {row["origin"] for row in art("config", "list", "--json").json["items"]} == {"default"}


def test_remotes(art: Art) -> None:
    assert art("init").code == 0
    names = [f"nas{number}" for number in range(COUNT)]
    at_once(art, [("remote", "add", name, f"../{name}") for name in names])
    assert art("remote", "ls", "-q").lines == names
    assert sum(item["authority"] for item in art("remote", "ls", "--json").json["items"]) == 1


def test_a_place_that_all_of_them_make(art: Art) -> None:
    assert art("init").code == 0
    names = [f"nas{number}" for number in range(COUNT)]
    at_once(art, [("remote", "add", name, "../nas") for name in names])
    assert len({item["place"] for item in art("remote", "ls", "--json").json["items"]}) == 1


def test_tokens(art: Art) -> None:
    said = answer(200, json.dumps({"api": 1, "art": "9.9", "scope": "write"}).encode())
    with saying([said]) as server:
        urls = [f"{server.url}/{number}" for number in range(COUNT)]
        at_once(art, [("login", url, "--token-stdin") for url in urls])
        assert art("whoami", "--json").json["logins"] == urls
        at_once(art, [("logout", url) for url in urls[1:]])
        assert art("whoami", "--json").json["logins"] == urls[:1]


def test_one_place_that_the_environment_names(art: Art, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them adds it, and gets it."""
    assert art("init").code == art("-C", tmp_path, "init").code == 0
    monkeypatch.setenv("ART_REMOTE", str(tmp_path))
    at_once(art, [("fetch",)] * COUNT)
    assert art("remote", "ls", "-q").lines == ["origin"]
