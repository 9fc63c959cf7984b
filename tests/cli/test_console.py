"""What a command hands to the console, as each kind of listener gets it."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from artcli.cli.commands import COMMANDS
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import NotFoundError
from tests.cli.conftest import Probe
from tests.kit.command_line import Art, terminal

FILES = Schema(
    "files",
    [
        Field("path"),
        Field("size", "size"),
        Field("changed", "time"),
        Field("tags", "words"),
        Field("metadata", "object"),
    ],
    columns=["path", "size", "changed", "tags"],
    key="path",
)
ITEMS: list[dict[str, Any]] = [
    {"path": "a.jpg", "size": 41_000, "changed": 0.0, "tags": ["x", "y"], "metadata": {"stage": "dev"}},
    {"path": b"b\xff\n\x1b[31m.jpg", "size": 7, "changed": "2026-11-01T12:00:00.000Z"},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def listing(ctx: typer.Context) -> None:
    ctx.obj.rows(FILES, ITEMS)


def test_a_pipe_gets_tab_separated_values(art: Art, probe: Probe) -> None:
    probe(listing)
    rows = ["a.jpg\t41000\t1970-01-01T00:00:00.000Z\tx,y", r"b\xff\n\x1b[31m.jpg" "\t7\t2026-11-01T12:00:00.000Z\t"]
    assert art("probe").lines == rows
    assert art("probe", "--header").lines == ["path\tsize\tchanged\ttags", *rows]


def test_json_holds_everything(art: Art, probe: Probe) -> None:
    probe(listing)
    result = art("probe", "--json")
    assert result.raw_out.isascii()
    document = result.json
    assert document["schema"] == "art.files/1"
    assert document["items"][0] == {**ITEMS[0], "changed": "1970-01-01T00:00:00.000Z"}
    assert os.fsencode(document["items"][1]["path"]) == ITEMS[1]["path"]
    assert document["items"][1]["metadata"] is None
    assert art("--format", "json", "probe").out == result.out


def test_format_field_and_quiet(art: Art, probe: Probe) -> None:
    probe(listing)
    assert art("probe", "--format", r"{size}\t{metadata.stage}").lines == ["41000\tdev", "7\t"]
    assert art("probe", "--field", "size").lines == ["41000", "7"]
    assert art("probe", "-q").raw_out == b"a.jpg\nb\xff\n\x1b[31m.jpg\n"
    assert art("probe", "-qq").raw_out == b""
    wrong = art("probe", "--format", "{nam}", "--json")
    assert (wrong.code, wrong.json["items"][0]["size"]) == (0, 41000)
    assert art("probe", "--json", "--format", "{nam}").code == 2


def test_an_empty_list(art: Art, probe: Probe) -> None:
    def nothing(ctx: typer.Context) -> None:
        ctx.obj.rows(FILES, [])

    probe(nothing)
    assert art("probe").out == ""
    assert art("probe", "--json").json == {"schema": "art.files/1", "items": []}


def test_a_failure_before_the_thousandth_item_leaves_stdout_empty(art: Art, probe: Probe) -> None:
    def items() -> Iterator[dict[str, Any]]:
        yield from ITEMS
        raise NotFoundError("no-such-path", "gone")

    def failing(ctx: typer.Context) -> None:
        ctx.obj.rows(FILES, items())

    probe(failing)
    for arguments in ((), ("--json",), ("--format", "{path}"), ("-q",)):
        result = art("probe", *arguments)
        assert (result.code, result.out) == (5, "")


def test_a_terminal_gets_an_aligned_table(art: Art) -> None:
    console = Console(out=Terminal(), err=Terminal())
    console.flags.settings["color"] = "never"
    now = time.time()
    photo = {"path": "写真.jpg", "size": 3_100_000_000, "changed": now - 7200}
    console.rows(FILES, [ITEMS[0], {**ITEMS[1], "changed": now - 3 * 86400}, photo])
    out = console.out
    assert isinstance(out, Terminal)
    assert out.getvalue().splitlines() == [
        "PATH                   SIZE  CHANGED     TAGS",
        "a.jpg                 41 KB  1970-01-01  x, y",
        r"b\xff\n\x1b[31m.jpg     7 B  3 days ago",
        "写真.jpg             3.1 GB  2 h ago",
    ]


def test_a_record(art: Art, probe: Probe) -> None:
    def one(ctx: typer.Context) -> None:
        ctx.obj.record(FILES, ITEMS[0], text=lambda: ctx.obj.when(0.0), receipt=f"done  {ctx.obj.size(41000)}  0.3 s")

    probe(one)
    result = art("probe")
    assert (result.out, result.err) == ("1970-01-01T00:00:00.000Z\n", "done  41 KB  0.3 s\n")
    result = art("probe", "--json")
    assert (result.json["schema"], result.json["size"], result.err) == ("art.files/1", 41000, "")
    assert art("probe", "--field", "metadata.stage").out == "dev\n"
    assert art("probe", "--field", "metadata.none").code == 5
    result = art("probe", "-q")
    assert (result.out, result.err) == ("a.jpg\n", "")


def test_who_sees_both_streams_reads_a_name_once(art: Art) -> None:
    def shown(out: io.StringIO, err: io.StringIO, receipt: str, **flags: int) -> tuple[str, str]:
        console = Console(out=out, err=err)
        console.flags.quiet = flags.get("quiet", 0)
        console.record(FILES, ITEMS[0], receipt=receipt)
        return out.getvalue(), err.getvalue()

    assert shown(Terminal(), Terminal(), "a.jpg  stored") == ("", "a.jpg  stored\n")
    assert shown(Terminal(), Terminal(), "a.jpgs  stored") == ("a.jpg\n", "a.jpgs  stored\n")
    assert shown(Terminal(), Terminal(), "a.jpg  stored", quiet=1) == ("a.jpg\n", "")
    assert shown(Terminal(), io.StringIO(), "a.jpg  stored") == ("a.jpg\n", "a.jpg  stored\n")
    assert shown(io.StringIO(), Terminal(), "a.jpg  stored") == ("a.jpg\n", "a.jpg  stored\n")


def test_a_stream_of_json_lines(art: Art, probe: Probe) -> None:
    def stream(ctx: typer.Context) -> None:
        ctx.obj.event("status", {"files_done": 1})
        ctx.obj.record(FILES, ITEMS[0], summary=True)

    probe(stream)
    assert [line["message_type"] for line in art("probe", "--json").json_lines] == ["status", "summary"]
    assert art("probe").out == "a.jpg\n"


def test_talk_is_on_stderr(art: Art, probe: Probe) -> None:
    def talk(ctx: typer.Context) -> None:
        ctx.obj.say("said")
        ctx.obj.detail("detailed")
        ctx.obj.warn("warned \x1b[1m")
        ctx.obj.lines(FILES, ITEMS[:1], end="\0")

    probe(talk)
    assert art("probe").err == "said\nwarning: warned \\x1b[1m\n"
    assert art("probe", "-v").err == "said\ndetailed\nwarning: warned \\x1b[1m\n"
    assert art("probe", "-q").err == "warning: warned \\x1b[1m\n"
    assert art("probe", "-qq").err == ""
    assert art("probe").raw_out == b"a.jpg\0"


def test_only_our_own_colours_reach_a_terminal(art: Art) -> None:
    console = Console(out=Terminal(), err=Terminal())
    console.flags.settings["color"] = "always"
    console.line(console.style("red", "red") + "\x1b[2J\x1b]0;title\x07")
    console.record(FILES, ITEMS[0], text=lambda: "two\nlines\x1b[2J")
    console.say("said\x1b[2J")
    assert isinstance(console.out, Terminal)
    assert console.out.getvalue() == (
        "\x1b[31mred\x1b[0m" + r"\x1b[2J\x1b]0;title\x07" + "\ntwo\nlines" + r"\x1b[2J" + "\n"
    )
    assert isinstance(console.err, Terminal)
    assert console.err.getvalue() == r"said\x1b[2J" + "\n"


def test_bytes_do_not_go_to_a_terminal(art: Art, probe: Probe) -> None:
    def cat(ctx: typer.Context) -> None:
        ctx.obj.bytes_out().write(b"\xff\x00")

    probe(cat)
    assert art("probe").raw_out == b"\xff\x00"
    with pytest.raises(Exception, match="not written to a terminal"):
        Console(out=Terminal()).bytes_out()


def test_a_question_needs_a_terminal_or_a_yes(art: Art, probe: Probe) -> None:
    def ask(ctx: typer.Context) -> None:
        ctx.obj.confirm("delete 3 versions?")
        ctx.obj.line("deleted")

    probe(ask)
    refused = art("probe")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: not confirmed: delete 3 versions?\nhint: art probe --yes\n"
    assert art("probe", "-y").out == "deleted\n"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [(b"y\n", 0, "went on"), (b"n\n", 1, "nothing was done"), (b"\n", 1, "nothing was done")],
)
def test_a_question_on_a_terminal(art: Art, answer: bytes, code: int, said: str) -> None:
    program = (
        "import sys\nfrom artcli.cli.console import Console\nfrom artcli.errors import ArtError\nconsole = Console()\n"
        "try:\n    console.confirm('sure?')\nexcept ArtError as error:\n    console.error(error)\n    sys.exit(1)\n"
        "console.say('went on')\n"
    )
    result = terminal([sys.executable, "-c", program], art.directory, os.environ, answer)
    assert result.code == code
    assert "sure? [y/N]" in result.err
    assert said in result.err


def test_colour_only_where_it_is_seen(art: Art) -> None:
    assert "\x1b[" in art.on_terminal("config", "list").out
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"ART_COLOR": "never"}):
        result = art.on_terminal("config", "get", "nonsense", **environment)
        assert "\x1b" not in result.out + result.err
        assert "\x1b" not in art.on_terminal("config", "list", **environment).out
    assert "\x1b[31m" in art("config", "get", "nonsense", "--color", "always").err
    assert "\x1b[31m" in art.on_terminal("no-command").err
    assert "\x1b" not in art.on_terminal("no-command", ART_COLOR="red").err


def test_the_pager_shows_long_output_on_a_terminal(art: Art) -> None:
    result = art.on_terminal("help", "exit-codes", ART_PAGER="sed s/^/paged:/")
    assert result.code == 0
    assert result.out.startswith("paged:Exit codes\n")
    assert not art.on_terminal("help", "exit-codes", "-P", ART_PAGER="sed s/^/paged:/").out.startswith("paged:")
    assert art.on_terminal("help", "exit-codes", ART_PAGER="true").code == 0
    assert art("help", "exit-codes").out.startswith("Exit codes\n")


def test_the_names_of_commands(art: Art) -> None:
    assert art("help", "-a", "-q").lines == [*COMMANDS]
    assert set(art("help", "-q").lines) < {*COMMANDS}


def test_json_errors_are_documents(art: Art) -> None:
    result = art("config", "get", "colr", "--json")
    assert (result.code, result.out) == (5, "")
    document = json.loads(result.err)
    assert document["message_type"] == "error"
    assert (document["code"], document["exit"], document["hint"]) == ("unknown-setting", 5, "art config get color")
    assert document["message"] == "no setting 'colr'"
