from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_ls(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    art("alias", "model:v0", "best")
    art("tag", "model:v0", "night")
    result = art("ls")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"data\tdataset\t1\t301\t{TIME}\t\tpictures\n"
        f"model\tmodel\t3\t1000\t{TIME}\tbest\t\n"
    )  # fmt: skip
    assert art("ls", "model", "-n", "1", "--sort", "version").out == (
        f"model:v0\tbest\tnight\t1000\t2 of 5 files new, 40 %\t{TIME}\ttester\t\n"
    )
    assert art("ls", "model", "--where", "metadata.lr>=0.1", "--where", "metadata.lr!=0.2", "-q").out == "model:v1\n"
    assert art("ls", "--type", "dataset", "--field", "latest").out == "data:v0\n"
    assert art("ls", "--tag", "night", "--since", "2026-01-01", "-q").out == "model\n"
    version = made.catalog.latest(2)
    assert version
    (item,) = art("ls", "data", "--json").json["items"]
    assert item["digest"] == version.digest
    assert item["description"] == "pictures\nof the table"


def test_ls_files(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    assert art("ls", "data:v0").out == art("ls", "data/").out == "a.txt\ndir/\n"
    assert art("ls", "data/dir").out == "dir/b\n"
    assert art("ls", "data:v0", "-l", "-R").out == (
        "file\t300\t82c7c7f85b3d32d7cc9de7aa1a3c9bb3f9aed14a56b5f9c4ee1bc3e5f3d3c38f\ta.txt\t\n"
        "file\t1\t10e5cf3d3c8a4f9f3468c8cc58eea84892a22fdadbc1acb22410190044c1d553\tdir/b\t\n"
    ).replace(
        "82c7c7f85b3d32d7cc9de7aa1a3c9bb3f9aed14a56b5f9c4ee1bc3e5f3d3c38f",
        art("show", "data:v0/a.txt", "--field", "digest").out.strip(),
    )
    result = art("ls", "data:v0/gone")
    assert (result.code, result.out) == (5, "")
    assert result.err == "error: data:v0 has no 'gone'\nhint: art ls data:v0 -R\n"


def test_ls_shows_folders_alike(art: Art) -> None:
    art("init")
    (art.directory / "data" / "full").mkdir(parents=True)
    (art.directory / "data" / "full" / "file").write_text("")
    (art.directory / "data" / "void").mkdir()
    art("log-artifact", "data", "data")
    assert art("ls", "data:v0").out == "full/\nvoid/\n"
    assert art("ls", "data:v0", "-R").out == "full/file\nvoid/\n"
    assert art("ls", "data:v0/void").out == "void/\n"


def test_ls_of_other_projects_and_of_nothing(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    art("init")
    assert art("ls").err == "nothing yet; art log-artifact NAME PATH makes a version\n"
    fill(art, monkeypatch)
    result = art("ls", "-p", "p2")
    assert (result.out, result.err) == ("", "none in project 'p2'; --all-projects lists those of uncategorized\n")
    assert art("ls", "-p", "p2", "--all-projects", "-q").lines == ["uncategorized/data", "uncategorized/model"]
    assert art("ls", "-p", "p2", "data", "-q").out == "uncategorized/data:v0\n"


def test_ls_refused(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    assert art("ls").code == 10
    fill(art, monkeypatch)
    result = art("ls", "modle")
    assert (result.code, result.out) == (5, "")
    assert result.err == (
        "error: no artifact 'modle'\n  project: uncategorized   artifacts: data, model\n  did you mean 'model'?\n"
        "hint: art ls model\n"
    )
    assert art("ls", "--where", "x", "--json").error["code"] == "bad-condition"


def test_ls_on_a_terminal(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    lines = art.on_terminal("ls", NO_COLOR="1").out.splitlines()
    assert lines[0].split() == ["REF", "TYPE", "VERSIONS", "SIZE", "CHANGED", "ALIASES", "ABOUT"]
    assert lines[1].startswith("data   dataset         1   301 B")
