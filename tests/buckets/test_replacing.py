"""Small files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.buckets.replacing import replace
from tests.kit.strict_disk import StrictDisk


def test_it_is_there_after_a_power_cut(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with StrictDisk(folder) as disk:
        for data in (b"first", b"second"):
            replace(folder / "file", data, mode=0o600)
            disk.cut(tmp_path / data.decode())
            assert (tmp_path / data.decode() / "file").read_bytes() == data
    assert os.listdir(folder) == ["file"]
    assert (folder / "file").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        replace(tmp_path / "taken", b"new")
    assert os.listdir(tmp_path) == ["taken"]
