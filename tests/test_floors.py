"""The shape of the program: who imports whom, how long a room may grow, and who may print."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import artcli

PACKAGE = Path(artcli.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULE_LINES, FUNCTION_LINES = 400, 60
TERMINAL = {"typer", "rich"}


def test_a_module_imports_its_own_folder_and_the_floors_below() -> None:
    """The contract is in pyproject.toml; it also fails when a new folder has no floor."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as check; check()", "--no-cache"],
        cwd=PACKAGE.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_the_shape_of_a_module(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) < MODULE_LINES, f"split {name} at its natural rooms"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1  # a command's options are its signature
            assert length < FUNCTION_LINES, f"{name}: {node.name} is {length} lines long"
    if not name.startswith("cli/"):
        assert not TERMINAL & set(imports(tree)), f"{name}: only the command line knows a terminal"
    assert "TODO" not in text
    assert "FIXME" not in text


@pytest.mark.parametrize("name", [name for name, path in MODULES.items() if path.read_text().strip()])
def test_a_module_says_what_lives_in_it(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8"))), f"{name} has no docstring"
