from __future__ import annotations

from tests.kit.command_line import Art


def test_init_makes_a_repository_and_touches_nothing_else(art: Art) -> None:
    (art.directory / "mine.txt").write_text("mine")
    result = art("init")
    place = art.directory / ".art"
    assert (result.code, result.out) == (0, f"{place}\n")
    assert result.err == "repository made  project uncategorized\n"
    assert sorted(entry.name for entry in art.directory.iterdir()) == [".art", "mine.txt"]
    assert (place / ".gitignore").read_text() == "*\n"


def test_init_again_does_no_harm(art: Art) -> None:
    art("init", "--project", "jetracer")
    config = (art.directory / ".art" / "config").read_bytes()
    result = art("init")
    assert (result.code, result.err) == (0, "a repository is here already  project jetracer\n")
    assert (art.directory / ".art" / "config").read_bytes() == config


def test_init_remembers_the_project(art: Art) -> None:
    document = art("init", "sub", "-p", "jetracer", "--json").json
    place = art.directory / "sub" / ".art"
    assert document == {"schema": "art.repository/1", "path": str(place), "project": "jetracer", "created": True}
    assert art("-C", "sub", "config", "get", "project", "--field", "origin").out == f"{place}/local/config.toml\n"


def test_init_where_a_file_is(art: Art) -> None:
    (art.directory / "file").write_text("")
    result = art("init", "file")
    assert (result.code, result.out) == (2, "")
    place = art.directory / "file"
    assert result.err == f"error: a repository is made in a directory, and this is a file: {place}\nhint: art init\n"
