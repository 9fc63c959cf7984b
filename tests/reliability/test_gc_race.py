"""gc of a shared place with no grace at all, against many who push, take back and push again the same contents."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import Repository
from artcli.flows import remotes
from artcli.flows.collect import Request, plan
from artcli.flows.collect.shared import collect_place
from tests.kit import sound, trees
from tests.kit.nursery import Nursery
from tests.kit.trees import Leaf
from tests.kit.victim import Victim
from tests.store.material import noise
from tests.web.kit import Server

CONTENTS: list[dict[str, Leaf]] = [
    {"a": noise(20_000, f"a{number}"), "b": noise(3000, f"b{number % 2}"), "label": b"x"} for number in range(4)
]
"""What everybody logs, again and again."""


@contextmanager
def place(swift: Path, way: str) -> Iterator[str]:
    """The URL of an empty place in `swift/nas`."""
    (swift / "nas").mkdir()
    if way == "directory":
        yield str(swift / "nas")
        return
    server = Server(swift, swift / "nas", "--auth", "none", "--i-know")
    try:
        yield server.url
    finally:
        server.stop()


class Keeper(threading.Thread):
    """Collects garbage until it is told to end."""

    def __init__(self, art: Path) -> None:
        super().__init__()
        self.art = art
        self.over = threading.Event()
        self.rounds = self.deleted = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        repository = Repository(self.art)
        reached = remotes.reach(repository, Remotes(self.art).get("nas"))
        try:
            while not self.over.is_set():
                self.deleted += collect_place(reached, Request(empty_trash=True, readers=0)).packs_deleted
                self.rounds += 1
        except Exception as error:
            self.failure = error
        finally:
            reached.close()
            repository.close()


@pytest.mark.parametrize("way", ["directory", "http"])
@pytest.mark.parametrize(("pushers", "versions"), [(3, 4), pytest.param(6, 20, marks=pytest.mark.soak)])
def test_nothing_that_was_pushed_is_missing(
    way: str, pushers: int, versions: int, nursery: Nursery, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "SMALL_COUNT", 2)
    chance = random.Random(f"{way} {pushers}")
    with place(swift, way) as url:
        machines = [Victim(swift / f"m{number}", nursery) for number in range(pushers)]
        for machine in machines:
            machine.must("remote", "add", "nas", url)
        keeper = Keeper(Victim(swift / "keeper", nursery).art)
        nursery.run(["remote", "add", "nas", url], swift / "keeper")
        keeper.start()
        expected = {}
        children = []
        for number, machine in enumerate(machines):
            commands = []
            for version in range(versions):
                tree = chance.choice(CONTENTS) | {"own": b"%d %d" % (number, version)}
                trees.plant(machine.directory / f"data{version}", tree)
                commands += [["log-artifact", f"name{number}", f"data{version}"], ["push"]]
                if version % 2 == 0:
                    commands += [["rm", "--yes", f"name{number}:v{version}"], ["push"]]
                else:
                    expected[f"name{number}:v{version}"] = tree
            children.append(nursery.start([], machine.directory, repeat=commands))
        ended = [child.wait() for child in children]
        keeper.over.set()
        keeper.join()
        assert [end.code for end in ended] == [0] * pushers, ended
        assert keeper.failure is None
        assert keeper.rounds > 1
        assert keeper.deleted
        assert sound.check(swift / "nas") == expected
        again = Victim(swift / "again", nursery)
        again.must("remote", "add", "nas", url)
        again.must("pull")
        assert again.check() == expected
