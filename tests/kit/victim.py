"""A repository and the directories of its user, in which commands are killed; and what must hold of them afterwards."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.kit import sound, trees
from tests.kit.nursery import Ended, Nursery
from tests.kit.trees import Leaf, Tree
from tests.store.material import noise

NAME = "d"


class Victim:
    """`directory` holds `.art`, `data` (what is logged) and `used` (where versions are used)."""

    def __init__(self, directory: Path, nursery: Nursery) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.nursery = nursery
        self.art = directory / ".art"
        self.data = directory / "data"
        self.used = directory / "used"
        self.must("init")

    def must(self, *arguments: str) -> Ended:
        """Run a command that has no reason to fail."""
        ended = self.nursery.run(list(arguments), self.directory)
        assert ended.code == 0, (arguments, ended)
        return ended

    def log(self, tree: Tree) -> str:
        """Log a tree; its reference."""
        trees.plant(self.data, tree)
        return self.must("log-artifact", NAME, "data").out.strip()

    def use(self, ref: str) -> None:
        self.must("use", ref, "--root", "used", "--exact")

    def check(self) -> dict[str, dict[str, Leaf]]:
        """Everything is sound; what the live versions hold."""
        return sound.check(self.art)

    def rescued(self) -> list[Leaf]:
        """What has been rescued, from all commands."""
        return list(trees.harvest(self.art / "local" / "rescued").values())

    def seconds(self, *arguments: str) -> float:
        """How long the command takes."""
        started = time.monotonic()
        self.must(*arguments)
        return time.monotonic() - started


def some_tree(chance: random.Random, before: Tree | None = None, *, few: bool = False) -> dict[str, Leaf]:
    """A tree with a little of everything, some 30 files or a `few`; most of it as in `before`."""
    tree: dict[str, Leaf] = dict(before or {})
    for path in chance.sample(sorted(tree), len(tree) // (2 if few else 4)):
        del tree[path]
    for _ in range(4 if few else 12):
        path = f"{chance.choice(['', 'a/', 'a/b/', 'c/'])}f{chance.randrange(40)}"
        tree[path] = noise(chance.choice([0, 10, 200, 300, 5000, 40_000]), str(chance.random()))
    tree["large"] = noise(300_000 + chance.randrange(300_000), str(chance.random()))
    tree["a/link"] = trees.Link(chance.choice(["f1", "../c"]))
    tree[f"run{chance.randrange(3)}"] = trees.Program(noise(1000, str(chance.randrange(5))))
    return tree
