"""A config from a file: the same values in each form, and what cannot be read is told with its form."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.errors import NotFoundError, UsageError
from artcli.flows.runs.config_file import read


def test_each_form(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"lr": 1e-3, "model": {"day": "2026-11-01"}}')
    (tmp_path / "a.toml").write_text("lr = 1e-3\n[model]\nday = 2026-11-01\n")
    wanted = {"lr": 0.001, "model": {"day": "2026-11-01"}}
    assert read(tmp_path / "a.json") == read(tmp_path / "a.toml") == wanted
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text(), "utf-8-sig")  # as some editors do
    assert read(tmp_path / "a.json") == wanted
    (tmp_path / "a.json").rename(tmp_path / "a")
    assert read(tmp_path / "a") == wanted
    pytest.importorskip("yaml")
    (tmp_path / "a.YML").write_text("lr: 1e-3\nmodel: {day: 2026-11-01}\n")
    assert read(tmp_path / "a.YML") == wanted
    (tmp_path / "a.YML").rename(tmp_path / "a.conf")
    assert read(tmp_path / "a.conf", otherwise=".yaml") == wanted


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"{", "is no JSON"), ("a.json", b"[" * 100_000, "is no JSON"), ("a.json", b"1", "no JSON object"),
        ("a.toml", b"=", "is no TOML"), ("a.toml", b"\xff", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_no_config(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=told) as caught:
        read(tmp_path / name)
    assert caught.value.slug == "bad-value"
    with pytest.raises(NotFoundError):
        read(tmp_path / "nothing.json")
