"""`art help`: commands, topics and errors explained."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from artcli.cli import help as pages
from artcli.cli.commands import COMMANDS, COMMON
from artcli.cli.console import Console
from artcli.cli.failures import nearest
from artcli.cli.parser import Group, load
from artcli.cli.tables import dumps
from artcli.errors import NotFoundError

EXAMPLES = """
art help                    # the commands for every day
art help -a                 # all of them
art help config get         # one command
art help exit-codes         # a topic
art help no-repository      # an error, by its name
art help --json             # everything about the commands, for programs
"""


def command(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND|TOPIC|ERROR]", help="what to explain")] = None,
    everything: Annotated[bool, typer.Option("-a", "--all", help="list all commands")] = False,
) -> None:
    """Explain a command, a topic or an error."""
    console: Console = ctx.obj
    if console.flags.json:
        console.text(dumps(pages.tree()))
        return
    if console.quiet and not words:
        console.text("\n".join(COMMANDS if everything else COMMON))
        return
    with console.pager():
        console.text(_page(ctx, words) if words else pages.overview(everything=everything))


def _page(ctx: typer.Context, words: list[str]) -> str:
    if words[0] in COMMANDS:
        return _command_page(ctx, words)
    word = "-".join(words)
    if word in pages.topics():
        return pages.topic(word)
    errors = pages.errors()
    if word in errors:
        return f"{word}\n\n{errors[word]}"
    close = nearest(word, [*COMMANDS, *pages.topics()]) or nearest(word, errors, cutoff=0.8)  # these are all alike
    raise NotFoundError(
        "no-such-topic",
        f"no command, topic or error '{word}'",
        facts=["topics: " + ", ".join(pages.topics())],
        hint=f"art help {close}" if close else "art help -a",
    )


def _command_page(ctx: typer.Context, words: list[str]) -> str:
    context: Any = ctx.parent
    command: Any = load(words[0])
    context = command.make_context(words[0], [], parent=context, resilient_parsing=True)
    for word in words[1:]:
        if not isinstance(command, Group) or word not in command.functions:
            raise NotFoundError("no-such-topic", f"'{' '.join(words)}' is no command", hint=f"art help {words[0]}")
        command = command.get_command(context, word)
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
    return str(context.get_help())
