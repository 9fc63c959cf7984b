from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.errors import ArtError, ConflictError, NotFoundError, UsageError
from artcli.flows.alias import list_aliases, protect, remove_aliases, set_aliases
from tests.catalog.kit import PROJECT, add_version, init


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    """model:v0–v2"""
    repository = init(tmp_path)
    for number in range(3):
        add_version(repository, "model", str(number))
    yield repository
    repository.close()


def where(repository: Repository) -> dict[str, str]:
    return {one.alias.alias: one.version.ref for one in list_aliases(repository.catalog, "model", PROJECT)}


def entries(repository: Repository) -> int:
    return repository.follower.head.n + 1


def slug(error: pytest.ExceptionInfo[ArtError]) -> str:
    assert error.value.hint
    return error.value.slug


def test_aliases_move(made: Repository) -> None:
    assert set_aliases(made, "model:v0", ["best", "deployed"], PROJECT).version.ref == "model:v0"
    set_aliases(made, "model:v1", ["best"], PROJECT, "better")
    assert where(made) == {"latest": "model:v2", "best": "model:v1", "deployed": "model:v0"}
    assert [event.fact.reason for event in made.catalog.events(n=4)] == ["better"]


def test_several_names_are_one_entry_and_what_is_so_already_is_none(made: Repository) -> None:
    before = entries(made)
    set_aliases(made, "model:v0", ["a", "b", "a"], PROJECT)
    assert entries(made) == before + 1
    assert len(list(made.catalog.events(n=before))) == 2
    set_aliases(made, "model:v0", ["a"], PROJECT)
    assert entries(made) == before + 1


def test_the_version_is_the_one_that_was_meant_before_its_alias_moved(made: Repository) -> None:
    set_aliases(made, "model:v1", ["best"], PROJECT)
    assert set_aliases(made, "model:best~1", ["best"], PROJECT).version.ref == "model:v0"


@pytest.mark.parametrize("word", ["latest", "v3", "7", "a b", "", "a/b"])
def test_words_that_are_no_alias(made: Repository, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_aliases(made, "model:v0", ["fine", word], PROJECT)
    assert slug(caught) == "bad-alias"
    assert where(made) == {"latest": "model:v2"}


def test_a_path_has_no_alias(made: Repository) -> None:
    with pytest.raises(UsageError) as caught:
        set_aliases(made, "model:v0/weights", ["best"], PROJECT)
    assert slug(caught) == "path-not-wanted"


def test_a_protected_alias_stays_until_it_is_freed(made: Repository) -> None:
    set_aliases(made, "model:v0", ["best"], PROJECT)
    (found,) = protect(made, ["model:best"], PROJECT, True)
    assert found.alias.protected
    before = entries(made)
    protect(made, ["model:best", "model:best"], PROJECT, True)
    assert entries(made) == before
    with pytest.raises(ConflictError) as caught:
        set_aliases(made, "model:v1", ["other", "best"], PROJECT)
    assert (slug(caught), caught.value.hint) == ("protected-alias", "art alias --unprotect model:best")
    with pytest.raises(ConflictError):
        remove_aliases(made, ["model:best"], PROJECT)
    assert where(made) == {"latest": "model:v2", "best": "model:v0"}
    set_aliases(made, "model:v0", ["best"], PROJECT)  # to where it is already
    protect(made, ["model:best"], PROJECT, False)
    set_aliases(made, "model:v1", ["best"], PROJECT)
    assert where(made)["best"] == "model:v1"


def test_aliases_are_forgotten_all_or_none(made: Repository) -> None:
    set_aliases(made, "model:v0", ["a", "b"], PROJECT)
    with pytest.raises(NotFoundError) as caught:
        remove_aliases(made, ["model:a", "model:gone"], PROJECT)
    assert slug(caught) == "no-such-alias"
    removed = remove_aliases(made, ["model:a", "model:b", "model:a"], PROJECT)
    assert [(one.alias.alias, one.version.ref) for one in removed] == [("a", "model:v0"), ("b", "model:v0")]
    assert where(made) == {"latest": "model:v2"}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [("model", "alias-expected"), ("model:v0", "alias-expected"), ("model:latest", "alias-expected"),
     ("model:best~1", "alias-expected"), ("model:best/a", "alias-expected"), ("model:bset", "no-such-alias"),
     ("modle:best", "no-such-artifact")],
)  # fmt: skip
def test_what_names_no_alias(made: Repository, ref: str, expected: str) -> None:
    set_aliases(made, "model:v0", ["best"], PROJECT)
    for change in (lambda: remove_aliases(made, [ref], PROJECT), lambda: protect(made, [ref], PROJECT, True)):
        with pytest.raises(ArtError) as caught:
            change()
        assert slug(caught) == expected
    if expected == "no-such-alias":
        assert "did you mean 'model:best'?" in caught.value.facts


def test_listing_all_of_a_project(made: Repository) -> None:
    add_version(made, "data", "d")
    add_version(made, "elsewhere", "e", project="p2")
    set_aliases(made, "model:v0", ["best"], PROJECT)
    found = [(one.artifact.name, one.alias.alias) for one in list_aliases(made.catalog, None, PROJECT)]
    assert found == [("data", "latest"), ("model", "latest"), ("model", "best")]
    (there,) = list_aliases(made.catalog, "elsewhere", PROJECT)
    assert there.note == "'elsewhere' is not in project 'uncategorized'; taken from 'p2'"
