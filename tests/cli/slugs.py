"""The slugs of every error that the source can raise, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import artcli
from artcli import errors

SOURCE = Path(artcli.__file__).parent
CLASSES = {name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")}
CLASSES |= {"error"}  # the parameter of checks that serve readers and writers alike


def slugs() -> dict[str, str]:
    """Each slug with the place of one of its uses."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for slug, line in _in_file(path):
            found.setdefault(slug, f"{path.relative_to(SOURCE.parent)}:{line}")
    return found


def _in_file(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and _called(node.func) in CLASSES:
            first = node.args[0]
            for slug in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                if isinstance(slug, ast.Constant) and isinstance(slug.value, str):
                    yield slug.value, node.lineno


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
