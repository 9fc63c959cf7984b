"""A place that has fallen into a hostile hand, and a machine that trusted it: what it may do to the machine is nothing.

The place is a directory. It began honestly, with `good:v0` that a car pushed and the laptop pulled; then a forger works
in it. Around the laptop lie things that must stay as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tests.kit import trees
from tests.kit.command_line import Art, Result
from tests.kit.forger import Forger
from tests.kit.nursery import Ended, Nursery
from tests.kit.trees import Tree
from tests.store.material import noise

GOOD: Tree = {"a": b"1", "b": noise(5000, "b"), "c/large": noise(400_000, "c")}
MEMORY = 192 << 20
"""Bytes that a command may take besides what it has when it begins."""


class Enemy:
    """In `directory`: `nas`, which is hostile; `laptop`, which must not suffer; `canary`, which nobody may touch."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.nas = directory / "nas"
        self.laptop = directory / "laptop"
        self.art = Art(self.laptop)

    @cached_property
    def forger(self) -> Forger:
        """Who works in the place."""
        return Forger(self.nas)

    @classmethod
    def begin(cls, directory: Path) -> Enemy:
        """As long as all are friends."""
        enemy = cls(directory)
        trees.plant(directory / "canary", {"secret": b"untouched", "folder/file": b"untouched too"})
        for name in ("car", "laptop"):
            home = directory / name
            home.mkdir()
            art = Art(home)
            _well(art("init"))
            _well(art("remote", "add", "nas", str(enemy.nas)))
            if name == "car":
                trees.plant(home / "data", GOOD)
                _well(art("log-artifact", "good", "data"))
                _well(art("push"))
        _well(enemy.art("pull"))
        trees.plant(enemy.laptop / "data", {"mine": noise(3000, "mine")})
        return enemy

    def again(self, directory: Path) -> Enemy:
        """The same once more, in another directory."""
        shutil.copytree(self.directory, directory, symlinks=True)
        enemy = Enemy(directory)
        for name in ("car", "laptop"):
            file = directory / name / ".art/local/remotes.json"
            known = json.loads(file.read_text())
            known["remotes"]["nas"]["url"] = str(enemy.nas)
            file.write_text(json.dumps(known))
        enemy.outside = enemy._outside()
        return enemy

    def _outside(self) -> dict[str, object]:
        """All that lies where no command has business."""
        inside = {self.nas, self.directory / "copy", *(self.laptop / name for name in (".art", "used", "got"))}
        there = {*self.directory.iterdir(), *self.laptop.iterdir()} - {self.laptop} - inside
        return {str(path): trees.harvest(path) if path.is_dir() else path.read_bytes() for path in there}

    def run(self, *arguments: object) -> Result:
        """A command on the laptop, which must not show itself at a loss, nor touch what is around."""
        result = self.art(*arguments)
        self._check(result.err, arguments)
        return result

    def run_within(self, nursery: Nursery, *arguments: str) -> Ended:
        """The same in a process whose memory is bounded."""
        ended = nursery.run(arguments, self.laptop, memory=MEMORY)
        self._check(ended.err, arguments)
        return ended

    def _check(self, err: str, arguments: object) -> None:
        assert "a mistake in art itself" not in err, (arguments, err)
        assert "Traceback" not in err, (arguments, err)
        assert "\x1b" not in err, (arguments, err)
        assert self._outside() == self.outside, arguments

    def refuses(self, *commands: Sequence[str], codes: Sequence[int] = (7,)) -> None:
        """Each of the commands says that it cannot, and why."""
        for arguments in commands:
            result = self.run(*arguments)
            assert result.code in codes, (arguments, result)
            assert result.err.strip(), arguments

    def survives(self) -> None:
        """What the laptop has of its own, it still has, and it can go on."""
        assert self.run("use", "good:v0", "--root", "used/good", "--exact").code == 0
        assert trees.harvest(self.laptop / "used/good") == GOOD
        assert self.run("log-artifact", "mine", "data").code == 0
        assert self.run("fsck", "--full").code == 0
        for arguments in (["ls"], ["log"], ["audit"], ["gc"], ["remote", "ls"]):
            assert self.run(*arguments).code == 0, arguments


def _well(result: Result) -> None:
    assert result.code == 0, result
