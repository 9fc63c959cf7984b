"""The command lines that the project shows to people: where they stand, how to read and how to parse them.

pages       README, FORMAT, CHANGELOG, the pages of `art help`: lines of code blocks, and `art …` in backticks
examples    of each command's help
source      hints, other strings that are a command line, and `art …` in backticks inside of strings
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import artcli
from artcli.cli.commands import COMMANDS
from artcli.cli.console import Console
from artcli.cli.parser import Art as Parser
from artcli.cli.parser import Group, load

SOURCE = Path(artcli.__file__).parent
CHECKOUT = SOURCE.parent
PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CHANGELOG.md",
    SOURCE / "FORMAT.md",
    *sorted((SOURCE / "cli" / "topics").glob("*.md")),
]

_SPAN = re.compile(r"`(art [^`]+)`")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}((?:\w.* )?\bart .*)$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#\s.*$")
_CALL = re.compile(r"(?:^|[|;&(]\s*)art\s")


class Line(NamedTuple):
    text: str
    place: str


def blocks(page: Path) -> list[str]:
    """The blocks of shell on a page."""
    return [block for language, block in _FENCE.findall(page.read_text("utf-8")) if language == "sh"]


def on_page(page: Path) -> Iterator[Line]:
    """What a page tells to type."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    found = [line for block in blocks(page) for line in block.splitlines()]
    found += _INDENTED.findall(prose)
    found += [" ".join(span.split()) for span in _SPAN.findall(prose)]
    return (Line(line, page.name) for line in found)


def in_examples(command: str) -> Iterator[Line]:
    """The examples of a command's help."""
    return (Line(line, f"art help {command}") for line in load(command).examples.splitlines())


def in_source() -> Iterator[Line]:
    """The command lines in the strings of all modules; what is filled in when they are shown is the word `dataset`."""
    for path in sorted(SOURCE.rglob("*.py")):
        finder = _Finder(path.relative_to(CHECKOUT).as_posix())
        finder.visit(ast.parse(path.read_text("utf-8")))
        yield from finder.found


class _Finder(ast.NodeVisitor):
    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Line] = []
        self._in_hint = False

    def visit_keyword(self, node: ast.keyword) -> None:
        self._hint(node, node.arg == "hint")

    def visit_Assign(self, node: ast.Assign) -> None:
        self._hint(node, any(isinstance(target, ast.Name) and target.id == "hint" for target in node.targets))

    def _hint(self, node: ast.AST, is_hint: bool) -> None:
        before, self._in_hint = self._in_hint, self._in_hint or is_hint
        self.generic_visit(node)
        self._in_hint = before

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._take(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = (part.value if isinstance(part, ast.Constant) else "dataset" for part in node.values)
        self._take("".join(map(str, parts)), node.lineno)

    def _take(self, text: str, line: int) -> None:
        place = f"{self.file}:{line}"
        whole = text.split("   ")[0]  # behind three spaces a hint says what the command does
        word = re.match(r"art ([a-z]\S*)", whole)
        if word and "\n" not in text and (self._in_hint or word[1] in COMMANDS):
            self.found.append(Line(whole, place))
        self.found += [Line(" ".join(span.split()), place) for span in _SPAN.findall(text)]


def calls(line: str) -> Iterator[list[str]]:
    """The words after `art` of each call of it in a line of shell; what only mentions a command is no call."""
    line = _COMMENT.sub("", line)
    for start in _CALL.finditer(line):
        rest = line[start.end() :]
        if line[: start.end()].count('"') % 2:  # "$(art …)"
            rest = rest.split(")")[0]
        lexer = shlex.shlex(rest, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("|;&()<>"):
                break
            if word != "…":
                words.append("5" if word in ("N", "$$", "$?") else word)
            elif words[-1].startswith("-"):
                words.append("key=value")
        if re.fullmatch(r"-\w|--\w+|[a-z][a-z-]+", words[0]):
            yield words


def parse(words: list[str]) -> None:
    """Let the real parser read the words, and run nothing; raises what it raises. A lone word must be a command, and so
    must what stands before --help."""
    console = Console(words)
    command, name, above = Parser(), "art", None
    while True:
        context = command.make_context(name, words, parent=above, **({} if above else {"obj": console}))
        words = [*context._protected_args, *context.args]
        if not isinstance(command, Group) or not words:
            return
        name, command, words = command.resolve_command(context, words)
        if not words or words[0] in ("-h", "--help"):
            return
        above = context
