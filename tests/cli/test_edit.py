from __future__ import annotations

import sys
from pathlib import Path

import pytest

from artcli.store.pack import pack_key
from tests.cli.shelf import fill
from tests.kit.command_line import Art


def test_edit(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    pairs = ["lr=2e-3", "stage=dev", 'o={"a": [1, null]}', "n=null", 's="3"']
    words = [word for pair in pairs for word in ("--set", pair)]
    result = art("edit", "model:v0", *words, "--description", "first", "-m", "why")
    assert (result.code, result.out) == (0, "model:v0\n")
    assert result.err == "model:v0  description, lr, stage, o, n, s changed\n"
    version = made.catalog.numbered(1, 0)
    assert version
    made.refresh()
    assert made.catalog.numbered(1, 0).metadata == {  # type: ignore[union-attr]
        "lr": 0.002, "stage": "dev", "o": {"a": [1, None]}, "n": None, "s": "3",
    }  # fmt: skip
    assert art("edit", "model:v0", "--set", "stage=dev").err == "model:v0  nothing to change\n"
    assert art("edit", "model:v0", "--unset", "o", "--unset", "n", "--json").json == {
        "schema": "art.edited/1", "ref": "model:v0", "changed": ["o", "n"],
    }  # fmt: skip
    result = art("edit", "model", "--rename", "net", "--keep-last", "3")
    assert (result.out, result.err) == ("net\n", "net  keep_last, name changed\n")


def test_a_note_from_a_file_or_stdin(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    (art.directory / "CARD.md").write_text("# Title\n\nüber\n", encoding="utf-8")
    assert art("edit", "data", "-F", "CARD.md").err == "data  note changed\n"
    assert art("edit", "data:v0", "-F", "-", stdin=b"piped").err == "data:v0  note changed\n"
    made.refresh()
    assert made.catalog.artifact("uncategorized", "data").note == "# Title\n\nüber\n"  # type: ignore[union-attr]
    assert art("edit", "data", "-F", "-", "--json", stdin=b"\xff").error["code"] == "unfit-value"
    assert art("edit", "data", "-F", "-", "--note", "x").code == 2
    assert art("edit", "data", "-F", "gone").code == 1


def test_edit_refused(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("edit", "model", "--set", "a=1")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: metadata belongs to a version, and 'model' names none\nhint: art edit model:latest --set …\n"
    )
    result = art("edit", "model:v0")
    assert (result.code, result.err) == (2, "error: an editor needs a terminal\nhint: art edit model:v0 --note TEXT\n")
    assert art("edit", "model:v0", "--json").error["code"] == "no-terminal"
    assert art("edit", "model:v0", "--set", "nonsense", "--json").error["code"] == "bad-value"
    assert art("edit", "model", "--keep-last", "-1").code == 2


def test_numbers_that_json_has_not_are_named(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    (art.directory / "facts.toml").write_text("good = 1\nbad = [inf]\n")
    for word, told in (("x=1e400", "'x=1e400'"), ("x=[1, -1e999]", "'x=[1, -1e999]'"), ("@facts.toml", "bad in 'fac")):
        result = art("edit", "model:v0", "--set", "y=1", "--set", word)
        assert (result.code, result.out) == (2, "")
        assert f"cannot hold: {told}" in result.err


def editor(folder: Path, program: str) -> str:
    """A command that edits a file with a line of Python; `text` is what it holds."""
    script = folder / "editor.py"
    script.write_text(
        f"import sys\npath = sys.argv[1]\ntext = open(path).read()\n{program}\nopen(path, 'w').write(text)"
    )
    return f"{sys.executable} {script}"


def test_in_an_editor(art: Art, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    change = editor(tmp_path, "text = text.replace('lr = 0.0', 'lr = 5') + 'a note'")
    result = art.on_terminal("edit", "model:v0", ART_EDITOR=change)
    assert (result.code, result.err) == (0, "model:v0  note, lr changed\n")
    made.refresh()
    version = made.catalog.numbered(1, 0)
    assert version
    assert (version.note, version.metadata) == ("a note", {"lr": 5})
    assert list(tmp_path.glob("art-*.md")) == []
    result = art.on_terminal("edit", "model:v0", ART_EDITOR=editor(tmp_path, "text = 'my long work'"))
    assert result.code == 2
    (kept,) = tmp_path.glob("art-*.md")
    assert f"your text is kept in {kept}" in result.err
    assert kept.read_text() == "my long work"


def test_a_long_note_is_shown_wherever_a_short_one_is(
    art: Art, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(art, monkeypatch)
    note = "First line\n" + "".join(f"line {n}\n" for n in range(1000))
    art("edit", "data:v0", "--description", "")
    assert art("edit", "data:v0", "-F", "-", stdin=note.encode()).err == "data:v0  note changed\n"
    assert art("edit", "data", "-F", "-", stdin=note.encode()).err == "data  note changed\n"
    shown = art("show", "data:v0", "--json").json
    assert (shown["note"], shown["artifact"]["note"]) == (note, note)
    assert art("show", "data:v0", "--field", "note").out == note + "\n"
    (listed,) = [item for item in art("ls", "data", "--json").json["items"] if item["ref"] == "data:v0"]
    assert (listed["note"], listed["about"]) == (note, "First line")
    (named,) = [item for item in art("ls", "--json").json["items"] if item["ref"] == "data"]
    assert (named["note"], named["about"]) == (note, "First line")
    for command in ("log", "audit", "undo"):
        words = (command, "--list", "--json") if command == "undo" else (command, "data:v0", "--json")
        event = next(item for item in art(*words).json["items"] if item["ref"] == "data:v0")
        assert (event["new"], event["text"]) == (note, "note: First line…"), command
        assert art("show", event["id"], "--json").json["new"] == note
    assert art("rm", "data:v0", "-n", "--json").json["items"][0]["about"] == "First line"
    seen = editor(tmp_path, f"assert 'line 999' in text; open({str(tmp_path / 'seen')!r}, 'w').write(text)")
    assert art.on_terminal("edit", "data:v0", ART_EDITOR=seen).err == "data:v0  nothing to change\n"
    assert note.strip() in (tmp_path / "seen").read_text()
    too_much = art("edit", "data", "-F", "-", "--json", stdin=b"\xc3\xbc" * (1 << 19) + b"x")
    assert (too_much.code, too_much.error["code"]) == (2, "text-too-long")


def test_a_note_that_is_lost_hides_nothing_else(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    assert art("edit", "data:v0", "--note", "x" * 5000).code == 0
    made.refresh()
    (pack,) = {row.pack for index in made.store.indexes for row in index.rows() if row.length == 5000}
    (made.path / pack_key(pack)).unlink()
    shown = art("show", "data:v0", "--json")
    assert (shown.code, shown.json["note"], shown.json["ref"]) == (0, None, "data:v0")
    assert "the note of data:v0 cannot be read: chunk" in shown.err
    assert art("ls", "data").code == art("log").code == art("audit").code == 0
    event = art("audit", "data:v0", "--json").json["items"][0]
    assert event["new"].keys() == {"text"}
    assert "text\t" in art("fsck", "data:v0").out
    assert art("edit", "data:v0", "--note", "x" * 5000).err == "data:v0  nothing to change\n"
    art("fsck", "--repair")
    assert (art("fsck", "data:v0").code, art("show", "data:v0", "--json").json["note"]) == (0, "x" * 5000)
