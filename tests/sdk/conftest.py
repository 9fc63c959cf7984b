"""A working directory of its own for each test, no settings from outside, and no run left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.records import Record
from artcli.sdk import current, voice


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith(("ART_", "WANDB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ART_USER", "somebody")
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "none.toml"))
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    voice._told.clear()
    yield directory
    current.finish_all()


def said(run: str, kind: str | None = None, *, console: bool = False) -> list[Record]:
    """What a run said, as any process may read it."""
    repository = Repository.open(Path.cwd())
    try:
        found = list(journal.everything(repository, run, console=console))
    finally:
        repository.close()
    return [record for record in found if kind is None or record.kind == kind]


def rows(run: str) -> list[tuple[int | None, dict[str, object]]]:
    """Rows of history as readers put them together: those of one step are one."""
    merged: dict[int | None, dict[str, object]] = {}
    for record in said(run, "history"):
        merged.setdefault(record.step, {}).update(record.data)
    return list(merged.items())
