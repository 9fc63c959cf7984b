"""Changing settings in their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.errors import UsageError
from artcli.flows.configure import remove_setting, write_setting
from tests.kit.strict_disk import StrictDisk


def test_writing_keeps_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    assert write_setting(path, "jobs", "3") == 3
    path.write_text('# mine\nproject = "a"  # why\n\n[types]\n# words\nmodel = ["x"]\n')
    write_setting(path, "project", "b")
    write_setting(path, "types.dataset", "frames, recordings")
    assert path.read_text() == (
        '# mine\nproject = "b"  # why\n\n[types]\n# words\nmodel = ["x"]\ndataset = ["frames", "recordings"]\n'
    )
    assert remove_setting(path, "types.model")
    assert not remove_setting(path, "types.model")
    assert remove_setting(path, "project")
    assert path.read_text() == '# mine\n\n[types]\n# words\ndataset = ["frames", "recordings"]\n'
    assert sorted(os.listdir(path.parent)) == ["config.lock", "config.toml"]


def test_writing_refuses_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_setting(tmp_path / "config.toml", "color", "red")
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize("text", [b"project = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_stays_as_it_is(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text)
    for change in (lambda: write_setting(path, "project", "x"), lambda: remove_setting(path, "project")):
        with pytest.raises(UsageError) as caught:
            change()
        assert caught.value.slug == "bad-config"
    assert path.read_bytes() == text


def test_what_was_set_is_there_after_a_power_cut(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with StrictDisk(folder) as disk:
        for jobs in "34":
            write_setting(folder / "config.toml", "jobs", jobs)
            disk.cut(tmp_path / jobs)
            assert (tmp_path / jobs / "config.toml").read_text() == f"jobs = {jobs}\n"
