"""What every command promises, checked for each in the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from artcli.cli import commands, help
from artcli.cli.commands import COMMANDS, COMMON
from artcli.settings import SETTINGS
from tests.cli.shelf import with_dataset
from tests.cli.slugs import slugs
from tests.kit.command_line import Art


def every_command() -> list[dict[str, Any]]:
    described = []
    for command in help.tree()["commands"]:
        described += [command, *command.get("commands", [])]
    return described


DESCRIBED = {command["name"]: command for command in every_command()}


def test_a_file_is_a_command_and_a_command_is_a_file() -> None:
    folder = Path(commands.__file__).parent
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py") if path.stem != "__init__"}
    assert files == set(COMMANDS)


def test_a_command_file_is_short() -> None:
    folder = Path(commands.__file__).parent
    long = {path.name for path in folder.glob("*.py") if len(path.read_text().splitlines()) > 150}
    assert not long, "options, one call, one print: logic goes into the flow"


@pytest.mark.parametrize("name", DESCRIBED)
def test_help_starts_with_examples(art: Art, name: str) -> None:
    result = art(*name.split(), "-h")
    assert (result.code, result.err) == (0, "")
    assert result.lines[0] == "Examples:"
    assert result.lines[1].startswith(f"  art {name.split()[0]}")
    assert art("help", *name.split()).out == result.out
    assert art(*name.split(), "--help").out == result.out


@pytest.mark.parametrize("name", DESCRIBED)
def test_everything_is_explained(name: str) -> None:
    command = DESCRIBED[name]
    assert command["help"]
    assert command["description"]
    assert not command["help"].endswith(".")
    for parameter in (*command["arguments"], *command["options"]):
        assert parameter["help"], f"art {name}: {parameter} has no help text"


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_commands(name: str) -> None:
    for line in DESCRIBED[name]["examples"]:
        words = line.split()
        assert words[0] == "art" or "| art" in line or "(art" in line or "$(art" in line, line
        if words[0] == "art" and not words[1].startswith("-"):
            assert words[1] == name


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_asked_for(name: str) -> None:
    """An option that nothing obeys is a promise that is broken."""
    asks = re.compile(rf"""\b(text|truth|number|words)\(["']{re.escape(name)}["']\)""")
    package = Path(commands.__file__).parents[2]
    assert any(asks.search(path.read_text()) for path in package.rglob("*.py"))


def test_every_error_is_explained() -> None:
    unexplained = {slug: place for slug, place in slugs().items() if slug not in help.errors()}
    assert not unexplained


def test_errors_are_in_order_and_all_in_use() -> None:
    explained = list(help.errors())
    assert explained == sorted(explained)
    source = "\n".join(path.read_text() for path in Path(commands.__file__).parents[2].rglob("*.py"))
    assert [slug for slug in explained if f'"{slug}"' not in source] == []


@pytest.mark.parametrize("topic", help.topics())
def test_topics(art: Art, topic: str) -> None:
    result = art("help", topic)
    assert (result.code, result.err) == (0, "")
    assert len(result.lines) > 5
    assert max(map(len, result.lines)) <= 200


@pytest.mark.parametrize("slug", help.errors())
def test_art_help_explains_an_error(art: Art, slug: str) -> None:
    result = art("help", slug)
    assert result.lines[0] == slug
    assert len(result.out) > 40


def test_art_alone_lists_commands_without_importing_them(art: Art) -> None:
    alone = art()
    assert alone.code == 0
    assert alone.out == art("help").out == art("-h").out
    listed = {line.split()[0] for line in alone.lines if re.match(r"  \S", line)}
    assert listed == set(COMMON) & set(COMMANDS)
    everything = art("help", "-a").out
    assert all(f"  {name} " in everything for name in COMMANDS)


def test_help_for_programs(art: Art) -> None:
    document = art("help", "--json").json
    assert document["schema"] == "art.help/1"
    assert [command["name"] for command in document["commands"]] == list(COMMANDS)
    assert {"exit-codes", "refs"} <= set(document["topics"])
    assert all(option["help"] for option in document["global_options"])


def test_help_for_what_is_not_there(art: Art) -> None:
    result = art("help", "exit-cod", "--json")
    assert art("help", "exit-cod").code == 5
    assert result.code == 0  # the tree, whatever the words
    assert "hint: art help exit-codes" in art("help", "exit-cod").err
    assert art("help", "config", "nonsense").code == 5
    assert "hint: art help no-such-version" in art("help", "nosuchversion").err
    assert "hint: art help -a" in art("help", "nosuchslug").err


@pytest.mark.parametrize(
    "line",
    [
        "log-artifact other data", "use dataset:v0", "get dataset:v0 copy", "edit dataset --note new", "undo",
        "alias dataset:v0 best", "tag dataset:v0 night", "rm dataset:v0 --yes", "run start", "init other",
        "config set jobs 1", "log-artifact other data -n", "log-metrics a=1 --run one", "run config lr=1 --run one",
    ],
)  # fmt: skip
@pytest.mark.parametrize("asked", [("--field", "nonsense"), ("--format", "{nonsense}"), ("--format", "{")])
def test_a_misspelt_field_is_told_before_anything_is_done(art: Art, line: str, asked: tuple[str, str]) -> None:
    with_dataset(art, {"a": b"a"})
    art("run", "start", "--name", "one")
    before, files = art("log", "--json").out, sorted(art.directory.rglob("*"))
    result = art(*line.split(), *asked)
    assert (result.code, result.out) == (2, "")
    assert "hint: art help formatting" in result.err
    assert art("log", "--json").out == before
    assert sorted(path for path in art.directory.rglob("*") if "cache" not in path.parts) == [
        path for path in files if "cache" not in path.parts
    ]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("alias dataset:v0 best", "changed"), ("alias -d dataset:kept", "aliases"),
        ("alias --protect dataset:kept", "aliases"), ("tag dataset:v0 night", "refs"), ("tag one night", "refs"),
        ("remote add nas place", "latency"), ("remote rm there --yes", "latency"),
        ("token create car", "unknown"), ("token revoke car --yes", "token"), ("reproduce one --run", "script"),
    ],
)  # fmt: skip
def test_a_field_of_what_is_not_printed_is_told_before_anything_is_done(art: Art, line: str, field: str) -> None:
    """Of a command that prints several kinds of items."""
    with_dataset(art, {"a": b"a"})
    art("run", "start", "--name", "one")
    art("alias", "dataset:v0", "kept")
    art("token", "create", "car")
    art("remote", "add", "there", "there")
    asked = ("log", "--json"), ("remote", "--json"), ("token", "ls", "--json"), ("run", "ls", "--field", "tags")
    before = [art(*words).out for words in asked]
    result = art(*line.split(), "--field", field)
    assert (result.code, result.out, result.err.split("'")[0]) == (2, "", "error: no field ")
    assert [art(*words).out for words in asked] == before
    assert not (art.directory / "place").exists()


@pytest.mark.parametrize("line", ["log dataset --graph", "run logs -1", "help refs"])
@pytest.mark.parametrize("asked", [("--field", "ref"), ("--format", "{ref}")])
def test_what_has_no_fields_says_so(art: Art, line: str, asked: tuple[str, str]) -> None:
    with_dataset(art, {"a": b"a"})
    art("run", "start", "--name", "one")
    result = art(*line.split(), *asked)
    assert (result.code, result.out) == (2, "")


def test_drawings_have_the_fields_of_what_they_draw(art: Art) -> None:
    with_dataset(art, {"a.txt": b"one\n"})
    (art.directory / "data" / "a.txt").write_bytes(b"two\n")
    art("log-artifact", "dataset", "data")
    assert art("diff", "dataset:v0", "dataset:v1", "--content", "--format", "{status} {path}").out == "M a.txt\n"
    assert "+two" in art("diff", "dataset:v0", "dataset:v1", "--content", "--field", "diff").out
    for name in ("red", "blue"):
        art("run", "start", "--name", name)
        art("log-metrics", "loss=1", "--run", name)
    assert art("compare", "red", "blue", "--plot", "loss", "--format", "{name} {metric}").lines == [
        "red loss", "blue loss",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"help"}))
def test_the_fields_of_what_a_command_prints_are_listed(art: Art, name: str) -> None:
    assert f"\nart {name}: " in art("help", "formatting").out
