from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog import resolve
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft
from artcli.errors import ArtError, ConflictError, NotFoundError, UsageError
from tests.catalog.kit import PROJECT, add_facts, add_version, init


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """model:v0–v5 of which v1 is in the trash and v2 purged; data (was set); twin in p1 and p2; lone in p1."""
    repository = init(tmp_path_factory.mktemp("resolve"))
    models = [add_version(repository, "model", str(i)) for i in range(6)]
    add_facts(
        repository,
        Draft("alias", {"version": models[3].id, "alias": "best", "from": None}),
        Draft("alias", {"version": models[0].id, "alias": "deployed", "from": None}),
        Draft("delete", {"version": models[1].id}),
        Draft("delete", {"version": models[2].id}),
        Draft("purge", {"version": models[2].id}),
    )
    add_version(repository, "set", "x")
    add_facts(repository, Draft("rename", {"project": PROJECT, "from": "set", "to": "data"}))
    for project in ("p1", "p2"):
        add_version(repository, "twin", project, project=project)
    add_version(repository, "lone", "lone", project="p1")
    only = add_version(repository, "gone", "gone")
    add_facts(repository, Draft("delete", {"version": only.id}))
    yield repository.catalog
    repository.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model", "model:v5"), ("model:latest", "model:v5"), ("model:v3", "model:v3"), ("model:3", "model:v3"),
        ("model:best", "model:v3"), ("model:best~1", "model:v0"), ("model~1", "model:v4"), ("model~3", "model:v0"),
        ("uncategorized/model:v0", "model:v0"), ("anna/uncategorized/model", "model:v5"), ("p2/twin", "twin:v0"),
        ("art://model:deployed", "model:v0"),
    ],
)  # fmt: skip
def test_what_a_reference_means(catalog: Catalog, text: str, expected: str) -> None:
    found = resolve.version(catalog, text, PROJECT)
    assert (found.version.ref, found.path, found.note) == (expected, None, None)


def test_a_digest_pins(catalog: Catalog) -> None:
    digest = resolve.version(catalog, "model:v3", PROJECT).version.digest
    assert resolve.version(catalog, f"model@{digest[:12]}", PROJECT).version.ref == "model:v3"
    assert resolve.version(catalog, f"model@{digest}~1", PROJECT).version.ref == "model:v0"


@pytest.mark.parametrize(
    ("text", "ref", "path"),
    [
        ("model:v3/a/b", "model:v3", b"a/b"), ("model/a/b/c/d", "model:v5", b"a/b/c/d"), ("p2/twin/a", "twin:v0", b"a"),
        ("model/latest.png", "model:v5", b"latest.png"), ("model/", "model:v5", None), ("p2/twin", "twin:v0", None),
    ],
)  # fmt: skip
def test_paths(catalog: Catalog, text: str, ref: str, path: bytes | None) -> None:
    found = resolve.version(catalog, text, PROJECT)
    assert (found.version.ref, found.path) == (ref, path)


def test_what_is_not_quite_what_was_said_is_told(catalog: Catalog) -> None:
    assert resolve.version(catalog, "set:v0", PROJECT).note == "'set' is now called 'data'"
    found = resolve.version(catalog, "lone", PROJECT)
    assert found.note == "'lone' is not in project 'uncategorized'; taken from 'p1'"
    assert found.version.project == "p1"


@pytest.mark.parametrize(
    ("text", "slug", "fact", "hint"),
    [
        ("modle", "no-such-artifact", "did you mean 'model'?", "art ls model"),
        ("zzz", "no-such-artifact", "project: uncategorized   artifacts: data, gone, model", "art ls --all-projects"),
        ("twin", "no-such-artifact", "projects that have it: p1, p2", "art show p1/twin"),
        ("p1/twim", "no-such-artifact", "did you mean 'p1/twin'?", "art ls p1/twin"),
        ("p1/model:v0", "no-such-artifact", "projects that have it: uncategorized", "art show uncategorized/model"),
        ("nowhere/x", "no-such-artifact", "project: uncategorized   artifacts: data, gone, model",
        "art ls --all-projects"),
        ("model:bset", "no-such-alias", "did you mean 'model:best'?", "art show model:best"),
        ("model:lastest", "no-such-alias", "did you mean 'model:latest'?", "art show model:latest"),
        ("model:zzz", "no-such-alias", "project: uncategorized   versions: v0–v5   aliases: best, deployed, latest",
         "art ls model"),
        ("model:v9", "no-such-version", "project: uncategorized   versions: v0–v5   aliases: best, deployed, latest",
         "art ls model"),
        ("model:99999999999999999999", "no-such-version", None, "art ls model"),
        ("data:v9", "no-such-version", "project: uncategorized   versions: v0   aliases: latest", "art ls data"),
        ("gone", "no-such-version", "project: uncategorized   versions: none   aliases: none", "art ls gone"),
        ("model~4", "no-such-version", None, "art ls model"),
        ("model:v1", "version-deleted", None, "art restore model:v1"),
        ("model:v2", "version-purged", None, "art ls model"),
        ("model@ffffffffffff", "no-such-digest", None, "art ls model"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_answered_with_what_there_is(
    catalog: Catalog, text: str, slug: str, fact: str | None, hint: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve.version(catalog, text, PROJECT)
    assert (caught.value.slug, caught.value.hint) == (slug, hint)
    if fact:
        assert fact in caught.value.facts


def test_where_there_is_nothing_yet(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve.version(init(tmp_path).catalog, "model", PROJECT)
    assert caught.value.facts == ("project: uncategorized   artifacts: none yet",)


def test_whole_versions_and_names(catalog: Catalog) -> None:
    assert resolve.whole(catalog, "model:v3", PROJECT).version.ref == "model:v3"
    assert resolve.artifact(catalog, "model", PROJECT)[0].name == "model"
    assert resolve.artifact(catalog, "set:v3", PROJECT)[0].name == "data"
    for wrong in (resolve.whole, resolve.artifact):
        with pytest.raises(UsageError) as caught:
            wrong(catalog, "model:v3/a", PROJECT)
        assert caught.value.slug == "path-not-wanted"
    with pytest.raises(NotFoundError) as missing:
        resolve.version(catalog, f"model@{'f' * 12}", PROJECT)
    assert missing.value.slug == "no-such-digest"


def test_names_that_differ_by_case_only_are_refused(catalog: Catalog) -> None:
    resolve.check_case(catalog, PROJECT, "model")
    resolve.check_case(catalog, PROJECT, "Twin")
    with pytest.raises(ConflictError) as caught:
        resolve.check_case(catalog, PROJECT, "Model")
    assert caught.value.slug == "name-case"
    resolve.check_case(catalog, PROJECT, "Model", resolve.artifact(catalog, "model", PROJECT)[0])


@pytest.mark.parametrize(
    ("word", "number"), [("v3", 3), ("3", 3), ("v03", 3), ("best", None), ("v", None), ("9" * 20, -1)]
)
def test_version_numbers(word: str, number: int | None) -> None:
    assert resolve.version_number(word) == number


def test_some_words() -> None:
    assert resolve.some(["a", "b"]) == "a, b"
    assert resolve.some([str(i) for i in range(20)], 2) == "0, 1, … (20 in all)"
    assert isinstance(NotFoundError("a", "b"), ArtError)
