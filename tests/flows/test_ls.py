from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog import conditions, facts
from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.flows import ls
from artcli.flows.ls import Query
from artcli.flows.tag import set_tags
from tests.catalog.kit import PROJECT, add_facts, add_version, init, log_files, version_data

FILES = {"a.txt": b"a", "dir/b": b"b" * 300, "dir/deep/c": b"c", "z": b""}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """data:v0–v1 with files; model:v0–v2, v1 in the trash; old from 2023; far in p2; gone with nothing live."""
    repository = init(tmp_path_factory.mktemp("ls"))
    log_files(repository, "data", FILES, aliases=["first"], metadata={"stage": "dev"})
    log_files(repository, "data", {**FILES, "new": b"n" * 1000}, metadata={"stage": "production"})
    for number in range(3):
        add_version(repository, "model", str(number), size=1000 * (3 - number), metadata={"lr": number / 10})
    set_tags(repository, "model:v0", ["night"], PROJECT)
    set_tags(repository, "model:v1", ["lost"], PROJECT)
    add_facts(repository, Draft("delete", {"version": repository.catalog.numbered(2, 1).id}))  # type: ignore[union-attr]
    old = facts.make(Draft("version", version_data("old", "o")), "anna", "car", 1_700_000_000)
    repository.commit(lambda catalog, make: [old])
    add_version(repository, "far", "f", project="p2")
    gone = add_version(repository, "gone", "g")
    add_facts(repository, Draft("delete", {"version": gone.id}))
    yield repository
    repository.close()


def where(*texts: str) -> list[conditions.Condition]:
    return [conditions.parse(text) for text in texts]


def names(repository: Repository, project: str | None = PROJECT, **query: object) -> list[str]:
    return [row.summary.artifact.name for row in ls.artifacts(repository.catalog, project, Query(**query))]  # type: ignore[arg-type]


def refs(repository: Repository, name: str | None, **query: object) -> list[str]:
    rows, _ = ls.versions(repository.catalog, name, PROJECT, Query(**query))  # type: ignore[arg-type]
    return [row.version.ref for row in rows]


def paths(repository: Repository, ref: str, recursive: bool = False, **query: object) -> list[str]:
    found = ls.files(repository, ref, PROJECT, Query(**query), recursive=recursive)  # type: ignore[arg-type]
    return [item.path.decode() for item in found.items]


def test_artifacts(made: Repository) -> None:
    assert names(made) == ["data", "model", "old"]
    assert names(made, None) == ["far", "data", "model", "old"]
    assert names(made, "p2") == ["far"]
    assert names(made, "p3") == []
    assert ls.other_projects(made.catalog, "p3") == ["p2", PROJECT]
    summary, aliases = ls.artifacts(made.catalog, PROJECT, Query())[0]
    assert (summary.versions, aliases, summary.latest and summary.latest.ref) == (2, ["first"], "data:v1")


def test_an_artifact_is_listed_if_one_live_version_is_what_is_asked_for(made: Repository) -> None:
    assert names(made, type="dataset") == ["data"]
    assert names(made, tag="night") == ["model"]
    assert names(made, tag="lost") == []
    assert names(made, where=where("metadata.stage=production")) == ["data"]
    assert names(made, where=where("metadata.lr>0", "metadata.lr<0.15")) == []
    assert names(made, where=where("metadata.lr>=0.2", "type=model")) == ["model"]
    assert names(made, where=where("metadata.stage!=production")) == ["data", "model", "old"]
    assert names(made, since=1_750_000_000) == ["data", "model"]


def test_orders(made: Repository) -> None:
    assert names(made, sort="-name") == ["old", "model", "data"]
    assert names(made, sort="versions") == ["old", "data", "model"]
    assert names(made, sort="-size", limit=2) == ["data", "model"]
    assert names(made, sort="changed")[0] == "old"
    assert refs(made, "model", sort="size") == ["model:v2", "model:v0"]
    assert refs(made, "model", sort="version") == ["model:v0", "model:v2"]
    assert refs(made, "model", sort="time", limit=1) == ["model:v0"]
    assert paths(made, "data:v1", sort="-size", limit=1) == ["new"]
    assert paths(made, "data:v1", limit=2) == ["a.txt", "dir/"]
    wrong = [
        lambda: names(made, sort="-"),
        lambda: refs(made, "model", sort="name"),
        lambda: paths(made, "data/", sort="x"),
    ]
    for listing in wrong:
        with pytest.raises(ArtError) as caught:
            listing()
        assert caught.value.slug == "bad-sort"
        assert caught.value.facts
        assert caught.value.hint


def test_versions(made: Repository) -> None:
    assert refs(made, "model") == ["model:v2", "model:v0"]
    assert refs(made, "model", deleted=True) == ["model:v1"]
    assert refs(made, None, deleted=True) == ["gone:v0", "model:v1"]
    assert refs(made, "model", deleted=True, tag="lost") == ["model:v1"]
    assert refs(made, "model", tag="night") == ["model:v0"]
    assert refs(made, "data", where=where("size>1KB")) == ["data:v1"]
    assert refs(made, "old", since=1_750_000_000) == []
    rows, note = ls.versions(made.catalog, "far", PROJECT, Query())
    assert note == "'far' is not in project 'uncategorized'; taken from 'p2'"
    assert rows[0].aliases == ["latest"]


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("data:v0", ["a.txt", "dir/", "z"]), ("data", ["a.txt", "dir/", "new", "z"]), ("data:first", ["a.txt", "dir/",
        "z"]),
        ("data/dir", ["dir/b", "dir/deep/"]), ("data:v0/dir/", ["dir/b", "dir/deep/"]), ("data/dir/deep/c",
        ["dir/deep/c"]),
        ("uncategorized/data/z", ["z"]),
    ],
)  # fmt: skip
def test_files(made: Repository, ref: str, expected: list[str]) -> None:
    assert paths(made, ref) == expected


def test_all_files(made: Repository) -> None:
    assert paths(made, "data:v0", recursive=True) == ["a.txt", "dir/b", "dir/deep/c", "z"]
    assert paths(made, "data:v0/dir", recursive=True) == ["dir/b", "dir/deep/c"]
    kinds = [ls.kind_of(item) for item in ls.files(made, "data:v0", PROJECT, Query()).items]
    assert kinds == ["file", "directory", "file"]


@pytest.mark.parametrize("recursive", [True, False])
def test_a_path_that_is_not_there(made: Repository, recursive: bool) -> None:
    for path in ("nothing", "di", "dir/deep/c/d", "a.txt/b"):
        with pytest.raises(ArtError) as caught:
            paths(made, f"data:v0/{path}", recursive)
        assert (caught.value.slug, caught.value.hint) == ("no-such-path", "art ls data:v0 -R")


@pytest.mark.parametrize(
    ("ref", "expected"),
    [("data", True), ("p2/far", True), ("uncategorized/data", True), ("data:v0", False), ("data/", False),
    ("data/dir", False),
     ("data:latest", False), ("data~1", False)],
)  # fmt: skip
def test_a_bare_name_means_its_versions(made: Repository, ref: str, expected: bool) -> None:
    assert ls.names_versions(made.catalog, ref, PROJECT) == expected


def test_nothing_at_all(tmp_path: Path) -> None:
    empty = init(tmp_path)
    assert names(empty) == refs(empty, None) == []
    with pytest.raises(ArtError):
        ls.names_versions(empty.catalog, "data", PROJECT)
