from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog import facts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, PURGED, TRASH, Fold, check_required
from artcli.catalog.log import LogEntry
from artcli.catalog.tables import SCHEMA
from artcli.database import Connection
from artcli.errors import ArtError
from tests.catalog.kit import PROJECT, fact, version_data

HEX = "ab" * 32


def empty() -> Fold:
    return Fold.empty(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=Connection))


def fold(*made: Fact, into: Fold | None = None) -> Fold:
    """Each fact in an entry of its own."""
    found = into or empty()
    n = found.head[0]
    found.follow(LogEntry(n + 1 + at, f"{n + 1 + at:064x}", "", "p", (one,)) for at, one in enumerate(made))
    return found


def asked(found: Fold) -> Catalog:
    return Catalog(found.database)


def tables(found: Fold) -> dict[str, list[tuple[Any, ...]]]:
    """All that a fold knows, apart from how the log was cut into entries."""
    names = [name for (name,) in found.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {name: found.database.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "heads"}
    rows["facts"] = [row[:2] + row[4:-1] for row in rows["facts"]]
    return rows


def version(name: str = "model", content: str = "a", **more: Any) -> Fact:
    return fact("version", version_data(name, content, **more))


def alias(version: Fact, name: str, before: Fact | None = None) -> Fact:
    return fact("alias", {"version": version.id, "alias": name, "from": before.id if before else None})


def about(kind: str, version: Fact, **more: Any) -> Fact:
    return fact(kind, {"version": version.id, **more})


def refs(found: Fold, states: Sequence[str] = (LIVE,)) -> list[str]:
    return [one.ref for one in asked(found).versions(states=states)]


def last(found: Fold) -> tuple[bool, str | None]:
    event = next(asked(found).events(backwards=True))
    return event.applied, event.fault


# --- versions ---


def test_a_version_as_it_was_logged() -> None:
    made = fact("version", version_data(description="what", metadata={"lr": 0.1}, base="cd" * 16), reason="why")
    found = asked(fold(made)).version(made.id)
    assert found is not None
    assert (found.ref, found.project, found.type, found.state) == ("model:v0", PROJECT, "model", LIVE)
    assert (found.entries, found.size, found.new_entries, found.new_size, found.stored) == (5, 1000, 2, 400, 300)
    assert (found.description, found.metadata, found.base, found.note) == ("what", {"lr": 0.1}, "cd" * 16, None)
    assert (found.actor, found.machine, found.reason, found.time) == ("tester", "here", "why", made.time)
    assert found.root.content.hex() == found.digest


def test_numbers_are_contiguous_per_name_and_never_reused() -> None:
    a, b, c = version(), version(), version()
    found = fold(a, version("other"), b, about("delete", b), about("purge", b), c, version("model", project="p2"))
    assert refs(found) == ["model:v0", "model:v2", "other:v0", "model:v0"]
    assert refs(found, (PURGED,)) == ["model:v1"]


def test_a_fact_counts_once() -> None:
    a = version()
    assert tables(fold(a, a, alias(a, "x"), a))["versions"] == tables(fold(a))["versions"]


# --- aliases ---


def test_an_alias_moves_from_where_it_was_said_to_be() -> None:
    a, b = version(), version()
    found = fold(a, b, alias(a, "best"), alias(b, "best", a))
    assert asked(found).aliased(1, "best").id == b.id  # type: ignore[union-attr]
    fold(alias(a, "best"), into=found)  # made by somebody who knew no alias `best`: recorded, not applied
    assert last(found) == (False, None)
    assert asked(found).aliased(1, "best").id == b.id  # type: ignore[union-attr]


def test_an_alias_of_what_is_deleted_is_not_applied_and_goes_with_its_version() -> None:
    a, b = version(), version()
    found = fold(a, b, alias(a, "best"), about("delete", a))
    assert asked(found).aliases(1) == []
    assert last(fold(alias(a, "best"), into=found)) == (False, None)
    assert last(fold(fact("alias", {"version": "gone", "alias": "best", "from": None}), into=found)) == (False, None)


def test_unalias_and_protect_mean_the_alias_of_that_version() -> None:
    a, b = version(), version()
    found = fold(a, b, alias(a, "best"), about("protect", a, alias="best", to=True, **{"from": False}))
    assert asked(found).aliases(1)[0].protected
    fold(alias(b, "best", a), into=found)
    assert asked(found).aliases(1)[0].protected
    assert last(fold(about("protect", a, alias="best", to=False), into=found)) == (False, None)
    assert last(fold(about("unalias", a, alias="best"), into=found)) == (False, None)
    assert last(fold(about("unalias", b, alias="best"), into=found)) == (True, None)
    assert asked(found).aliases(1) == []


# --- tags, edits, names ---


def test_tags() -> None:
    a = version()
    found = fold(a, about("tag", a, tag="night drive"), about("tag", a, tag="a"), about("untag", a, tag="a"))
    assert asked(found).tags_of(asked(found).version(a.id)) == ["night drive"]  # type: ignore[arg-type]
    assert last(fold(about("untag", a, tag="a"), into=found)) == (False, None)
    assert last(fold(fact("tag", {"version": "gone", "tag": "a"}), into=found)) == (False, None)


def test_edits_of_versions_and_artifacts() -> None:
    a = version(metadata={"lr": 1, "gone": 2})
    artifact = {"project": PROJECT, "name": "model"}
    found = fold(
        a,
        about("edit", a, field="description", to="d"),
        about("edit", a, field="note", to="n"),
        about("edit", a, field="metadata", key="lr", to={"x": None}),
        about("edit", a, field="metadata", key="gone"),
        fact("edit", {**artifact, "field": "note", "to": "of all"}),
        fact("edit", {**artifact, "field": "keep_last", "to": 3}),
    )
    row = asked(found).version(a.id)
    assert row is not None
    assert (row.description, row.note, row.metadata) == ("d", "n", {"lr": {"x": None}})
    whole = asked(found).artifact(PROJECT, "model")
    assert whole is not None
    assert (whole.note, whole.keep_last, whole.description) == ("of all", 3, None)
    for wrong in (
        about("edit", a, field="digest", to="d"),
        about("edit", a, field="keep_last", to=1),
        fact("edit", {**artifact, "field": "metadata", "key": "a", "to": 1}),
        fact("edit", {**artifact, "name": "gone", "field": "note", "to": ""}),
    ):
        assert last(fold(wrong, into=found)) == (False, None)


def test_a_renamed_artifact_is_found_by_both_names_and_goes_on_counting() -> None:
    a, rename = version(), fact("rename", {"project": PROJECT, "from": "model", "to": "net"})
    found = fold(a, rename, version("model"), version("net"))
    assert refs(found) == ["net:v0", "net:v1", "net:v2"]
    back = fact("rename", {"project": PROJECT, "from": "net", "to": "model"})
    assert refs(fold(back, into=found)) == ["model:v0", "model:v1", "model:v2"]
    fold(version("other"), into=found)
    for wrong in ({"from": "other", "to": "net"}, {"from": "gone", "to": "new"}):
        assert last(fold(fact("rename", {"project": PROJECT, **wrong}), into=found)) == (False, None)


# --- deletion ---


def test_states_follow_each_other() -> None:
    a = version()
    found = fold(a)
    for kind, state, applied in [
        ("restore", LIVE, False), ("purge", LIVE, False), ("delete", TRASH, True), ("delete", TRASH, False),
        ("restore", LIVE, True), ("delete", TRASH, True), ("purge", PURGED, True), ("restore", PURGED, False),
    ]:  # fmt: skip
        one = about(kind, a)
        fold(one, into=found)
        row = asked(found).version(a.id)
        assert row is not None
        assert (row.state, last(found)[0]) == (state, applied)
        assert (row.deleted is None) == (state == LIVE)


# --- undoing, indexes, what is not known ---


def undoing(kind: str, target: Fact, **data: Any) -> Fact:
    return facts.make(Draft(kind, data, None, target.id), "tester", "here")


def test_an_undone_undo_holds_again() -> None:
    a = version()
    tag = about("tag", a, tag="x")
    first = undoing("untag", tag, version=a.id, tag="x")
    second = undoing("tag", first, version=a.id, tag="x")
    found = fold(a, tag, first)
    assert [event.undone_by for event in asked(found).events()] == [None, first.id, None]
    fold(second, into=found)
    assert [event.undone_by for event in asked(found).events()] == [None, None, second.id, None]


def test_live_indexes_and_condemned_packs() -> None:
    one, two = "1" * 64, "2" * 64
    found = fold(
        fact("index", {"add": [one], "remove": []}), fact("index", {"add": [two], "remove": [one]}),
        fact("condemn", {"packs": [HEX]}),
    )  # fmt: skip
    assert asked(found).indexes() == [two]
    assert asked(found).condemned() == {bytes.fromhex(HEX)}


def unknown(required: str | None = None) -> Fact:
    made = fact("vote", {"for": 3})
    return facts.parse(made.line[:-1] + b',"required":"' + required.encode() + b'"}') if required else made


def test_unknown_facts_are_carried() -> None:
    made = unknown()
    found = fold(made)
    assert [event.fact for event in asked(found).events()] == [made]
    check_required(found.database, writing=True)


def test_unknown_facts_that_must_be_known_stop_what_they_say() -> None:
    database = fold(unknown("write")).database
    check_required(database, writing=False)
    for found, writing in ((database, True), (fold(unknown("read")).database, False)):
        with pytest.raises(ArtError) as caught:
            check_required(found, writing=writing)
        assert caught.value.slug == "newer-art-needed"


A = version()
BEST = alias(A, "best")


@pytest.mark.parametrize(
    "bad",
    [
        fact("version", {}), version("../../etc"), version(".."), version("x", project="a/b"), version("x", type="a/b"),
        version("x", type=""), version(name="x", page="zz"), version(name="x", digest=HEX[:-1]), version("x", size=-1),
        version("x", entries=True), version("x", stored=1 << 70), version("x", new=None), version("x", metadata=[1]),
        version("x", description={"a": 1}), version("x", base=["a"]),
        about("alias", A, alias="v3"), about("alias", A, alias="a b"), about("alias", A, alias="\x1b[31m"),
        about("alias", A, alias=None), about("tag", A, tag="\n"), about("tag", A, tag=3), fact("tag", {"tag": "a"}),
        fact("delete", {"version": {"a": 1}}), about("edit", A), about("edit", A, field="note", to=[1]),
        about("edit", A, field="metadata", to=1),
        fact("edit", {"project": PROJECT, "name": "model", "field": "keep_last", "to": "many"}),
        fact("edit", {"project": PROJECT, "name": "model", "field": "keep_last", "to": 1 << 80}),
        fact("rename", {"project": PROJECT, "from": "model", "to": "../x"}), fact("index", {"add": ["../x"]}),
        fact("index", {"add": 3}), fact("condemn", {"packs": [None]}), about("protect", A, alias="x"),
    ],
)  # fmt: skip
def test_a_fact_that_lacks_what_its_kind_needs_changes_nothing_and_hides_nothing(bad: Fact) -> None:
    before = tables(fold(A, BEST))
    found = fold(A, BEST, bad, version("after"))
    assert [event.fact.id for event in asked(found).faults()] == [bad.id]
    assert refs(found) == ["model:v0", "after:v0"]
    after = tables(fold(A, BEST, bad))
    assert {name: rows for name, rows in after.items() if name != "facts"} == {
        name: rows for name, rows in before.items() if name != "facts"
    }


# --- properties ---


def some_facts(seed: int) -> list[Fact]:
    """A history in which all kinds of facts meet, sensible or not."""
    dice = random.Random(seed)
    made: list[Fact] = []
    versions: list[Fact] = []
    for _ in range(dice.randrange(1, 40)):
        if not versions or dice.random() < 0.3:
            one = version(dice.choice("ab"), str(dice.randrange(3)))
            versions.append(one)
        else:
            one = _about(dice, dice.choice(versions), versions)
        made.append(one)
    return made


def _about(dice: random.Random, target: Fact, versions: list[Fact]) -> Fact:
    kind = dice.choice(["alias", "unalias", "protect", "tag", "untag", "edit", "rename", "delete", "restore", "purge"])
    if kind in ("alias", "unalias", "protect"):
        before = dice.choice([None, *(one.id for one in versions)])
        return about(kind, target, alias=dice.choice(["x", "y"]), to=dice.random() < 0.5, **{"from": before})
    if kind == "rename":
        return fact(kind, {"project": PROJECT, "from": dice.choice("abc"), "to": dice.choice("abc")})
    return about(kind, target, tag="t", field=dice.choice(["note", "metadata"]), key="k", to=str(dice.random()))


def numbers(found: Fold) -> dict[str, tuple[str, int]]:
    rows = found.database.execute("SELECT id, artifact, number FROM versions")
    return {id: (artifact, number) for id, artifact, number in rows}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_however_facts_are_cut_into_entries_or_repeated_the_tables_are_the_same(seed: int, dice: random.Random) -> None:
    made = some_facts(seed)
    expected = tables(fold(*made))
    again = empty()
    rest, seen, n = list(made), [], -1
    while rest:
        batch = [rest.pop(0) for _ in range(min(len(rest), dice.randrange(1, 5)))]
        repeated = dice.sample(seen, min(len(seen), dice.randrange(3)))
        n += 1
        again.follow([LogEntry(n, f"{n:064x}", "", "p", (*repeated, *batch))])
        seen += batch
    assert tables(again) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_two_histories_merge_by_union_and_numbers_stay_contiguous(one: int, two: int, dice: random.Random) -> None:
    shared, ours, theirs = some_facts(one), some_facts(two), some_facts(two + 1)
    mixed = list(ours)
    for fact_of_theirs in theirs:
        mixed.insert(dice.randrange(len(mixed) + 1), fact_of_theirs)
    found = fold(*shared, *mixed, *shared, *ours)
    assert tables(found) == tables(fold(*shared, *mixed))
    by_artifact: dict[str, list[int]] = {}
    for artifact, number in numbers(found).values():
        by_artifact.setdefault(artifact, []).append(number)
    for found_numbers in by_artifact.values():
        assert sorted(found_numbers) == list(range(len(found_numbers)))
    before = numbers(fold(*shared))
    assert before.items() <= numbers(found).items()  # what was numbered keeps its number, whatever comes after


def test_a_head_is_where_the_log_was_read_to() -> None:
    found = fold(A)
    assert found.head == (0, f"{0:064x}")


def test_the_tables_are_strict() -> None:
    statements: Iterable[str] = (part for part in SCHEMA.split(";") if "CREATE TABLE" in part)
    assert all(part.rstrip().endswith("STRICT") for part in statements)


# --- long texts ---


def text(name: str) -> dict[str, str]:
    return {"text": name * 64}


def said(found: Fold) -> set[tuple[str, str | None]]:
    return {(one.digest.hex()[0], one.version) for one in asked(found).texts()}


def of_artifact(to: Any, field: str = "note") -> Fact:
    return fact("edit", {"project": PROJECT, "name": "model", "field": field, "from": None, "to": to})


def test_long_texts_are_needed_until_their_version_is_purged() -> None:
    one, two = version(description=text("1")), version(content="b")
    found = fold(one, two, about("edit", one, field="note", to=text("2")), of_artifact(text("3")), of_artifact("x"))
    row = asked(found).version(one.id)
    assert row is not None
    assert (row.description, row.note) == (bytes.fromhex("1" * 64), bytes.fromhex("2" * 64))
    assert said(found) == {("1", one.id), ("2", one.id), ("3", None)}
    fold(about("delete", one), about("delete", two), into=found)
    assert len(said(found)) == 3
    fold(about("purge", one), into=found)
    assert said(found) == {("3", None)}
    row = asked(found).version(one.id)
    assert row is not None
    assert (row.description, row.note) == (None, None)
    fold(about("edit", one, field="note", to=text("4")), into=found)
    assert (said(found), last(found)) == ({("3", None)}, (False, None))
    fold(about("purge", two), into=found)
    artifact = asked(found).artifact(PROJECT, "model")
    assert artifact is not None
    assert (said(found), artifact.note) == (set(), "x")
    fold(of_artifact(text("5")), into=found)
    assert said(found) == {("5", None)}


def test_an_artifact_forgets_its_long_texts_with_its_last_version() -> None:
    one = version()
    found = fold(one, of_artifact(text("1")), of_artifact("short", "description"), about("delete", one))
    fold(about("purge", one), into=found)
    artifact = asked(found).artifact(PROJECT, "model")
    assert artifact is not None
    assert (artifact.note, artifact.description) == (None, "short")


@pytest.mark.parametrize("wrong", [{"text": "1"}, {"text": "1" * 64, "more": 1}, ["x"], 3])
def test_what_names_no_text_has_no_effect(wrong: Any) -> None:
    one = version()
    found = fold(one, about("edit", one, field="note", to=wrong))
    assert last(found)[0] is False
    assert last(found)[1] is not None
    assert refs(fold(version(description=wrong))) == []
    fold(about("edit", one, field="metadata", key="a", to=text("1")), into=found)
    assert said(found) == set()
