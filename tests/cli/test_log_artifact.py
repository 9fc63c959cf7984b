"""`art log-artifact`: each option, each mistake."""

from __future__ import annotations

import os
from typing import Any

import pytest

from artcli.files import reader
from tests.kit.command_line import Art, Result
from tests.kit.trees import Empty, Leaf, Link, Program, harvest, plant
from tests.store.material import noise

FILES: dict[str, Leaf] = {"a.txt": b"alpha", "sub/b.jpg": noise(1000, "b"), "sub/c.jpg": noise(1000, "c")}


@pytest.fixture
def repo(art: Art) -> Art:
    assert art("init").code == 0
    plant(art.directory / "data", FILES)
    return art


def logged(art: Art, *arguments: object, stdin: bytes = b"") -> dict[str, Any]:
    """The summary of a log that succeeds."""
    result = art("log-artifact", *arguments, "--json", stdin=stdin)
    assert result.code == 0, result.err
    document: dict[str, Any] = result.json_lines[-1]
    assert (document["message_type"], document["schema"]) == ("summary", "art.logged/1")
    return document


def held(art: Art, ref: str) -> dict[str, Leaf]:
    """What a version holds, as `art get` brings it."""
    place = art.directory / f"got-{len(os.listdir(art.directory))}"
    assert art("get", ref, place).code == 0
    return harvest(place)


def refused(art: Art, slug: str, code: int, *arguments: object, stdin: bytes = b"") -> Result:
    """A log that fails so, prints nothing, and says what to do."""
    result = art("log-artifact", *arguments, stdin=stdin)
    assert (result.code, result.out) == (code, ""), arguments
    assert result.err.startswith("error: ")
    assert "hint: " in result.err
    assert art("log-artifact", *arguments, "--json", stdin=stdin).error["code"] == slug
    return result


def test_what_it_says(repo: Art) -> None:
    first = repo("log-artifact", "dataset", "./data")
    assert (first.code, first.out) == (0, "dataset:v0\n")
    assert first.err.startswith("dataset:v0  +3 of 3 files  2.0 KB new  ")
    assert first.err.endswith(" s  type dataset: its name says 'dataset'\n")
    again = repo("log-artifact", "dataset", "./data")
    assert (again.code, again.out) == (0, "dataset:v0\n")
    assert again.err == "dataset:v0  has this content already  3 files\n"
    quiet = repo("log-artifact", "dataset", "./data", "-q", "--new-version")
    assert (quiet.out, quiet.err) == ("dataset:v1\n", "")
    assert repo("log-artifact", "dataset", "data", "--field", "version").out == "v1\n"
    (repo.directory / "data" / "d").write_bytes(noise(2000, "d"))
    on_terminal = repo.on_terminal("log-artifact", "dataset", "./data")
    assert "dataset:v2  +1 of 4 files  2.0 KB new  " in on_terminal.err
    assert on_terminal.out == ""  # who sees both reads the name once
    assert repo.on_terminal("log-artifact", "dataset", "./data", "-q").out == "dataset:v2\n"


def test_the_summary(repo: Art) -> None:
    logged(repo, "model", "data/sub", "-t", "weights")
    (repo.directory / "data" / "sub" / "d.jpg").write_bytes(noise(500, "d"))
    summary = logged(repo, "model", "data/sub")
    assert {key: summary[key] for key in ("ref", "name", "version", "project", "type", "created", "dry_run")} == {
        "ref": "model:v1", "name": "model", "version": "v1", "project": "uncategorized", "type": "weights",
        "created": True, "dry_run": False,
    }  # fmt: skip
    assert (summary["entries"], summary["size"], summary["new_entries"], summary["new_size"]) == (3, 2500, 1, 500)
    assert summary["problems"] == []


# --- what goes into it ---


def test_paths_to_names(repo: Art) -> None:
    logged(repo, "one", "data/a.txt")
    assert set(held(repo, "one")) == {"a.txt"}
    logged(repo, "several", "data/a.txt", "data/sub")
    assert set(held(repo, "several")) == {"a.txt", "sub/b.jpg", "sub/c.jpg"}
    logged(repo, "placed", "data/a.txt:docs/readme", "data/sub:")
    assert set(held(repo, "placed")) == {"docs/readme", "b.jpg", "c.jpg"}


MISTAKES: list[tuple[str, int, list[str]]] = [
    ("no-such-path", 5, ["x", "./dat"]),
    ("two-sources", 2, ["x", "data/a.txt", "data/sub/b.jpg:a.txt"]),
    ("unsafe-path", 2, ["x", "data/a.txt:../out"]),
    ("nothing-to-log", 2, ["x"]),
    ("nothing-to-log", 2, ["x", "empty"]),
    ("bad-name", 2, ["a name", "data"]),
    ("bad-alias", 2, ["x", "data", "-a", "v3"]),
    ("bad-tag", 2, ["x", "data", "--tag", "a/b"]),
    ("bad-type", 2, ["x", "data", "-t", "a/b"]),
    ("bad-value", 2, ["x", "data", "-M", "no equals sign"]),
    ("bad-value", 2, ["x", "--base", "dataset", "--mv", "onlyone"]),
    ("bad-move", 2, ["x", "--base", "dataset", "--mv", "sub=sub/deeper"]),
    ("bad-pattern", 2, ["x", "data", "--exclude", "!"]),
    ("no-such-path", 5, ["x", "--base", "dataset", "--rm", "nix*"]),
    ("no-such-path", 5, ["x", "--base", "dataset", "--mv", "nix=nax"]),
    ("no-such-path", 5, ["x", "--add", "dataset:v0/nix"]),
    ("no-such-path", 5, ["x", "--files-from", "no-list"]),
    ("unsafe-path", 2, ["x", "--files-from", "outside"]),
    ("no-such-artifact", 5, ["x", "--base", "nix"]),
    ("no-such-version", 5, ["x", "--base", "dataset:v7"]),
    ("no-such-version", 5, ["x", "--add", "dataset:v7/a.txt"]),
    ("type-mismatch", 6, ["dataset", "data", "-t", "model"]),
    ("name-case", 6, ["Dataset", "data"]),
    ("no-such-path", 5, ["dataset", ""]),
    ("whole-system", 2, ["dataset", "/"]),
    ("whole-system", 2, ["dataset", "data", "//.:all", "-n"]),
]


def test_mistakes(repo: Art) -> None:
    logged(repo, "dataset", "./data")
    (repo.directory / "empty").mkdir()
    (repo.directory / "outside").write_text("../somewhere\n")
    for slug, code, words in MISTAKES:
        refused(repo, slug, code, *words)
    assert repo("log-artifact", "dataset", "./data").out == "dataset:v0\n"
    assert repo("ls").out.count("\n") == 1


@pytest.mark.parametrize("top", [".", "./", "/", ""])
def test_a_destination_may_be_the_top(repo: Art, top: str) -> None:
    plant(repo.directory / "more", {"d": b"d", "deep/e": b"e"})
    (repo.directory / "f").write_bytes(b"f")
    logged(repo, "dataset", "./data")
    logged(repo, "dataset", "--base", "dataset", "--add", f"more:{top}", "--add", f"f:{top}")
    assert set(held(repo, "dataset")) == {*FILES, "d", "deep/e", "f"}
    logged(repo, "other", f"more:{top}", "f:./sub/./f")
    assert set(held(repo, "other")) == {"d", "deep/e", "sub/f"}
    logged(repo, "third", "--add", f"dataset:v1/deep:{top}", "--add", "dataset:v1/deep/e:./x")
    assert set(held(repo, "third")) == {"e", "x"}


def test_a_misspelt_path_is_guessed(repo: Art) -> None:
    assert "did you mean './data'?" in repo("log-artifact", "x", "./dat").err


def test_outside_a_repository(art: Art) -> None:
    refused(art, "no-repository", 10, "x", "data")


def test_an_empty_version_is_asked_for(repo: Art) -> None:
    (repo.directory / "empty").mkdir()
    assert logged(repo, "x", "empty", "--allow-empty")["entries"] == 0


def test_ignore_rules(repo: Art) -> None:
    plant(repo.directory / "data", {**FILES, ".artignore": b"*.tmp\n", "x.tmp": b"", "sub/y.tmp": b""})
    logged(repo, "ignored", "data")
    assert set(held(repo, "ignored")) == {".artignore", *FILES}
    logged(repo, "all", "data", "--no-ignore", "--exclude", "sub/")
    assert set(held(repo, "all")) == {".artignore", "a.txt", "x.tmp"}
    logged(repo, "some", "data", "--include", "*.jpg", "--include", "a.*", "--exclude", "c.jpg")
    assert set(held(repo, "some")) == {"a.txt", "sub/b.jpg"}


def test_a_list_of_files(repo: Art) -> None:
    (repo.directory / "list").write_text("data/a.txt\ndata/sub/c.jpg\n")
    logged(repo, "lines", "--files-from", "list")
    assert set(held(repo, "lines")) == {"data/a.txt", "data/sub/c.jpg"}
    logged(repo, "piped", "--files-from", "-", "-0", stdin=b"data/sub/b.jpg\0./data/a.txt\0")
    assert set(held(repo, "piped")) == {"data/a.txt", "data/sub/b.jpg"}
    refused(repo, "no-such-path", 5, "x", "--files-from", "-", stdin=b"data/nix\n")


def test_standard_input(repo: Art) -> None:
    data = noise(400_000)
    assert logged(repo, "archive", "--stdin-as", "data.tar", stdin=data)["size"] == 400_000
    assert held(repo, "archive") == {"data.tar": data}
    logged(repo, "archive", "--base", "archive", "--stdin-as", "more/x", "data/a.txt", stdin=b"x")
    assert held(repo, "archive") == {"data.tar": data, "more/x": b"x", "a.txt": b"alpha"}
    on_terminal = repo.on_terminal("log-artifact", "x", "--stdin-as", "y")
    assert on_terminal.code == 2
    assert "standard input is a terminal" in on_terminal.err


# --- from other versions ---


def test_a_base_with_changes(repo: Art) -> None:
    logged(repo, "dataset", "data")
    plant(repo.directory / "more", {"sub/d.jpg": noise(1000, "d"), "a.txt": b"new"})
    logged(repo, "dataset", "--base", "dataset:latest", "--add", "more")
    assert held(repo, "dataset:v1") == {**FILES, "a.txt": b"new", "sub/d.jpg": noise(1000, "d")}
    logged(repo, "dataset", "--base", "dataset:v0", "--rm", "*.txt", "--mv", "sub=images", "--add", "more/a.txt:b.txt")
    assert set(held(repo, "dataset:v2")) == {"images/b.jpg", "images/c.jpg", "b.txt"}


def test_adding_from_another_version(repo: Art) -> None:
    logged(repo, "dataset", "data")
    summary = logged(repo, "picked", "--add", "dataset:v0/sub/b.jpg", "--add", "dataset:latest/sub:images")
    assert (summary["stored"] < 1000, summary["new_entries"]) == (True, 0)
    assert set(held(repo, "picked")) == {"b.jpg", "images/b.jpg", "images/c.jpg"}
    digest = repo("log-artifact", "dataset", "data", "--field", "digest").out.strip()
    logged(repo, "pinned", "--add", f"dataset@{digest[:12]}:all")
    assert set(held(repo, "pinned")) == {f"all/{path}" for path in FILES}


def test_every_kind_survives_a_base(repo: Art) -> None:
    tree: dict[str, Leaf] = {"link": Link("a"), "run": Program(b"#!"), "empty": Empty(), "a": b"a"}
    plant(repo.directory / "kinds", tree)
    logged(repo, "kinds", "kinds")
    logged(repo, "kinds", "--base", "kinds", "--mv", "a=b")
    assert held(repo, "kinds") == {"link": Link("a"), "run": Program(b"#!"), "empty": Empty(), "b": b"a"}


# --- what is said of it ---


def test_labels_and_texts(repo: Art) -> None:
    (repo.directory / "facts.json").write_text('{"stage": "raw", "n": 3}')
    words = ["-a", "best", "-a", "deployed", "--tag", "night", "-d", "forty images", "-m", "as asked"]
    logged(repo, "dataset", "data", *words, "-M", "@facts.json", "-M", "stage=clean", "-M", "size=1.5", "-M", "f=[1]")
    shown = repo("show", "dataset:best", "--json").json
    assert shown["aliases"] == ["latest", "best", "deployed"]
    assert shown["tags"] == ["night"]
    assert shown["description"] == "forty images"
    assert shown["metadata"] == {"stage": "clean", "n": 3, "size": 1.5, "f": [1]}
    assert "as asked" in repo("log", "dataset", "--json").out


def test_labels_of_a_version_that_is_there(repo: Art) -> None:
    logged(repo, "dataset", "data", "-a", "best")
    summary = logged(repo, "dataset", "data", "-a", "deployed", "--tag", "day", "-d", "text", "-M", "k=v")
    assert (summary["ref"], summary["created"]) == ("dataset:v0", False)
    shown = repo("show", "dataset", "--json").json
    assert (shown["aliases"], shown["tags"]) == (["latest", "best", "deployed"], ["day"])
    assert (shown["description"], shown["metadata"]) == ("text", {"k": "v"})


def test_a_protected_alias_does_not_move(repo: Art) -> None:
    logged(repo, "dataset", "data", "-a", "production")
    assert repo("alias", "--protect", "dataset:production").code == 0
    (repo.directory / "data" / "new").write_bytes(b"new")
    refused(repo, "protected-alias", 6, "dataset", "data", "-a", "production")
    assert logged(repo, "dataset", "data")["ref"] == "dataset:v1"


@pytest.mark.parametrize(
    ("name", "path", "type", "reason"),
    [
        ("night-images", "data", "dataset", "its name says 'images'"),
        ("eval-2026", "data", "result", "its name says 'eval'"),
        ("run", "net.onnx", "model", "all its files are .onnx"),
        ("run", "data", "dataset", "no other rule fits"),
    ],
)
def test_the_type_is_inferred_and_said(repo: Art, name: str, path: str, type: str, reason: str) -> None:
    (repo.directory / "net.onnx").write_bytes(b"net")
    result = repo("log-artifact", name, path)
    assert f"type {type}: {reason}\n" in result.err
    assert logged(repo, name, path)["type"] == type
    assert logged(repo, name, path, "--new-version", "-t", type)["version"] == "v1"
    assert "type" not in repo("log-artifact", name, path, "--new-version").err


# --- what cannot be had ---


def test_a_fifo(repo: Art) -> None:
    os.mkfifo(repo.directory / "data" / "pipe")
    result = repo("log-artifact", "dataset", "data")
    assert (result.code, result.out) == (3, "dataset:v0\n")
    assert "warning: left out: pipe: it is a FIFO\n" in result.err
    assert "error: not in the version: 1 file\n" in result.err
    assert set(held(repo, "dataset")) == set(FILES)
    (repo.directory / "pipes").mkdir()
    os.mkfifo(repo.directory / "pipes" / "alone")
    nothing = repo("log-artifact", "pipes", "pipes")
    assert (nothing.code, nothing.out) == (2, "")
    assert "error: there is nothing to log\n  alone: it is a FIFO\n" in nothing.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(repo: Art) -> None:
    (repo.directory / "data" / "a.txt").chmod(0)
    refused(repo, "unreadable-files", 1, "dataset", "data")
    kept = repo("log-artifact", "dataset", "data", "--keep-going")
    assert (kept.code, kept.out) == (3, "dataset:v0\n")
    assert repo("show", "dataset", "--json").json["metadata"] == {"art.left_out": ["a.txt"]}


def test_a_file_that_nobody_can_read(repo: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: bytes, stat: object) -> bytes:
        raise PermissionError(13, "Permission denied", os.fsdecode(source))

    monkeypatch.setattr("artcli.flows.reading.read_small", refuse)
    result = refused(repo, "unreadable-files", 1, "dataset", "data")
    assert "a.txt: Permission denied" in result.err
    one = refused(repo, "unreadable-files", 1, "dataset", "data/a.txt")
    assert one.err.startswith("error: 1 file could not be read, and no version was made\n")
    kept = repo("log-artifact", "dataset", "data", "data/a.txt:x", "--keep-going", "--allow-empty")
    assert kept.code == 3
    assert repo("show", "dataset", "--json").json["metadata"]["art.left_out"]


def test_what_is_left_out_is_kept_up_to_date(repo: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reader.read_small
    refused_names: set[bytes] = {b"x"}

    def refuse(source: bytes, stat: Any) -> bytes:
        if os.path.basename(source) in refused_names:
            raise PermissionError(13, "Permission denied", os.fsdecode(source))
        return real(source, stat)

    def left_out() -> Any:
        assert repo("ls", "dataset", "-q").out == "dataset:v0\n"
        return repo("show", "dataset", "--json").json["metadata"].get("art.left_out")

    monkeypatch.setattr("artcli.flows.reading.read_small", refuse)
    plant(repo.directory / "d", {"a": b"a", "x": b"x", "y": b"y"})
    refused_names.add(b"y")
    assert repo("log-artifact", "dataset", "d", "--keep-going").code == 3
    assert left_out() == ["x", "y"]
    (repo.directory / "d" / "y").unlink()
    assert repo("log-artifact", "dataset", "d", "--keep-going").code == 3
    assert left_out() == ["x"]
    (repo.directory / "d" / "x").unlink()
    assert repo("log-artifact", "dataset", "d").code == 0
    assert left_out() is None


def test_a_dry_run(repo: Art) -> None:
    result = repo("log-artifact", "dataset", "data", "-n")
    assert (result.code, result.out) == (0, "dataset\n")
    assert result.err.startswith("dataset  would add 3 of 3 files  2.0 KB new")
    assert repo("ls").out == ""
    assert logged(repo, "dataset", "data", "-n")["dry_run"] is True


def test_names_are_shown_harmless(repo: Art) -> None:
    os.mkfifo(repo.directory / "data" / "evil\x1b[31m\nname")
    result = repo("log-artifact", "dataset", "data")
    assert "warning: left out: evil\\x1b[31m\\nname: it is a FIFO\n" in result.err
