"""The options that every command takes, before or after its name: one list, given to `art` and each command.

A value given after the command wins; `-C` and `-q`, `-v` add up. A command that has an option of its own with
one of these names keeps its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperOption

from artcli.settings import Value


class Flags:
    """What the global options said. `settings` are those that are settings, by name."""

    def __init__(self) -> None:
        self.directories: list[str] = []
        self.settings: dict[str, Value] = {}
        self.json = False
        self.format: str | None = None
        self.field: str | None = None
        self.header = False
        self.quiet = 0
        self.verbose = 0
        self.debug = False
        self.page = True
        self.yes = False

    @property
    def want_items(self) -> bool:
        """Whether fields are asked for, and not what stands for them on a terminal: a drawing, bytes, a page."""
        return self.json or self.field is not None or self.format is not None


Change = Callable[[Flags, Any], None]


def global_options(taken: Iterable[str] = ()) -> list[TyperOption]:
    """The options, without the names that a command has `taken` for itself."""
    taken = set(taken)
    options = []
    for names, metavar, change, help in _OPTIONS:
        free = [name for name in names if name not in taken]
        if free:
            options.append(_option(tuple(free), metavar, change, help))
    return options


class Described(NamedTuple):
    """A global option as help shows it."""

    names: list[str]
    metavar: str | None
    help: str


def describe_global_options() -> list[Described]:
    """The global options, for `art help`."""
    return [Described(names, None if metavar == "+" else metavar, help) for names, metavar, _, help in _OPTIONS]


@cache
def _option(names: tuple[str, ...], metavar: str | None, change: Change, help: str) -> TyperOption:
    def callback(context: typer.Context, option: Any, value: Any) -> None:
        if value:
            change(context.obj.flags, value)

    common: dict[str, Any] = {"callback": callback, "expose_value": False, "help": help}
    decls = ["global_" + names[-1].strip("-").replace("-", "_"), *names]
    if metavar is None:
        return TyperOption(param_decls=decls, is_flag=True, default=False, **common)
    if metavar == "+":
        return TyperOption(param_decls=decls, count=True, default=0, **common)
    return TyperOption(param_decls=decls, metavar=metavar, multiple=metavar == "DIR", type=str, **common)


def _set(name: str, value: Value | None = None) -> Change:
    def change(flags: Flags, given: Any) -> None:
        flags.settings[name] = given if value is None else value

    return change


def _attribute(name: str) -> Change:
    return lambda flags, given: setattr(flags, name, given)


def _add(name: str) -> Change:
    return lambda flags, given: setattr(flags, name, getattr(flags, name) + given)


def _json(flags: Flags, given: bool) -> None:
    flags.json, flags.format = True, None


def _format(flags: Flags, given: str) -> None:
    flags.json, flags.format = (True, None) if given == "json" else (False, given)


def _no_pager(flags: Flags, given: bool) -> None:
    flags.page = False


def enter_directories(directories: Iterable[str]) -> str | None:
    """Work in DIR, each relative to the one before, as `git -C` does; returns the last of them if it is a URL.

    Raises NotFoundError (`no-such-directory`), UsageError.
    """
    from artcli.errors import NotFoundError, UsageError

    url: str | None = None
    for directory in directories:
        if url is not None:
            raise UsageError("bad-usage", f"-C {directory} comes after -C {url}", hint="art help options")
        local = _repository_at(directory) if "://" in directory else Path(directory)
        if local is None:
            url = directory
            continue
        try:
            os.chdir(local)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError("no-such-directory", f"no directory '{directory}'", hint="art help options") from None
    return url


def _repository_at(url: str) -> Path | None:
    """The directory of a working repository, if the URL is its: then it is as good as its path."""
    from artcli.buckets.urls import REPOSITORY, directory

    path = directory(url)
    return path if path is not None and (path / REPOSITORY).is_dir() else None


_OPTIONS: list[tuple[list[str], str | None, Change, str]] = [
    (
        ["-C"],
        "DIR",
        lambda flags, given: flags.directories.extend(given),
        "work in DIR, or look into the place at a URL",
    ),
    (["-p", "--project"], "NAME", _set("project"), "project of names given without one"),
    (["--json"], None, _json, "print JSON"),
    (["--format"], "TEXT", _format, "print TEXT for each item, with its {fields} filled in"),
    (["--field"], "PATH", _attribute("field"), "print one raw value, such as metadata.stage"),
    (["--header"], None, _attribute("header"), "print the names of the columns even into a pipe"),
    (["-q", "--quiet"], "+", _add("quiet"), "only names, one a line; -qq: only errors"),
    (["-v", "--verbose"], "+", _add("verbose"), "say more"),
    (["--debug"], None, _attribute("debug"), "show where an error came from"),
    (["--color"], "WHEN", _set("color"), "auto, always or never"),
    (["-P", "--no-pager"], None, _no_pager, "do not page long output"),
    (["--progress"], "MODE", _set("progress"), "auto, bar, plain, json or off"),
    (["--no-progress"], None, _set("progress", "off"), "the same as --progress off"),
    (["--no-input"], None, _set("no-input", True), "never ask a question"),
    (["-y", "--yes"], None, _attribute("yes"), "answer yes to every question"),
    (["-j", "--jobs"], "N", _set("jobs"), "threads or processes that work at once"),
]
