"""Between a machine and `art serve` lies a line that cuts, resets, stalls, leaves out, doubles and flips what it
carries. Both sides are sound at every moment, and the same command ends it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets import connections, line
from tests.kit import sound, trees
from tests.kit.command_line import Art, Result
from tests.kit.proxy import KINDS, Fault, Kind, Proxy
from tests.kit.trees import Leaf
from tests.kit.victim import some_tree
from tests.web.kit import Server

TRIES = 4
"""Times that a command is begun again before the line is mended."""
MANGLED: frozenset[Kind] = frozenset({"flip", "truncate", "duplicate"})
"""Of these a server may make anything, as of a client that is no art: what it then says is not about the line."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute takes a second."""
    monkeypatch.setattr(line, "STALL", 0.5)
    monkeypatch.setattr(connections, "CONNECT", 0.5)
    monkeypatch.setenv("ART_PATIENCE", "1")


class Road:
    """A car and what it sends to the server of `nas`, over `line`."""

    def __init__(self, directory: Path, line: Proxy) -> None:
        self.directory = directory
        self.nas = directory / "nas"
        self.line = line
        (directory / "car").mkdir()
        self.car = Art(directory / "car")
        self.held: dict[str, dict[str, Leaf]] = {}
        self.failed = 0
        assert self.car("init").code == 0
        self.persist("remote", "add", "nas", line.url)

    def log(self, tree: dict[str, Leaf]) -> None:
        trees.plant(self.car.directory / "data", tree)
        self.held[self.car("log-artifact", "d", "data").out.strip()] = tree

    def persist(self, *command: str, art: Art | None = None) -> None:
        """Begin the command again until it ends well; on a line that was mended if that takes too long."""
        fault = self.line.fault
        for number in range(TRIES + 1):
            if number == TRIES:
                self.line.fault = None
            connections.WAITING.clear()  # every command has its own connections, as in a process of its own
            ended = (art or self.car)(*command)
            if ended.code == 0:
                break
            self.failed += 1
            self.check_failure(ended, fault)
            self.check()
        else:
            raise AssertionError(f"{command} does not end on a line without faults: {ended}")
        self.line.fault = fault

    def check_failure(self, ended: Result, fault: Fault | None) -> None:
        assert "Traceback" not in ended.err, ended
        assert "mistake in art itself" not in ended.err, ended
        if fault is None or fault.kind not in MANGLED:
            assert ended.code == 8, ended
        assert ended.code != 2, ended

    def check(self) -> None:
        """The car has what it has, and the place has versions whole or not at all."""
        assert sound.check(self.car.directory / ".art") == self.held
        if (self.nas / "config").exists():
            for ref, tree in sound.check(self.nas).items():
                assert tree == self.held[ref]

    def clone(self, number: int) -> None:
        """Another machine clones over the line, until it has all."""
        target = self.directory / f"clone{number}"
        self.persist("clone", self.line.url, str(target))
        self.persist("pull", art=Art(target))
        assert sound.check(target / ".art") == self.held
        shutil.rmtree(target)


@pytest.fixture
def nas(swift: Path) -> Iterator[Server]:
    (swift / "nas").mkdir()
    server = Server(swift, swift / "nas", "--auth", "none", "--i-know")
    yield server
    server.stop()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("pushes", "clones"), [(2, 1), pytest.param(35, 7, marks=pytest.mark.soak)])
def test_a_line_with_faults(kind: Kind, pushes: int, clones: int, nas: Server, swift: Path) -> None:
    chance = random.Random(kind)
    with Proxy(nas.address[1], seed=kind) as road:
        road.fault = Fault(kind, 0.8)
        world = Road(swift, road)
        tree: dict[str, Leaf] = {}
        for _ in range(pushes):
            tree = some_tree(chance, tree)
            world.log(tree)
            world.persist("push")
            assert sound.check(world.nas) == world.held
        for number in range(clones):
            world.clone(number)
        assert road.troubles
