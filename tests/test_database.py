"""Where a database of several processes may not have a write-ahead log it has none, and is shared all the same."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from artcli.database import journal_of


def test_small_blocks_have_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block, journal in ((1024, "TRUNCATE"), (4096, "WAL"), (65536, "WAL")):
        monkeypatch.setattr(os, "statvfs", lambda _, block=block: SimpleNamespace(f_frsize=block))
        assert journal_of(tmp_path / "database") == journal
    assert journal_of(None) == "WAL"


def test_a_place_that_is_not_there() -> None:
    assert journal_of(Path("/nowhere/at/all")) == "WAL"
