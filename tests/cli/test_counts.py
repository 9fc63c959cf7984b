"""Large counts: thousands are parted where people read them, and never in data."""

from __future__ import annotations

import pytest

from tests.kit.command_line import Art


def test_one(art: Art) -> None:
    art("init")
    (art.directory / "file").write_text("mine")
    assert art("log-artifact", "one", "file").err.startswith("one:v0  +1 of 1 file  ")
    assert art("use", "one").err.startswith("one:v0  wrote 1 of 1 file, ")
    (art.directory / "artifacts" / "one:v0" / "file").write_text("other")
    again = art("use", "one").err
    assert again.startswith("1 file of yours made room: now in ")
    assert "\none:v0  wrote 1 of 1 file, " in again


def test_thousands(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ART_PROGRESS", "off")  # a slow machine would be told of
    art("init")
    data = art.directory / "data"
    data.mkdir()
    for number in range(1100):
        (data / str(number)).write_bytes(b"%d" % number)
    logged = art("log-artifact", "dataset", "data")
    assert logged.err.startswith("dataset:v0  +1,100 of 1,100 files  ")
    assert art("log-artifact", "dataset", "data").err == "dataset:v0  has this content already  1,100 files\n"
    assert art("log-artifact", "dataset", "data", "--json").json_lines[-1]["entries"] == 1100
    assert art("use", "dataset").err.startswith("dataset:v0  wrote 1,100 of 1,100 files, ")
    assert art("verify", "dataset").err.startswith("dataset:v0  1,100 files, ")
    assert art("ls", "dataset:v0", "--field", "size").code == 0
    art("log-artifact", "one", "data/1")
    assert art("diff", "one:v0", "dataset:v0").err.endswith("  1,099 added  3.3 KB new\n")
    assert art("diff", "one:v0", "dataset:v0", "--summary", "--json").json["added"] == 1099
    for path in data.iterdir():
        path.unlink()
    assert art("status", "data").err == "data  dataset:v0  1,100 deleted\n"
    assert "\t1100 deleted\t" in art("status").out
    assert "  1,100 deleted  " in art.on_terminal("status", NO_COLOR="1").out
    assert art("status", "--json").json["items"][-1]["state"] == "1100 deleted"
