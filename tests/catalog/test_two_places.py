"""A repository and its authority: two logs, one fold."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.buckets.memory import MemoryBucket
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.fold import Fold
from artcli.catalog.following import START, Follower, Head
from artcli.catalog.log import Log
from artcli.lock import held
from tests.catalog.kit import PROJECT, fact, version_data
from tests.catalog.test_fold import tables

HERE, THERE = "ab" * 16, "cd" * 16


class Two:
    """The own log and the mirror of the authority's, in memory, and a follower of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own, self.there = Log(MemoryBucket(), HERE), Log(MemoryBucket(), THERE)
        self.heads = {HERE: START, THERE: START}
        self.unpushed: list[Fact] = []
        self.follower = self.open("catalog")

    def open(self, name: str) -> Follower:
        aside = self.folder / "aside.db" if name == "taken" else None
        found = Follower(self.own, self.folder / f"{name}.db", self.folder / f"{name}.seen", self.there, aside=aside)
        found.follow()
        return found

    def aside(self) -> Follower:
        """Of the authority's log alone."""
        found = Follower(self.there, self.folder / "aside.db", self.folder / "aside.seen")
        found.follow()
        return found

    def here(self, *made: Fact) -> None:
        """Commit to the own log."""
        self.follower.follow()
        assert self.follower.commit(self.follower.head, made)
        self.unpushed += [one for one in made if one.kind != "index"]

    def elsewhere(self, *made: Fact) -> None:
        """What came into the authority's log, and is mirrored."""
        head = self.heads[THERE]
        entry = self.there.append(head.n + 1, head.digest, made)
        assert entry is not None
        self.heads[THERE] = Head(entry.n, entry.digest)

    def push(self, count: int | None = None) -> None:
        """Own facts reach the authority, in their order, and its index with them."""
        pushed, self.unpushed = self.unpushed[:count], self.unpushed[len(self.unpushed[:count]) :]
        self.elsewhere(*pushed, fact("index", {"add": ["ef" * 32]}))

    def follow(self) -> Catalog:
        self.follower.follow()
        return Catalog(self.follower.database)

    def close(self) -> None:
        self.follower.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    found = Two(tmp_path)
    yield found
    found.close()


def version(content: str = "a") -> Fact:
    return fact("version", version_data("model", content))


def numbers(catalog: Catalog) -> dict[str, int]:
    return {found.id: found.number for found in catalog.versions()}


def test_what_the_authority_has_comes_first(two: Two) -> None:
    ours, theirs = version("a"), version("b")
    two.here(ours)
    assert numbers(two.follow()) == {ours.id: 0}
    two.elsewhere(theirs)
    assert numbers(two.follow()) == {theirs.id: 0, ours.id: 1}
    assert two.follower.fold.unsettled() == [ours.id]


def test_a_number_is_settled_when_the_authority_has_it(two: Two) -> None:
    made = [version("a"), version("b")]
    two.here(*made)
    two.push(1)
    assert numbers(two.follow()) == {made[0].id: 0, made[1].id: 1}
    assert two.follower.fold.unsettled() == [made[1].id]
    two.push()
    two.follow()
    assert two.follower.fold.unsettled() == []


def test_an_alias_that_the_authority_moved_meanwhile_is_not_moved_again(two: Two) -> None:
    first, ours, theirs = version("a"), version("b"), version("c")
    two.here(first, fact("alias", {"version": first.id, "alias": "best", "from": None}))
    two.push()
    two.here(ours, fact("alias", {"version": ours.id, "alias": "best", "from": first.id}))
    two.elsewhere(theirs, fact("alias", {"version": theirs.id, "alias": "best", "from": first.id}))
    catalog = two.follow()
    artifact = catalog.artifact(PROJECT, "model")
    assert artifact is not None
    found = catalog.aliased(artifact.id, "best")
    assert found is not None
    assert found.id == theirs.id
    refused = [event.fact.id for event in catalog.events(backwards=True) if not event.applied]
    assert len(refused) == 1


def test_packs_of_the_authority_are_none_of_ours(two: Two) -> None:
    two.elsewhere(version(), fact("index", {"add": ["ef" * 32]}), fact("condemn", {"packs": ["12" * 32]}))
    assert two.follow().indexes() == []
    two.here(fact("index", {"add": ["34" * 32]}))
    assert two.follow().indexes() == ["34" * 32]
    assert two.follower.fold.unsettled() == []


def test_the_state_tells_of_both(two: Two) -> None:
    states = {two.follower.state}
    two.here(version())
    states.add(two.follower.state)
    two.elsewhere(version("b"))
    two.follow()
    states.add(two.follower.state)
    assert len(states) == 3


def test_another_authority_is_another_fold(two: Two) -> None:
    two.elsewhere(version("a"))
    two.here(version("b"))
    two.follower.close()
    alone = Follower(two.own, two.folder / "catalog.db", two.folder / "catalog.seen")
    alone.follow()
    assert len(numbers(Catalog(alone.database))) == 1
    alone.close()


STEPS = st.lists(
    st.sampled_from(["here", "index", "elsewhere", "run", "alias", "push", "push one", "follow", "aside"]), max_size=14
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_step_by_step_or_all_at_once_is_the_same(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        two = Two(Path(folder))
        made: list[Fact] = []
        for number, step in enumerate(steps):
            if step in ("here", "elsewhere"):
                made.append(version(str(number)))
                (two.here if step == "here" else two.elsewhere)(made[-1])
            elif step == "alias" and made:
                two.here(fact("alias", {"version": made[-1].id, "alias": "best", "from": None}))
            elif step == "index":
                two.here(fact("index", {"add": [f"{number:064x}"]}))
            elif step == "run":
                two.elsewhere(
                    fact("run", {"run": f"run{number}", "project": PROJECT, "name": "trip", "tags": ["night"]})
                )
            elif step == "aside":
                two.aside().close()
            elif step.startswith("push"):
                two.push(1 if step == "push one" else None)
            else:
                two.follow()
        two.follow()
        fresh, taken = two.open("fresh"), two.open("taken")
        assert _said(two.follower.fold) == _said(fresh.fold) == _said(taken.fold)
        assert two.follower.state == fresh.state == taken.state
        for one in (two.follower, fresh, taken):
            assert one.fold.unsettled() == [fact.id for fact in two.unpushed]
            one.close()


@pytest.fixture
def folded(two: Two, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the facts that were folded since the authority's log was followed aside."""
    two.elsewhere(*(version(f"{number}") for number in range(3)), fact("index", {"add": ["ef" * 32]}))
    two.aside().close()
    found: list[str] = []
    apply = Fold._apply

    def counted(fold: Fold, n: int, fact: Fact, own: bool) -> None:
        found.append(fact.id)
        apply(fold, n, fact, own)

    monkeypatch.setattr(Fold, "_apply", counted)
    return found


def test_what_is_folded_aside_is_not_folded_again(two: Two, folded: list[str]) -> None:
    ours, theirs = version("a"), version("b")
    two.elsewhere(theirs)
    two.here(ours)
    folded.clear()
    taken = two.open("taken")
    assert folded == [theirs.id, ours.id]
    assert sorted(numbers(Catalog(taken.database)).values()) == [0, 1, 2, 3, 4]
    later = version("c")
    two.elsewhere(later)
    two.aside().close()
    folded.clear()
    taken.follow()  # what is ours comes after it now
    assert folded == [ours.id]
    assert numbers(Catalog(taken.database))[ours.id] == 5
    taken.close()


@pytest.mark.parametrize("what", ["torn", "foreign", "older", "held"])
def test_what_is_not_to_be_believed_aside_is_not_taken(two: Two, folded: list[str], what: str) -> None:
    (aside,) = two.folder.glob("aside-*.db")
    if what == "torn":
        data = aside.read_bytes()
        aside.write_bytes(data[:5000] + os.urandom(len(data) - 5000))
    elif what == "foreign":
        with closing(sqlite3.connect(aside)) as database, database:
            database.execute("UPDATE stamp SET stamp = 'of another boot'")
    elif what == "older":
        with closing(sqlite3.connect(aside)) as database, database:
            database.execute("UPDATE heads SET n = 7")
    with held(aside.with_suffix(".lock"), alone=True, wait=0) if what == "held" else nullcontext():
        taken = two.open("taken")
    assert len(folded) == 4
    assert sorted(numbers(Catalog(taken.database)).values()) == [0, 1, 2]
    taken.close()


def _said(fold: Fold) -> object:
    """All but where among the others the facts about packs came."""
    said = tables(fold)
    said["facts"] = [row[1:] for row in said["facts"] if row[2] != "index"]
    return said
