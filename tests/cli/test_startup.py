"""A command imports what it needs and nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.web.conftest import Serve, serve

__all__ = ["serve"]

HEAVY = {
    "rich", "numpy", "asyncio", "starlette", "uvicorn", "urllib3", "pathspec", "zstandard", "pyfastcdc", "sqlite3",
    "tomlkit", "concurrent.futures", "multiprocessing", "importlib.metadata", "http.client", "blake3",
}  # fmt: skip


REPORT = (
    "import sys; before = set(sys.modules); from artcli.cli.main import run; code = run(sys.argv[1:]);"
    "print(*sorted(set(sys.modules) - before), file=sys.stderr); sys.exit(code)"
)


def imported(art: Art, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", REPORT, *arguments]
    run = subprocess.run(command, cwd=art.directory, capture_output=True, text=True, check=True)
    return set(run.stderr.split())


@pytest.mark.parametrize("arguments", [["--version"], [], ["config", "get", "project"], ["config", "list", "-h"]])
def test_nothing_needless(art: Art, arguments: list[str]) -> None:
    modules = imported(art, *arguments)
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith(("artcli.store", "artcli.catalog", "artcli.flows"))}


def test_only_the_command_that_runs_is_imported(art: Art) -> None:
    modules = imported(art, "config", "get", "project")
    assert {name for name in modules if name.startswith("artcli.cli.commands.")} == {"artcli.cli.commands.config"}
    assert "artcli.cli.progress" not in modules


def test_a_server_is_spoken_to_with_what_python_has(art: Art, serve: Serve, tmp_path: Path) -> None:
    """urllib3 takes as long to import as a small command has."""
    (tmp_path / "nas").mkdir()
    url = serve(tmp_path / "nas").url
    (art.directory / "data").write_bytes(random.Random(1).randbytes(1 << 20))
    assert art("init").code == 0
    assert art("log-artifact", "d", "data").code == 0
    assert art("remote", "add", "nas", url).code == 0
    commands = [["push"], ["fetch"], ["clone", url, "other"], ["-C", "other", "use", "d:latest"], ["-C", url, "ls"]]
    for command in commands:
        modules = imported(art, *command)
        assert "http.client" in modules, command
        assert "urllib3" not in modules
