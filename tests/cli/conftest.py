"""`art` in a fresh directory, far from the settings of whoever runs the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kit.command_line import Art

FOREIGN = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "VISUAL", "EDITOR", "CI")


@pytest.fixture
def art(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Art:
    for name in os.environ:
        if name.startswith("ART_") or name in FOREIGN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "user.toml"))
    monkeypatch.setenv("ART_USER", "tester")
    work = tmp_path / "work"
    work.mkdir()
    return Art(work)
