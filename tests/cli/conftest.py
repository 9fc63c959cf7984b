"""`art` in a fresh directory, far from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from artcli.cli import parser
from artcli.cli.commands import COMMANDS
from tests.kit.command_line import Art

FOREIGN = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "VISUAL", "EDITOR", "CI")

Probe = Callable[[Callable[..., None]], None]


@pytest.fixture
def art(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Art:
    for name in os.environ:
        if name.startswith("ART_") or name in FOREIGN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "user.toml"))
    monkeypatch.setenv("ART_CACHE_DIR", str(tmp_path / "user-cache"))
    monkeypatch.setenv("ART_USER", "tester")
    work = tmp_path / "work"
    work.mkdir()
    return Art(work)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """`probe(function)` makes `function` the command `art probe`, for a look at what a command is given."""

    def install(function: Callable[..., Any]) -> None:
        module = ModuleType("artcli.cli.commands.probe")
        module.command = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "probe", "look")  # type: ignore[arg-type]
        parser.load.cache_clear()

    yield install
    parser.load.cache_clear()
