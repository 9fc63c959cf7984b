"""A remote that was put back to an older state: refused, until it is said what is to become of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket
from artcli.catalog import facts as facts_module
from artcli.catalog import mirror
from artcli.catalog.facts import Draft
from artcli.catalog.log import entry_key
from artcli.errors import ConflictError
from artcli.flows.rollback import accept, named_chunks
from tests.flows.workshop import noisy
from tests.kit import sound
from tests.kit.machines import Machine, World, copied


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ["car", "laptop", "late"])


class Team:
    """The car made a:v0, of which there is a copy, then a:v1; the laptop made b:v0; all know all."""

    def __init__(self, world: World) -> None:
        self.world = world
        with world.open("car") as car:
            car.log("a", noisy(range(5)))
            car.push()
        self.copy = copied(world.shared)
        with world.open("laptop") as laptop:
            laptop.log("b", noisy(range(100, 105)), description="x" * 3000)
            laptop.push()
        with world.open("car") as car:
            car.log("a", noisy(range(6)))
            car.push()
            car.pull()
        with world.open("laptop") as laptop:
            laptop.pull()

    def roll_back(self) -> None:
        self.world.shared = copied(self.copy)


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


def refs(machine: Machine) -> set[str]:
    return {version.ref for version in machine.repository.catalog.versions()}


def check(world: World) -> set[str]:
    with world.open_place() as place:
        assert place is not None
        return set(sound.check_open(place))


def refused(machine: Machine) -> None:
    for command in (machine.push, machine.pull):
        with pytest.raises(ConflictError) as raised:
            command()
        assert (raised.value.slug, raised.value.exit_code) == ("remote-rolled-back", 6)


def test_a_shorter_log_is_refused_and_nothing_changes(team: Team) -> None:
    team.roll_back()
    before = list(team.world.shared.list(""))
    with team.world.open("car") as car:
        refused(car)
        assert refs(car) == {"a:v0", "a:v1", "b:v0"}
    assert list(team.world.shared.list("")) == before


def test_another_log_is_refused(team: Team) -> None:
    """Somebody who had not seen what was lost has pushed meanwhile, so the log is as long as it was, or longer."""
    team.roll_back()
    with team.world.open("late") as late:
        for number in range(4):
            late.log("late", noisy([f"late{number}"]))
            late.push()
    with team.world.open("car") as car:
        car.log("a", noisy(range(7)))
        refused(car)


@pytest.mark.parametrize("others", [False, True])
def test_a_push_that_accepts_gives_back_what_is_here(team: Team, others: bool) -> None:
    team.roll_back()
    if others:
        with team.world.open("late") as late:
            late.log("a", noisy(["late"]))
            late.push()
    with team.world.open("car") as car:
        accepted = accept(car.repository, car.place, heal=True)
        assert accepted is not None
        assert (accepted.lost, accepted.kept, accepted.elsewhere) == (2, 1, 0)
        car.push()
        expected = {"a:v0", "a:v1", "b:v0"} | ({"a:v2"} if others else set())
        assert refs(car) == check(team.world) == expected
        assert accept(car.repository, car.place, heal=True) is None
        sound.check_open(car.repository)
    with team.world.open("laptop") as laptop:
        if others:
            refused(laptop)
        assert accept(laptop.repository, laptop.place, heal=True) is not None
        laptop.pull()
        assert refs(laptop) == expected
        sound.check_open(laptop.repository)


def test_a_pull_that_accepts_takes_the_remote_as_it_is(team: Team) -> None:
    team.roll_back()
    with team.world.open("car") as car:
        accepted = accept(car.repository, car.place, heal=False)
        assert accepted is not None
        assert (accepted.lost, accepted.kept) == (2, 0)
        car.pull()
        assert refs(car) == {"a:v0", "a:v1"}, "its own version is its own business"
        (kept,) = os.listdir(car.art / "lost+found" / "mirrors")
        assert (car.art / "lost+found" / "mirrors" / kept / entry_key(1)).is_file()
        sound.check_open(car.repository)
    with team.world.open("car") as car:
        assert refs(car) == {"a:v0", "a:v1"}
        car.push()
        assert check(team.world) == {"a:v0", "a:v1"}


def test_what_is_not_here_cannot_be_given_back(team: Team) -> None:
    """Of a version that was only seen: what is said of it stays away, too."""
    with team.world.open("laptop") as laptop:
        laptop.log("c", noisy(range(200, 205)))
        laptop.push()
        (version,) = [version for version in laptop.repository.catalog.versions() if version.name == "c"]
        laptop.repository.commit(lambda _, make: [make(Draft("tag", {"version": version.id, "tag": "good"}))])
        laptop.push()
    with team.world.open("car") as car:
        car.place.fetch()
        car.repository.refresh()
        assert "c:v0" in refs(car)
    team.roll_back()
    with team.world.open("car") as car:
        accepted = accept(car.repository, car.place, heal=True)
        assert accepted is not None
        assert (accepted.lost, accepted.kept, accepted.elsewhere) == (4, 1, 1)
        car.push()
        assert check(team.world) == {"a:v0", "a:v1", "b:v0"}


def test_a_second_rollback_is_another(team: Team) -> None:
    for number in (1, 2):
        team.roll_back()
        with team.world.open("car") as car:
            refused(car)
            assert accept(car.repository, car.place, heal=True) is not None
            car.push()
            assert len(os.listdir(car.art / "lost+found" / "mirrors")) == number
            assert check(team.world) == {"a:v0", "a:v1", "b:v0"}


def test_a_line_that_is_cut_meanwhile_changes_nothing(team: Team) -> None:
    team.roll_back()

    class Cut:
        def __init__(self, inner: Bucket) -> None:
            self.inner = inner
            self.left = 10**9

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
            if key == entry_key(0):
                raise ConnectionError("cut")
            return self.inner.get(key, start, length)

    with team.world.open("car", shared=Cut) as car:  # type: ignore[arg-type]
        with pytest.raises(ConnectionError):
            accept(car.repository, car.place, heal=True)
        assert refs(car) == {"a:v0", "a:v1", "b:v0"}
    with team.world.open("car") as car:
        refused(car)
        assert accept(car.repository, car.place, heal=True) is not None
        car.push()
        assert check(team.world) == {"a:v0", "a:v1", "b:v0"}


def test_a_process_that_dies_between_the_two_mirrors(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one is in `lost+found`, the new one has not its name yet: all of it is fetched again; nothing is lost."""
    team.roll_back()
    rename = os.rename

    def die(source: Path, target: Path) -> None:
        if str(source).endswith(".fresh"):
            raise KeyboardInterrupt
        rename(source, target)

    with team.world.open("car") as car:
        monkeypatch.setattr(os, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            accept(car.repository, car.place, heal=True)
        monkeypatch.setattr(os, "rename", rename)
    with team.world.open("car") as car:
        car.pull()
        assert refs(car) == {"a:v0", "a:v1", "b:v0"}
        car.push()
        assert check(team.world) == {"a:v0", "a:v1", "b:v0"}


def test_a_process_that_dies_before_the_mirror_goes(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.roll_back()
    with team.world.open("car") as car, monkeypatch.context() as patched:
        patched.setattr(mirror, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            accept(car.repository, car.place, heal=True)
    with team.world.open("car") as car:
        refused(car)
        assert refs(car) == {"a:v0", "a:v1", "b:v0"}
        assert accept(car.repository, car.place, heal=True) is not None
        car.push()
        assert check(team.world) == {"a:v0", "a:v1", "b:v0"}


def test_the_chunks_that_facts_name() -> None:
    page, text, one, two = (f"{number:064x}" for number in range(4))
    draft = Draft("x", {
        "page": page, "description": {"text": text}, "records": [one], "console": [two], "new": {"entries": 1},
    })  # fmt: skip
    fact = facts_module.make(draft, "tester", "here")
    assert sorted(name.hex() for name in named_chunks(fact.data)) == [page, text, one, two]


def test_metadata_names_no_chunks() -> None:
    like = {"text": "a word"}
    for data in ({"metadata": {"text": "a word"}}, {"field": "metadata", "key": "x", "from": like, "to": like}):
        assert list(named_chunks(data)) == []
