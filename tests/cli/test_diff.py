"""`art diff`: each view, on a pipe and on a terminal."""

from __future__ import annotations

import pytest

from tests.kit.command_line import Art
from tests.kit.trees import Empty, Link, plant
from tests.store.material import noise


@pytest.fixture
def repo(art: Art) -> Art:
    art("init")
    picture, other = noise(20_000, "p"), noise(5000, "o")
    before = {"classes.txt": b"cat\ndog\n", "l": b"x", "train/1.jpg": picture, "train/2.jpg": other}
    plant(art.directory / "data", before)
    art("log-artifact", "dataset", "data", "-M", "stage=raw")
    plant(
        art.directory / "data",
        {"classes.txt": b"cat\nbird\n", "l": Link("x"), "val/1.jpg": picture, "new|`name": b"", "e": Empty()},
    )
    art("log-artifact", "dataset", "data", "-M", "stage=clean")
    return art


HEAD = "dataset:v0 -> dataset:v1  2 added, 1 deleted, 1 modified, 1 renamed, 1 of another kind"


def test_rows(repo: Art) -> None:
    result = repo("diff", "dataset:v0", "dataset:v1")
    assert (result.code, result.out) == (
        0,
        "M\tclasses.txt\t\t8\t9\n"
        "A\te/\t\t\t0\n"
        "T\tl\t\t1\t0\n"
        "A\tnew|`name\t\t\t0\n"
        "D\ttrain/2.jpg\t\t5000\t\n"
        "R\tval/1.jpg\ttrain/1.jpg\t20000\t20000\n",
    )
    assert result.err == f"{HEAD}  9 B new\n"
    assert repo("diff", "dataset:v0", "dataset:v1", "--name-status").lines[-1] == "R\tval/1.jpg\ttrain/1.jpg"
    assert repo("diff", "dataset:v0", "dataset:v1", "-q", "--", "train", "val").out == "train/2.jpg\nval/1.jpg\n"
    assert repo("diff", "dataset:v1", "--format", "{status} {path}", "--", "l").out == "T l\n"


def test_its_document(repo: Art) -> None:
    document = repo("diff", "dataset:v1", "--json").json
    assert document["schema"] == "art.diff/1"
    assert {name: document["items"][-1][name] for name in ("status", "path", "old_path", "new_size", "old_size")} == {
        "status": "R", "path": "val/1.jpg", "old_path": "train/1.jpg", "new_size": 0, "old_size": 20_000,
    }  # fmt: skip


def test_nothing_differs(repo: Art) -> None:
    result = repo("diff", "dataset:v1", "./data", "--exit-code")
    assert (result.code, result.out, result.err) == (0, "", "dataset:v1 -> ./data  the same\n")
    assert repo("diff", "dataset:v0", "./data", "--exit-code").code == 1
    assert repo("diff", "dataset:v0", "./data").code == 0


def test_counts(repo: Art) -> None:
    assert repo("diff", "dataset:v1", "--stat").out == (
        "all\t\t2\t1\t1\t1\t1\t9\n"
        "folder\t./\t2\t0\t1\t0\t1\t9\n"
        "folder\ttrain/\t0\t1\t0\t0\t0\t0\n"
        "folder\tval/\t0\t0\t0\t1\t0\t0\n"
        "suffix\t\t2\t0\t0\t0\t1\t0\n"
        "suffix\t.jpg\t0\t1\t0\t1\t0\t0\n"
        "suffix\t.txt\t0\t0\t1\t0\t0\t9\n"
    )
    assert repo("diff", "dataset:v1", "--summary").out == f"{HEAD}  9 B new\n"
    summary = repo("diff", "dataset:v1", "--summary", "--json").json
    assert (summary["a"], summary["b"], summary["added"], summary["renamed"]) == ("dataset:v0", "dataset:v1", 2, 1)
    assert repo("diff", "dataset:v1", "--summary", "--field", "deleted").out == "1\n"


def test_contents(repo: Art) -> None:
    result = repo("diff", "dataset:v0", "dataset:v1", "--content", "--", "classes.txt")
    expected = "--- dataset:v0/classes.txt\n+++ dataset:v1/classes.txt\n@@ -1,2 +1,2 @@\n cat\n-dog\n+bird\n"
    assert (result.code, result.out) == (0, expected)
    items = repo("diff", "dataset:v1", "--content", "--json", "--", "classes.txt").json["items"]
    assert items[0]["diff"] == expected[:-1]
    shown = repo.on_terminal("diff", "dataset:v0", "dataset:v1", "--content", "--", "classes.txt")
    assert "\x1b[31m-dog\x1b[0m\n\x1b[32m+bird\x1b[0m\n" in shown.out


def test_markdown(repo: Art) -> None:
    assert repo("diff", "dataset:v1", "--format", "md").out == (
        "### `dataset:v0` → `dataset:v1`\n"
        "\n"
        "2 added, 1 deleted, 1 modified, 1 renamed, 1 of another kind, 9 B new\n"
        "\n"
        "| folder | added | deleted | modified | renamed | kind | new |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n"
        "| `./` | 2 | 0 | 1 | 0 | 1 | 9 B |\n"
        "| `train/` | 0 | 1 | 0 | 0 | 0 | 0 B |\n"
        "| `val/` | 0 | 0 | 0 | 1 | 0 | 0 B |\n"
        "\n"
        "| | file | before | now |\n"
        "|---|---|---:|---:|\n"
        "| M | `classes.txt` | 8 B | 9 B |\n"
        "| A | `e/` |  | 0 B |\n"
        "| T | `l` | 1 B | 0 B |\n"
        "| A | new\\|\\`name |  | 0 B |\n"
        "| D | `train/2.jpg` | 5.0 KB |  |\n"
        "| R | `train/1.jpg` → `val/1.jpg` | 20 KB | 20 KB |\n"
    )
    assert repo("diff", "dataset:v1", "dataset:v1", "--format", "md").lines[-1] == "the same"


def test_what_is_said(repo: Art) -> None:
    result = repo("diff", "dataset:v0", "dataset:v1", "--metadata", "--exit-code")
    assert (result.code, result.out) == (1, "metadata.stage\traw\tclean\n")


def test_a_working_copy(repo: Art) -> None:
    repo("use", "dataset:v0")
    assert repo("diff", "dataset:v0").err == "dataset:v0 -> artifacts/dataset:v0  the same\n"
    (repo.directory / "artifacts" / "dataset:v0" / "classes.txt").write_bytes(b"cat\n")
    for words in (["dataset:v0"], ["artifacts/dataset:v0"], []):
        assert repo("diff", *words).out == "M\tclasses.txt\t\t8\t4\n"
    assert repo("-C", "artifacts/dataset:v0", "diff").out == "M\tclasses.txt\t\t8\t4\n"


def test_a_terminal_gets_a_table(repo: Art) -> None:
    result = repo.on_terminal("diff", "dataset:v0", "dataset:v1", NO_COLOR="1")
    assert result.lines[0].split() == ["STATUS", "PATH", "OLD", "PATH", "OLD", "SIZE", "SIZE"]
    assert result.lines[-1].split() == ["R", "val/1.jpg", "train/1.jpg", "20", "KB", "20", "KB"]


MISTAKES: list[tuple[list[str], int, str]] = [
    (["dataset:v0"], 2, "nothing-to-compare"), (["nix"], 5, "no-such-artifact"),
    (["dataset", "dataset:v7"], 5, "no-such-version"), (["dataset", "./nix"], 5, "no-such-path"),
    (["a", "b", "c"], 2, "bad-usage"), (["dataset", "--stat", "--summary"], 2, "one-view"),
    (["dataset", "--stat", "--format", "md"], 2, "one-view"),
    (["dataset:v0", "./data", "--metadata"], 2, "nothing-to-compare"),
]  # fmt: skip


def test_mistakes(repo: Art) -> None:
    for words, code, slug in MISTAKES:
        result = repo("diff", *words)
        assert (result.code, result.out) == (code, "")
        assert "hint: " in result.err
        if "md" not in words:
            assert repo("diff", *words, "--json").error["code"] == slug


def test_runs_are_compared(repo: Art) -> None:
    for name in ("red", "blue"):
        repo("run", "start", "--name", name)
    result = repo("diff", "red", "blue")
    assert (result.code, result.lines) == (5, [])
    assert result.err.endswith("hint: art compare red blue\n")
    assert "art compare" not in repo("diff", "red", "nothing").err
