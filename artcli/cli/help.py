"""What `art help` and `-h` say: written from the table of commands, their parameters, and the pages in `topics/`."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artcli.cli.commands import COMMANDS, COMMON, GROUPS
from artcli.cli.formatting import Schema
from artcli.cli.options import describe_global_options
from artcli.cli.parser import Command, Group, load, module_of, schemas_in
from artcli.settings import SETTINGS, TYPES

TOPICS_FOLDER = Path(__file__).parent / "topics"
_ERRORS = "errors"

WIDTH = 100
"""Characters of a line of help."""


def overview(*, everything: bool = False) -> str:
    """What `art` alone prints: the commands for every day, or all of them by group."""
    groups = {title: dict(names) for title, names in GROUPS.items() if names}
    if not everything:
        groups = {"Commands": {name: COMMANDS[name] for name in COMMON if name in COMMANDS}}
    lines = ["art versions datasets and models: each chunk is kept once, and every version comes back whole", ""]
    for title, names in groups.items():
        lines += [f"{title}:", *_columns(names), ""]
    lines.append("Usage: art [-C DIR] [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]")
    lines.append("More:  art help -a (all commands)   art help COMMAND   art COMMAND -h")
    lines.append("       art help " + " | ".join(topics()) + "   art help ERROR")
    return "\n".join(lines) + "\n"


def write_command(command: Command, context: Any, formatter: Any) -> None:
    """`art X -h`: examples, synopsis, what it does, its own options."""
    _write_examples(command.examples, formatter)
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    own = [parameter for parameter in command.params if not str(parameter.name).startswith("global_")]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        records = [p.get_help_record(context) for p in own if p.param_type_name == kind]
        if records := [record for record in records if record]:
            with formatter.section(title):
                formatter.write_dl(records)
    formatter.write("\nOptions that every command takes: art help options\n")


def write_group(group: Group, context: Any, formatter: Any) -> None:
    """`art config -h`: examples, synopsis, its commands."""
    _write_examples(group.examples, formatter)
    group.format_usage(context, formatter)
    group.format_help_text(context, formatter)
    with formatter.section("Commands"):
        formatter.write_dl([(name, _summary(command)) for name, command in _members(group)])
    if group.own is not None:
        own = [p.get_help_record(context) for p in group.own.params if not str(p.name).startswith("global_")]
        with formatter.section(f"Options of {context.command_path} [OPTIONS] -- CMD"):
            formatter.write_dl([record for record in own if record])
    formatter.write(f"\nMore: {context.command_path} COMMAND -h\n")


def _write_examples(examples: str, formatter: Any) -> None:
    if examples:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for line in examples.splitlines()))
        formatter.write("\n")


def topics() -> list[str]:
    """The names of the topics."""
    pages = [page.stem for page in TOPICS_FOLDER.glob("*.md") if page.stem != _ERRORS]
    return sorted([*pages, "options"])


def topic(name: str) -> str:
    """The page of a topic, with the tables that follow from the program itself."""
    if name == "options":
        options = {
            ", ".join(option.names) + (f" {option.metavar}" if option.metavar else ""): option.help
            for option in describe_global_options()
        }
        return "Options that every command takes, before or after its name\n\n" + "\n".join(_columns(options))
    text = (TOPICS_FOLDER / f"{name}.md").read_text(encoding="utf-8").rstrip()
    if name == "environment":
        text += "\n\n" + "\n".join(_setting_lines())
    if name == "formatting":
        text += "\n\n" + "\n".join(_field_lines())
    return text


def errors() -> dict[str, str]:
    """What each error means and what to do, by slug."""
    text = (TOPICS_FOLDER / f"{_ERRORS}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## +(\S+)\n", text, flags=re.MULTILINE)[1:]
    return {slug: body.strip() for slug, body in zip(parts[::2], parts[1::2], strict=True)}


def tree() -> dict[str, Any]:
    """Every command with its options, examples and fields, for programs."""
    return {
        "schema": "art.help/1",
        "global_options": [option._asdict() for option in describe_global_options()],
        "commands": [_described(load(name), name, group) for group, names in GROUPS.items() for name in names],
        "topics": topics(),
        "errors": list(errors()),
    }


def _described(command: Any, path: str, group: str) -> dict[str, Any]:
    own = getattr(command, "own", None) or command
    parameters = [p for p in own.params if not p.name.startswith("global_")]
    described: dict[str, Any] = {
        "name": path,
        "group": group,
        "help": COMMANDS.get(path) or _summary(command),
        "description": inspect.cleandoc(command.help or ""),
        "examples": command.examples.splitlines(),
        "arguments": [_argument(p) for p in parameters if p.param_type_name == "argument"],
        "options": [_option(p) for p in parameters if p.param_type_name == "option"],
    }
    if isinstance(command, Group):
        described["commands"] = [_described(member, f"{path} {word}", group) for word, member in _members(command)]
    if path in COMMANDS:
        described["fields"] = {schema.title: schema.names for schema in schemas(path)}
    return described


def _members(group: Group) -> list[tuple[str, Any]]:
    return [(name, group.get_command(None, name)) for name in group.functions]


def _argument(parameter: Any) -> dict[str, Any]:
    return {
        "name": parameter.human_readable_name,
        "required": parameter.required,
        "many": parameter.nargs == -1,
        "help": parameter.help or "",
    }


def _option(parameter: Any) -> dict[str, Any]:
    return {
        "names": [*parameter.opts, *parameter.secondary_opts],
        "flag": parameter.is_flag,
        "many": parameter.multiple,
        "variable": parameter.envvar,
        "help": parameter.help or "",
    }


def schemas(name: str) -> list[Schema]:
    """The kinds of items that a command prints, or the commands of a group."""
    module = module_of(name)
    members = [sys.modules[function.__module__] for function in getattr(module, "SUBCOMMANDS", {}).values()]
    found = [schema for one in (module, *members) for schema in schemas_in(one)]
    return list({schema.title: schema for schema in found}.values())


def _summary(command: Any) -> str:
    return inspect.cleandoc(command.help or "").partition("\n")[0].rstrip(".")


def _columns(rows: dict[str, str]) -> list[str]:
    wide = max(map(len, rows))
    return [f"  {name:<{wide}}  {text}" for name, text in rows.items()]


def _setting_lines() -> Iterator[str]:
    for setting in (*SETTINGS.values(), TYPES):
        yield f"{setting.variable}  (setting {setting.name})"
        yield f"    {setting.help}" + (f": {', '.join(setting.choices)}" if setting.choices else "")


def _field_lines() -> Iterator[str]:
    for name in COMMANDS:
        for schema in schemas(name):
            line = f"art {name}: {', '.join(schema.names)}"
            yield textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
