from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from artcli.catalog import facts
from artcli.catalog.facts import Draft
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.flows.alias import protect, set_aliases
from artcli.flows.edit import Edits, edit
from artcli.flows.rm import Selection, beyond_keep_last, plan_rm, remove, restore
from tests.catalog.kit import PROJECT, add_facts, add_version, init, version_data

DAY = 86400
NOW = time.time()


def add_aged(repository: Repository, days: float) -> None:
    """A version whose maker's clock was `days` behind ours."""
    made = facts.make(Draft("version", version_data("model", str(days))), "tester", "here", NOW - days * DAY)
    repository.commit(lambda catalog, make: [made])


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    """model:v0–v5, 50, 40, … 0 days old; `best` and `deployed` are v1; v3's clock had no battery."""
    repository = init(tmp_path)
    for number in range(6):
        add_aged(repository, NOW / DAY - 1 if number == 3 else 50 - 10 * number)
    set_aliases(repository, "model:v1", ["best", "deployed"], PROJECT)
    yield repository
    repository.close()


def refs(repository: Repository, states: Sequence[str] = (LIVE,)) -> list[int]:
    return [version.number for version in repository.catalog.versions(1, states)]


def chosen(repository: Repository, *words: str, **rules: object) -> list[int]:
    plan = plan_rm(repository.catalog, words or ["model"], Selection(**rules), PROJECT)  # type: ignore[arg-type]
    return [version.number for version in plan.versions]


def rm(repository: Repository, *words: str, **rules: object) -> list[int]:
    plan = plan_rm(repository.catalog, words, Selection(**rules), PROJECT)  # type: ignore[arg-type]
    return [version.number for version in remove(repository, plan, "why")]


def test_selections(made: Repository) -> None:
    assert chosen(made, keep_last=2) == [0, 2, 3]
    assert chosen(made, keep_last=0) == [0, 2, 3, 4, 5]
    assert chosen(made, keep_last=9) == []
    assert chosen(made, unaliased=True) == [0, 2, 3, 4]
    assert chosen(made, unaliased=True, keep_last=4) == [0]
    assert chosen(made, before=NOW - 25 * DAY) == [0, 2]  # not what was logged in 1970
    assert chosen(made, before=NOW + DAY) == [0, 2, 4]  # not the newest
    assert chosen(made, before=NOW - 25 * DAY, keep_last=5) == [0]
    assert chosen(made, "model:v1", "model:v4", "model:4") == [1, 4]


@pytest.mark.parametrize(
    ("words", "rules", "slug"),
    [
        (["model"], {}, "which-version"), (["model:v1"], {"keep_last": 1}, "which-version"),
        (["model:v1/a"], {}, "path-not-wanted"), (["model:v9"], {}, "no-such-version"), (["gone"], {}, "which-version"),
        (["gone"], {"unaliased": True}, "no-such-artifact"), (["a b"], {}, "bad-reference"),
    ],
)  # fmt: skip
def test_what_is_not_clear(made: Repository, words: list[str], rules: dict[str, object], slug: str) -> None:
    with pytest.raises(ArtError) as caught:
        chosen(made, *words, **rules)
    assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)


def test_what_is_deleted_is_in_the_trash_and_comes_back(made: Repository) -> None:
    assert rm(made, "model:v1", "model:v4") == [1, 4]
    assert refs(made) == [0, 2, 3, 5]
    assert refs(made, (TRASH,)) == [1, 4]
    assert made.catalog.aliases(1) == []
    kinds = [event.fact.kind for event in made.catalog.events(n=made.follower.head.n)]
    assert kinds == ["unalias", "unalias", "delete", "delete"]
    assert [version.ref for version in restore(made, ["model:v4", "model:1", "model:v0"], PROJECT)] == [
        "model:v4", "model:v1", "model:v0",
    ]  # fmt: skip
    assert refs(made) == [0, 1, 2, 3, 4, 5]
    before = made.follower.head
    restore(made, ["model:v4"], PROJECT)
    assert made.follower.head == before


def test_a_protected_alias_stops_a_deletion(made: Repository) -> None:
    protect(made, ["model:deployed"], PROJECT, True)
    with pytest.raises(ArtError) as caught:
        chosen(made, "model:v0", "model:v1")
    assert (caught.value.slug, caught.value.hint) == ("protected-alias", "art alias --unprotect model:deployed")
    assert chosen(made, keep_last=0) == [0, 2, 3, 4, 5]


def test_what_has_changed_since_the_plan_is_left_alone(made: Repository) -> None:
    plan = plan_rm(made.catalog, ["model"], Selection(keep_last=2), PROJECT)
    named = plan_rm(made.catalog, ["model:v2", "model:v4"], Selection(), PROJECT)
    set_aliases(made, "model:v2", ["late"], PROJECT)
    rm(made, "model:v0")
    assert [version.number for version in remove(made, plan)] == [3]
    protect(made, ["model:late"], PROJECT, True)
    with pytest.raises(ArtError) as caught:
        remove(made, named)
    assert caught.value.slug == "protected-alias"
    assert refs(made) == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("ref", "slug"),
    [("model", "no-such-version"), ("model:v9", "no-such-version"), ("model:best", "no-such-version"),
     ("model:v0", "version-purged"), ("gone:v0", "no-such-artifact")],
)  # fmt: skip
def test_what_does_not_come_back(made: Repository, ref: str, slug: str) -> None:
    rm(made, "model:v0", "model:v2")
    add_facts(made, Draft("purge", {"version": made.catalog.trash()[0].id}))
    with pytest.raises(ArtError) as caught:
        restore(made, ["model:v2", ref], PROJECT)
    assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)
    assert refs(made, (TRASH,)) == [2]
    if ref == "model":
        assert caught.value.facts == ("in the trash: model:v2",)


def test_keep_last_names_what_is_beyond_it(made: Repository) -> None:
    def beyond(keep: int, coming: int = 0) -> list[int]:
        edit(made, "model", Edits(keep_last=keep), PROJECT)
        artifact = made.catalog.artifact(PROJECT, "model")
        assert artifact
        return [version.number for version in beyond_keep_last(made.catalog, artifact, coming)]

    assert beyond(0) == beyond(0, 1) == []
    assert beyond(2) == [0, 2, 3]
    assert beyond(2, 1) == [0, 2, 3, 4]
    assert beyond(1, 1) == [0, 2, 3, 4, 5]
    assert beyond(1, 5) == [0, 2, 3, 4, 5]
    assert beyond(9) == []


def test_names_are_said(made: Repository) -> None:
    add_version(made, "far", "f", project="p2")
    plan = plan_rm(made.catalog, ["far:v0", "far:0"], Selection(), PROJECT)
    assert plan.notes == ["'far' is not in project 'uncategorized'; taken from 'p2'"]
    assert not plan.by_rule
