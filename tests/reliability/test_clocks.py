"""A clock that stands at 1970, one that is ahead by eighty years, one that goes back between two commands: nothing
changes but the times that are shown.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.catalog import Catalog
from artcli.catalog.repository import Repository
from artcli.files.sources import Source
from artcli.flows import alias, edit, rm, undo, use
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import collect
from artcli.flows.log_artifact import Request, log_artifact
from tests.kit import sound, trees
from tests.kit.machine import observed
from tests.kit.trees import Leaf
from tests.store.material import noise

PROJECT = "uncategorized"
NOW = time.time()
Y1970, Y2106 = 40.0, 4_300_000_000.0

CLOCKS: dict[str, Sequence[float]] = {
    "right": [NOW],
    "1970": [Y1970],
    "2106": [Y2106],
    "set by the network after a while": [Y1970, Y1970, Y1970, NOW],
    "back and forth": [NOW, Y1970, Y2106, NOW - 86400, Y1970 + 5, NOW + 5],
    "back by an hour each time": [NOW - 3600 * i for i in range(40)],
}


class Clock:
    """Stands where it is told to; moves on by a millisecond whenever it is asked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self._ticks = itertools.count()
        patch.setattr(time, "time", lambda: self.now + next(self._ticks) / 1000)
        patch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def tell(home: Path, clock: Clock | None, times: Sequence[float]) -> Any:
    """One story, each command at the next of `times`; all that a user sees at its end, without times."""
    data, used = home / "data", home / "used"
    moments = itertools.cycle(times)
    rescued: list[bytes] = []

    def at_some_time(command: Callable[[Repository], object]) -> None:
        if clock is not None:
            clock.now = next(moments)
        repository = Repository(home / ".art")
        try:
            command(repository)
        finally:
            repository.close()

    def log(tree: dict[str, Leaf], **more: Any) -> None:
        trees.plant(data, tree)
        sources = [Source(bytes(data))]
        at_some_time(lambda repository: log_artifact(repository, Request("d", PROJECT, sources, workers=2, **more)))

    def bring(ref: str) -> None:
        def command(repository: Repository) -> None:
            done = use.use(repository, use.Request(ref, PROJECT, home, used, exact=True, workers=2))
            rescued.extend(done.rescued.paths)

        at_some_time(command)
        time.sleep(0.05)  # for the clock of the file system, which nobody sets here

    Repository.init(home)[0].close()
    first: dict[str, Leaf] = {"a": b"1", "b": noise(5000, "b"), "c/d": noise(300_000, "d")}
    second: dict[str, Leaf] = {"a": b"2", "b": noise(5000, "b2"), "c/e": noise(300_000, "e")}
    log(first, aliases=["best"])
    log(second, aliases=["new"])
    bring("d:v0")
    bring("d:v1")
    assert trees.harvest(used) == second
    (used / "a").write_bytes(b"mine")
    bring("d:best")
    assert trees.harvest(used) == first
    log(first)
    log(first)
    at_some_time(lambda repository: alias.set_aliases(repository, "d:v0", ["new"], PROJECT))
    at_some_time(lambda repository: edit.edit(repository, "d:v1", edit.Edits(note="n", set={"k": 1}), PROJECT))
    at_some_time(undo.undo)
    at_some_time(lambda repository: rm.remove(repository, plan(repository.catalog, "d:v1")))
    at_some_time(collect)
    at_some_time(lambda repository: rm.restore(repository, ["d:v1"], PROJECT))
    at_some_time(lambda repository: rm.remove(repository, plan(repository.catalog, "d:v1")))
    at_some_time(lambda repository: collect(repository, Collection(empty_trash=True)))
    bring("d:latest")
    bring("d:latest")
    sound.check(home / ".art")
    repository = Repository(home / ".art")
    facts = [(event.fact.kind, event.applied, bool(event.undone_by)) for event in repository.catalog.events()]
    shown = observed(repository), facts, rescued, trees.harvest(used)
    repository.close()
    return shown


def plan(catalog: Catalog, ref: str) -> rm.Removal:
    return rm.plan_rm(catalog, [ref], rm.Selection(), PROJECT)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The story by this machine's own clock."""
    return tell(tmp_path_factory.mktemp("right"), None, [])


@pytest.mark.parametrize("name", CLOCKS)
def test_nothing_changes_but_the_times_shown(name: str, right: Any, clock: Clock, swift: Path) -> None:
    assert tell(swift, clock, CLOCKS[name]) == right


def test_a_wrong_clock_takes_nothing_out_of_the_trash(clock: Clock, swift: Path) -> None:
    """What was deleted a minute ago is not thirty days old because the clock has jumped."""
    Repository.init(swift)[0].close()
    trees.plant(swift / "data", {"a": noise(3000)})
    repository = Repository(swift / ".art")
    log_artifact(repository, Request("d", PROJECT, [Source(bytes(swift / "data"))]))
    for deleted, collected in itertools.product([NOW, Y1970, Y2106], repeat=2):
        clock.now = deleted
        rm.remove(repository, plan(repository.catalog, "d:v0"))
        clock.now = collected
        assert collect(repository).purged == []
        rm.restore(repository, ["d:v0"], PROJECT)
    repository.close()
    sound.check(swift / ".art")
