"""Facts about runs: merging logs is a union whatever their order, and no fact does harm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog import facts
from artcli.catalog.afresh import empty_fold
from artcli.catalog.facts import Fact
from artcli.catalog.fold import Fold
from artcli.catalog.log import GENESIS, LogEntry
from artcli.catalog.runs.register import Register
from tests.catalog.kit import fact

D = "ab" * 32
V = "cd" * 16


def folded(entries: Sequence[Sequence[Fact]]) -> Fold:
    fold = empty_fold()
    fold.database.execute("BEGIN")
    for n, made in enumerate(entries):
        fold.follow([LogEntry(n, GENESIS, GENESIS, "place", tuple(made))])
    fold.database.execute("COMMIT")
    return fold


def begins(run: str, **more: Any) -> Fact:
    return fact("run", {"run": run, "project": "home", "name": run, **more})


def segment(run: str, writer: str, n: int, resumes: int = 0, since: str = "2026") -> Fact:
    data = {"run": run, "writer": writer, "n": n, "resumes": resumes, "since": since, "records": [D]}
    return fact("segment", data)


def life(machine: str, run: str) -> list[Fact]:
    """What one machine says of a run of its own."""
    about = {"run": run}
    edge = {**about, "version": V, "digest": D}
    return [
        begins(run, tags=["a"]), segment(run, machine, 0), fact("input", edge), fact("tag", {**about, "tag": machine}),
        segment(run, machine, 1), fact("edit", {**about, "field": "notes", "to": {"text": D}}), fact("output", edge),
        fact("edit", {**about, "field": "notes", "from": {"text": D}, "to": "n"}),
        fact("finish", {**about, "outcome": "failed", "exit": 3}), fact("untag", {**about, "tag": "a"}),
        fact("delete", about),
    ]  # fmt: skip


def taken_up(run: str) -> list[Fact]:
    """What another machine adds to the run, which it took up there."""
    return [
        segment(run, "other", 0, 1, "2027"),
        segment(run, "other", 1, 1, "2027"),
        fact("tag", {"run": run, "tag": "b"}),
    ]


def tables(fold: Fold) -> dict[str, object]:
    database, register = fold.database, Register(fold.database)
    runs = {run.id: run._replace(seq=0) for run in register.runs(states=("live", "trash", "purged"))}
    segments = {run: [(part.writer, part.n) for part in register.segments(run)] for run in runs}
    edges = [sorted(map(tuple, database.execute(f"SELECT * FROM {name}"))) for name in ("outputs", "run_tags")]
    inputs = sorted(map(repr, database.execute("SELECT run, version, digest, uri, role FROM inputs")))
    texts = sorted(register.texts(("live", "trash")))
    return {"runs": runs, "segments": segments, "edges": edges, "inputs": inputs, "texts": texts}


A, B, C = life("here", "run-a"), life("there", "run-b"), taken_up("run-a")


@st.composite
def interleavings(draw: st.DrawFn) -> list[Fact]:
    """The three logs in one, each in its own order, facts seen twice now and then."""
    logs = [list(A), list(B), list(C)]
    merged: list[Fact] = []
    while any(logs):
        log = draw(st.sampled_from([log for log in logs if log]))
        merged.append(log.pop(0))
        if draw(st.integers(0, 9)) == 0:
            merged.append(draw(st.sampled_from(merged)))
    return merged


TRUTH = tables(folded([[*A, *B, *C]]))


@settings(max_examples=60, deadline=None)
@given(interleavings(), st.integers(1, 5))
def test_merging_is_a_union_for_any_interleaving(merged: list[Fact], together: int) -> None:
    entries = [merged[at : at + together] for at in range(0, len(merged), together)]
    assert tables(folded(entries)) == TRUTH


def test_what_it_is_the_union_of() -> None:
    assert TRUTH["segments"] == {
        "run-a": [("here", 0), ("here", 1), ("other", 0), ("other", 1)],
        "run-b": [("there", 0), ("there", 1)],
    }
    runs = TRUTH["runs"]
    assert isinstance(runs, dict)
    assert {(run.state, run.outcome, run.exit, run.notes) for run in runs.values()} == {("trash", "failed", 3, "n")}


@settings(max_examples=60, deadline=None)
@given(st.permutations(A))
def test_a_run_that_begins_after_other_facts_of_it_has_them_all(made: list[Fact]) -> None:
    fold = folded([made])
    register = Register(fold.database)
    run = register.run("run-a")
    assert run is not None
    assert (run.outcome, run.exit, run.state) == ("failed", 3, "trash")
    assert run.notes in ("n", bytes.fromhex(D))  # whichever was said later
    assert [text.digest.hex() for text in register.texts(("trash",))] == [D]
    assert [(part.writer, part.n) for part in register.segments("run-a")] == [("here", 0), ("here", 1)]
    assert len(register.inputs("run-a")) == len(register.outputs("run-a")) == 1


def test_a_late_segment_of_an_earlier_writer_comes_before_those_of_later_ones() -> None:
    run = [begins("r"), fact("resume", {"run": "r"}), segment("r", "second", 0, 1, "2027"), segment("r", "first", 7)]
    found = Register(folded([run]).database).segments("r")
    assert [(part.writer, part.n) for part in found] == [("first", 7), ("second", 0)]


def test_long_notes_are_named_until_the_run_is_purged() -> None:
    long, about = {"text": D}, {"run": "r"}
    made = [begins("r", notes=long), fact("edit", {**about, "field": "notes", "from": long, "to": {"text": "ef" * 32}})]
    register = Register(folded([made]).database)
    run = register.run("r")
    assert run is not None
    assert run.notes == bytes.fromhex("ef" * 32)
    assert [text.digest.hex() for text in register.texts(("live",))] == [D, "ef" * 32]
    assert register.has_text("r", bytes.fromhex(D))
    gone = [fact("delete", about), fact("purge", about)]
    late = fact("edit", {**about, "field": "notes", "to": long})
    register = Register(folded([[*made, *gone, late]]).database)
    run = register.run("r")
    assert run is not None
    assert (run.state, run.notes) == ("purged", None)
    assert list(register.texts(("live", "trash", "purged"))) == []
    assert not register.has_text("r", bytes.fromhex(D))


ODD: list[Any] = [None, True, 1.5, -1, 2**70, "", "x" * 100_000, "\ud800", [], [None], {}, {"a": []}, "../../x", "a\nb"]


SOUND: dict[str, dict[str, Any]] = {
    "run": {"run": "x", "project": "home", "name": "x", "tags": ["t"], "notes": "n"}, "resume": {"run": "r"},
    "finish": {"run": "r", "outcome": "failed", "exit": 1}, "segment": {
        "run": "r", "writer": "w", "n": 0, "resumes": 0, "since": "", "records": [D], "console": [D], "page": D,
    },
    "input": {"run": "r", "version": V, "digest": D, "uri": "u", "role": "x"},
    "output": {"run": "r", "version": V, "digest": D}, "edit": {"run": "r", "field": "notes", "to": "n"},
    "tag": {"run": "r", "tag": "t"}, "untag": {"run": "r", "tag": "t"}, "delete": {"run": "r"},
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUND)
def test_hostile_facts_do_no_harm(kind: str) -> None:
    data = SOUND[kind]
    hostile = [{**data, key: odd} for key in data for odd in ODD]
    hostile += [{name: value for name, value in data.items() if name != key} for key in data]
    made = [_fact(kind, item) for item in hostile]
    fold = folded([[begins("r")], made, [begins("after")]])
    register = Register(fold.database)
    assert register.run("r") is not None
    assert register.run("after") is not None
    for run in register.runs():
        assert register.tags(run.id) is not None
        assert len(list(register.segments(run.id))) + len(register.inputs(run.id)) + len(register.outputs(run.id)) < 40
        assert run.notes is None or isinstance(run.notes, str)
        (run.name + (run.notes or "")).encode()


def _fact(kind: str, data: dict[str, Any]) -> Fact:
    """A fact as another program might have written it."""
    body = {"kind": kind, "nonce": "", "actor": "a", "machine": "m", "time": "2026-11-21T00:00:00.000Z", "data": data}
    return facts.parse(json.dumps(body).encode())


def test_of_one_id_the_first_run_counts() -> None:
    fold = folded([[begins("r", notes="first"), begins("r", notes="second")]])
    run = Register(fold.database).run("r")
    assert run is not None
    assert run.notes == "first"
