"""The story repository: four stories of people who version data, at three sizes, from real data only.

    car      camera frames that grow by trips, a correction of a label, models trained on them
    digits   a pipeline: 1,797 handwritten digits → split → trained models → predictions
    safety   pictures with YOLO labels: corrections, added pictures, an added class
    tree     twenty versions of a network that is trained on and on, and a folder twenty levels deep

Size S plays in seconds, needs nothing but numpy and gives the same bytes everywhere. M and L cut their
pictures from the photographs in `data/` with Pillow, whose JPEG encoder differs from build to build: their
bytes are the same on one machine, alike elsewhere.

         car              digits           safety            tree                              together
    S    24 frames        one CSV file     12 pictures       20 files, 2 KB a model            0.9 MB, 1 s
    M    2,400 frames     1,797 files      1,200 pictures    400 files, 66 KB a model          35 MB, 6 s
    L    24,000 frames    16,173 files     20,000 pictures   8,000 files, 4 MB a model         450 MB, 2 min

    for step in build("car", "S", tmp_path):
        versions = step.change()            # what each version made by the next commands must hold, by path
        for command in step.commands:
            run(["art", *command], cwd=tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from artcli.flows.demo import Step, Tree, car
from tests.kit.story.levels import tree
from tests.kit.story.photographs import cut_frame
from tests.kit.story.pipeline import digits
from tests.kit.story.workplace import safety

__all__ = ["KINDS", "SIZES", "Step", "Tree", "build", "play"]

Kind = Literal["car", "digits", "safety", "tree"]
Size = Literal["S", "M", "L"]
KINDS: tuple[Kind, ...] = ("car", "digits", "safety", "tree")
SIZES: tuple[Size, ...] = ("S", "M", "L")


def build(kind: Kind, size: Size, directory: Path) -> list[Step]:
    """The steps of a story that happens in `directory`, which is made if it is missing. Nothing is written
    yet otherwise.

    The first step of each story is `art init`. Sizes M and L of car and safety need Pillow.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if kind == "car":
        return car(directory) if size == "S" else car(directory, cut_frame, {"M": 100, "L": 1000}[size])
    return {"digits": digits, "safety": safety, "tree": tree}[kind](directory, size)


def play(steps: Sequence[Step], run: Callable[[tuple[str, ...]], object]) -> dict[str, Tree]:
    """Play a story: `run(words)` is called for each command (the words after `art`). What every version
    must hold.
    """
    versions: dict[str, Tree] = {}
    for step in steps:
        versions.update(step.change())
        for command in step.commands:
            run(command)
    return versions
