"""The one parser: typer's, with commands that are imported when they are used.

A command's file has a function `command`, whose parameters are the options, and `EXAMPLES`. A file with a mapping
`SUBCOMMANDS` instead (name to function) is a group, such as `art config`. A file with both is a group whose own command
takes the words behind `--`: `art run start`, and `art run -- CMD`.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from artcli.cli.commands import COMMANDS, ELSEWHERE
from artcli.cli.options import Flags, global_options
from artcli.errors import UsageError

HELP_NAMES = ["-h", "--help"]
_BACK = re.compile("-[1-9][0-9]{0,6}")


class Command(TyperCommand):
    """A command that also takes the global options, and shows its examples first."""

    examples = ""
    home = ""
    """The module of its function, which has the schemas of what it prints."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        self._take_global_options()
        return super().make_context(info_name, self._run_words(self._bare(args)), parent=parent, **extra)

    def _bare(self, args: list[str]) -> list[str]:
        """`--push` without a value, where an option takes one only behind `=`: the value is empty then."""
        options = [option for option in self.params if _is_option(option) and str(option.metavar).startswith("[")]
        names = {name for option in options for name in option.opts}
        end = args.index("--") if "--" in args else len(args)
        return [f"{word}=" if word in names else word for word in args[:end]] + args[end:]

    def _run_words(self, args: list[str]) -> list[str]:
        """`-1`, the last run, is no option where a run is asked for."""
        if not any("RUN" in str(parameter.metavar) for parameter in self.params if not _is_option(parameter)):
            return args
        valued = {
            name
            for option in self.params
            if _is_option(option) and not getattr(option, "is_flag", False)
            for name in option.opts
        }
        pairs = zip(["", *args], args, strict=False)
        return [f"run:{word}" if _BACK.fullmatch(word) and before not in valued else word for before, word in pairs]

    def _take_global_options(self) -> None:
        own = [parameter for parameter in self.params if not _is_global(parameter)]
        taken = [name for parameter in own for name in (*parameter.opts, *parameter.secondary_opts)]
        self.params = [*own, *global_options(taken)]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`REF [ALIAS]...`, without the braces that typer puts around what is required."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: Any) -> Any:
        ctx.obj.begin(str(ctx.command_path).split()[1])
        self._check_fields(ctx.obj.flags)
        return super().invoke(ctx)

    def _check_fields(self, flags: Flags) -> None:
        """A field that is misspelt is told before anything is done."""
        module = sys.modules[self.home]
        if (flags.field is None and flags.format is None) or getattr(module, "COLUMNS_VARY", False):
            return
        from artcli.cli.formatting import check_fields

        check_fields(flags.field, flags.format, schemas_in(module))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from artcli.cli.help import write_command

        write_command(self, ctx, formatter)


class Group(TyperGroup):
    """`art config` and its like: without a sub-command it shows what there is. `functions` are its commands."""

    examples = ""
    functions: Mapping[str, Callable[..., None]] = {}
    own: Command | None = None
    """The command that the group itself is, where there is a `--`."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if self.own is not None and "--" in args and args[0] not in self.functions:
            return self.own.make_context(info_name, args, parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.functions)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.functions:
            return None
        examples = _starting(self.examples, f"art {self.name} {cmd_name}")
        return _command(cmd_name, self.functions[cmd_name], examples)

    def invoke(self, ctx: Any) -> Any:
        if not ctx._protected_args:
            typer.echo(ctx.get_help())
            return None
        return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            error = unknown_command(args[0], self.list_commands(ctx), ctx.command_path)
            if self.own is not None and not error.facts:
                error.hint = shlex.join(["art", str(self.name), "--", *args])
            raise error
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from artcli.cli.help import write_group

        write_group(self, ctx, formatter)


class Art(Group):
    """`art` itself."""

    def __init__(self) -> None:
        version = typer.core.TyperOption(
            param_decls=["version", "--version"], is_flag=True, default=False, is_eager=True, expose_value=False,
            callback=_print_version, help="print the version of art",
        )  # fmt: skip
        super().__init__(
            name="art", params=[*global_options(), version], rich_markup_mode=None,
            context_settings={"help_option_names": HELP_NAMES},
        )  # fmt: skip

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from artcli.cli.help import overview

        formatter.write(overview())


@cache
def load(name: str) -> Command | Group:
    """The command of this name; its file is imported now."""
    module = module_of(name)
    examples = str(getattr(module, "EXAMPLES", "")).strip("\n")
    functions = getattr(module, "SUBCOMMANDS", None)
    if functions is None:
        return _command(name, module.command, examples)
    group = Group(name=name, help=module.__doc__, rich_markup_mode=None, params=list(global_options()))
    group.examples, group.functions = examples, functions
    if hasattr(module, "command"):
        group.own = _command(name, module.command, examples)
    return group


def module_of(name: str) -> ModuleType:
    """The file of a command, imported."""
    return import_module("artcli.cli.commands." + name.replace("-", "_"))


@cache
def _command(name: str, function: Callable[..., None], examples: str) -> Command:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command)(function)
    command = typer.main.get_command(app)
    assert isinstance(command, Command)
    command.examples, command.home = examples, function.__module__
    return command


def schemas_in(module: ModuleType) -> list[Any]:
    """The kinds of items that commands of this file print (`formatting.Schema`)."""
    from artcli.cli.formatting import Schema

    return [value for value in vars(module).values() if isinstance(value, Schema)]


def _starting(examples: str, start: str) -> str:
    return "\n".join(line for line in examples.splitlines() if line.startswith(start))


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _is_global(parameter: Any) -> bool:
    return str(parameter.name).startswith("global_")


def _print_version(context: Any, option: Any, value: bool) -> None:
    if value:
        from artcli import __version__

        typer.echo(f"art {__version__}")
        raise typer.Exit


def unknown_command(word: str, commands: list[str], path: str = "art") -> UsageError:
    """No such command: what was perhaps meant, or how `art` calls what another tool calls `word`."""
    hint = f"{path.split(' [')[0]} --help" if path != "art" else "art help"
    facts = []
    elsewhere = ELSEWHERE.get(word, "") if path == "art" else ""
    if elsewhere and elsewhere.split()[1] in (*commands, "--version"):
        hint = elsewhere
    else:
        from artcli.cli.failures import nearest

        if close := nearest(word, commands):
            facts = [f"did you mean '{close}'?"]
            hint = f"{path} {close} --help"
    return UsageError("unknown-command", f"no command '{word}'", facts=facts, hint=hint)
