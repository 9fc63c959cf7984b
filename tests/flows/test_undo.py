from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.flows.alias import protect, remove_aliases, set_aliases
from artcli.flows.edit import Edits, edit
from artcli.flows.rm import Selection, plan_rm, remove, restore
from artcli.flows.tag import set_tags
from artcli.flows.undo import plan_undo, undo, undoable
from tests.catalog.kit import PROJECT, add_facts, add_version, fact, init, version_data


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    """model:v0–v2, `best` is v1."""
    repository = init(tmp_path)
    for number in range(3):
        add_version(repository, "model", str(number), metadata={"lr": 1})
    set_aliases(repository, "model:v1", ["best"], PROJECT)
    yield repository
    repository.close()


def state(catalog: Catalog) -> Any:
    """All that a user sees."""
    versions = catalog.versions(states=("live", "trash"))
    return (
        [(v.ref, v.state, v.description, v.note, v.metadata, catalog.tags_of(v)) for v in versions],
        [(a.name, a.description, a.note, a.keep_last) for a in catalog.artifacts()],
        [(a.alias, a.version, a.protected) for artifact in catalog.artifacts() for a in catalog.aliases(artifact.id)],
    )  # fmt: skip


def rm(repository: Repository, *refs: str) -> None:
    remove(repository, plan_rm(repository.catalog, refs, Selection(), PROJECT))


def kinds(events: Any) -> list[str]:
    return [event.fact.kind for event in events]


def slug_of(repository: Repository, event: str | None = None) -> str:
    before = repository.follower.head
    with pytest.raises(ArtError) as caught:
        undo(repository, event)
    assert repository.follower.head == before
    assert caught.value.hint
    return caught.value.slug


CHANGES = {
    "alias": lambda made: set_aliases(made, "model:v2", ["best", "new"], PROJECT),
    "unalias": lambda made: remove_aliases(made, ["model:best"], PROJECT),
    "protect": lambda made: protect(made, ["model:best"], PROJECT, True),
    "tag": lambda made: set_tags(made, "model:v0", ["a", "b"], PROJECT),
    "edit": lambda made: edit(made, "model:v0", Edits("d", "n", {"lr": 2, "x": None}), PROJECT),
    "unset": lambda made: edit(made, "model:v0", Edits(unset=["lr"]), PROJECT),
    "artifact": lambda made: edit(made, "model", Edits(note="n", keep_last=2, rename="net"), PROJECT),
    "rm": lambda made: rm(made, "model:v1", "model:v0"),
    "version": lambda made: add_version(made, "model", "3"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_a_command_did_is_taken_back_and_the_taking_back_too(made: Repository, name: str) -> None:
    before = state(made.catalog)
    CHANGES[name](made)
    after = state(made.catalog)
    assert after != before
    events = undo(made, reason="why")
    if name == "version":
        assert [version.state for version in made.catalog.versions(states=("trash",))] == ["trash"]
    else:
        assert state(made.catalog) == before
    assert {event.fact.reason for event in made.catalog.events(n=made.follower.head.n)} == {"why"}
    for event in reversed(list(made.catalog.events(n=made.follower.head.n))):
        undo(made, event.fact.id)
    assert state(made.catalog) == after
    again = [found for event in events for found in made.catalog.event(event.fact.id)]
    assert [event.undone_by for event in again] == [None] * len(events)


def test_undo_goes_back_command_by_command(made: Repository) -> None:
    states = [state(made.catalog)]
    for change in ("tag", "edit", "alias", "protect"):
        CHANGES[change](made)
        states.append(state(made.catalog))
    for expected in reversed(states[:-1]):
        undo(made)
        assert state(made.catalog) == expected
    assert kinds(undo(made)) == ["alias"]
    for _ in range(3):
        assert kinds(undo(made)) == ["version"]
    assert slug_of(made) == "nothing-to-undo"


def test_a_version_with_the_aliases_that_its_command_moved(made: Repository) -> None:
    before = state(made.catalog)[2]
    version = fact("version", version_data("model", "new"))
    alias = fact("alias", {"version": version.id, "alias": "best", "from": made.catalog.numbered(1, 1).id})  # type: ignore[union-attr]
    made.commit(lambda catalog, make: [version, alias])
    assert kinds(undo(made)) == ["alias", "version"]
    assert state(made.catalog)[2] == before
    assert all(event.applied for event in made.catalog.events())
    assert [version.number for version in made.catalog.versions()] == [0, 1, 2]


def test_a_version_that_has_got_aliases_since_loses_them_by_facts(made: Repository) -> None:
    event = made.catalog.numbered(1, 1).id  # type: ignore[union-attr]
    undo(made, event[:12])
    assert kinds(made.catalog.events(n=made.follower.head.n)) == ["unalias", "delete"]
    for undone in reversed(list(made.catalog.events(n=made.follower.head.n))):
        undo(made, undone.fact.id)
    assert made.catalog.aliased(1, "best").number == 1  # type: ignore[union-attr]


def test_a_protected_alias_is_not_undone_away(made: Repository) -> None:
    protect(made, ["model:best"], PROJECT, True)
    moved, version = made.catalog.aliases(1)[0], made.catalog.numbered(1, 1)
    assert version
    assert moved.protected
    assert slug_of(made, version.id) == "protected-alias"
    alias = next(event for event in made.catalog.events() if event.fact.kind == "alias")
    assert slug_of(made, alias.fact.id) == "moved-on"


def test_what_has_moved_on_is_not_touched(made: Repository) -> None:
    edit(made, "model:v0", Edits("one"), PROJECT)
    first = list(made.catalog.events())[-1].fact.id
    edit(made, "model:v0", Edits("two"), PROJECT)
    assert slug_of(made, first) == "moved-on"
    edit(made, "model:v0", Edits("one"), PROJECT)
    undo(made, first)
    assert made.catalog.numbered(1, 0).description is None  # type: ignore[union-attr]
    set_tags(made, "model:v0", ["t"], PROJECT)
    tag = list(made.catalog.events())[-1].fact.id
    set_tags(made, "model:v0", ["t"], PROJECT, remove=True)
    assert slug_of(made, tag) == "moved-on"
    rm(made, "model:v0")
    deleted = list(made.catalog.events())[-1].fact.id
    restore(made, ["model:v0"], PROJECT)
    assert slug_of(made, deleted) == "moved-on"
    remove_aliases(made, ["model:best"], PROJECT)
    unaliased = list(made.catalog.events())[-1].fact.id
    rm(made, "model:v1")
    assert slug_of(made, unaliased) == "moved-on"


def test_what_cannot_be_undone(made: Repository) -> None:
    index = add_facts(made, Draft("index", {"add": ["1" * 64]}))[0]
    assert slug_of(made, index.id) == "not-undoable"
    assert slug_of(made, "") == "no-such-event"
    assert slug_of(made, "ffff") == "no-such-event"
    assert slug_of(made, "zz%") == "no-such-event"
    done = undo(made)[0].fact.id
    assert slug_of(made, done) == "not-undoable"
    lost = add_facts(made, Draft("alias", {"version": made.catalog.numbered(1, 0).id, "alias": "x", "from": "y"}))[0]  # type: ignore[union-attr]
    assert slug_of(made, lost.id) == "not-undoable"


def test_planning_changes_nothing(made: Repository) -> None:
    before = made.follower.head
    (step,) = plan_undo(made.catalog)
    assert [(draft.kind, dict(draft.data)) for draft in step.inverse] == [
        ("unalias", {"version": made.catalog.numbered(1, 1).id, "alias": "best"})  # type: ignore[union-attr]
    ]
    assert made.follower.head == before
    assert kinds(undoable(made.catalog)) == ["alias", "version", "version", "version"]


def change_something(made: Repository, dice: random.Random, number: int) -> None:
    live = [version.ref for version in made.catalog.versions()]
    what = dice.choice(["alias", "tag", "edit", "rm", "version"]) if live else "version"
    ref = dice.choice(live) if live else ""
    if what == "alias":
        set_aliases(made, ref, [dice.choice("ab")], PROJECT)
    elif what == "tag":
        set_tags(made, ref, [dice.choice("st")], PROJECT, dice.random() < 0.3)
    elif what == "edit":
        edit(made, ref, Edits(note=str(dice.random()), set={"k": dice.random()}), PROJECT)
    elif what == "rm":
        rm(made, ref)
    else:
        add_version(made, "model", str(number))


@pytest.mark.parametrize("seed", range(8))
def test_any_history_can_be_walked_back(tmp_path: Path, seed: int) -> None:
    """Commands at random; then each `undo` gives the state before one of them, but for versions in the trash."""
    dice = random.Random(seed)
    made = init(tmp_path)
    add_version(made, "model", "first")
    states = []
    for number in range(12):
        before, head = state(made.catalog), made.follower.head
        change_something(made, dice, number)
        if made.follower.head != head:
            states.append(before)
    while states:
        expected = states.pop()
        undo(made)
        found = state(made.catalog)
        created = {row[0] for row in found[0]} - {row[0] for row in expected[0]}  # they are in the trash now
        assert [row for row in found[0] if row[0] not in created] == expected[0]
        assert found[1:] == expected[1:]
    made.close()
