"""What a program is, when nobody but it can say so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.view import view
from artcli.sdk import noticing

KERNEL = """
import sys, types
sys.modules["ipykernel"] = types.ModuleType("ipykernel")
import artcli
with artcli.init(settings=artcli.Settings(disable_git=True)) as run:
    print("progress 1%", end="\\rprogress 2%\\n")
"""


@pytest.mark.parametrize(("session", "kept"), [("work.ipynb", True), ("gone.ipynb", False), ("train.py", False)])
def test_a_notebook(session: str, kept: bool, tmp_path: Path) -> None:
    (tmp_path / "work.ipynb").write_text(json.dumps({"cells": []}))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "JPY_SESSION_NAME": str(tmp_path / session)}
    subprocess.run([sys.executable, "-c", KERNEL], cwd=tmp_path, env=environ, check=True, capture_output=True)
    repository = Repository.open(tmp_path, tmp_path / ".art")
    (run,) = Register(repository.follower.database).runs()
    seen = view(repository, run.id)
    repository.close()
    assert seen.start.get("program") == ("work.ipynb" if kept else None)
    assert seen.start.get("code") == ("code/work.ipynb" if kept else None)


def test_no_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert noticing._notebook(tmp_path) is None
