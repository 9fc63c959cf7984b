"""The safety app: is there a face in the picture, and where is the helmet?

Pictures are squares of one photograph of an astronaut with her helmet beside her, so the boxes are known:
those of the photograph, clipped to the square. A data set in YOLO's layout: `images/00012.jpg`,
`labels/00012.txt` with one line a box (`class x y w h`, centre and size as fractions of the picture),
`classes.txt`, `train.txt`, `valid.txt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from artcli.flows.demo.shots import Window
from artcli.flows.demo.steps import Step, Tree, nothing, write
from tests.kit.story.photographs import DATA, crop, jpeg

PHOTOGRAPH = 512
SIDE = 192
"""Width and height of a picture, in pixels."""
KEPT = 12
"""Pictures that are kept as files, so that size S needs no Pillow."""


class Box(NamedTuple):
    name: str
    left: int
    top: int
    right: int
    bottom: int


BOXES = (
    Box("helmet", 278, 343, 500, 512),
    Box("face", 176, 62, 278, 190),
    Box("badge", 134, 347, 211, 424),
)


def safety(directory: Path, size: str) -> list[Step]:
    """The story in `directory`: safety-data:v0 … v3, of 8 pictures growing to 12 (S), 800 to 1,200 (M),
    14,000 to 20,000 (L).
    """
    first, then = {"S": (8, 12), "M": (800, 1200), "L": (14_000, 20_000)}[size]
    office = _Office(directory / "safety")
    log = ("log-artifact", "safety-data", "safety")
    return [
        Step("A folder for the safety app becomes a repository.", nothing, (("init", "--project", "safety"),)),
        Step(
            f"{first} pictures, labelled in a hurry: helmet and face.",
            lambda: office.version("v0", first, hasty=5, classes=2),
            ((*log, "--description", "helmets and faces", "--tag", "yolo"),),
        ),
        Step(
            "Every fifth label was drawn too large and is corrected; no picture changes.",
            lambda: office.version("v1", first, hasty=0, classes=2),
            (log,),
        ),
        Step(f"{then - first} pictures more.", lambda: office.version("v2", then, hasty=0, classes=2), (log,)),
        Step(
            "A third class: badges.",
            lambda: office.version("v3", then, hasty=0, classes=3),
            ((*log, "--metadata", "classes=3", "--alias", "training"),),
        ),
    ]


def cut(number: int) -> Any:
    """Picture `number` as a Pillow image."""
    return crop("astronaut", window(number), SIDE)


def window(number: int) -> Window:
    """Where picture `number` lies in the photograph: sizes from 200 to 359 pixels, positions all over it."""
    size = 200 + number * 61 % 160
    room = PHOTOGRAPH - size
    return Window(number * 97 % (room + 1), (number * 193 + 311 + number // 160) % (room + 1), size)


def label(number: int, classes: int, slack: float = 0.0) -> bytes:
    """The label file of picture `number`: the boxes of which at least 40 % is seen. `slack` draws them
    larger.
    """
    left, top, size = window(number)
    lines = []
    for kind, box in enumerate(BOXES[:classes]):
        x0, x1 = max(box.left - left, 0), min(box.right - left, size)
        y0, y1 = max(box.top - top, 0), min(box.bottom - top, size)
        area = (box.right - box.left) * (box.bottom - box.top)
        if x1 > x0 and y1 > y0 and (x1 - x0) * (y1 - y0) * 10 >= area * 4:
            w, h = min((x1 - x0) * (1 + slack), size), min((y1 - y0) * (1 + slack), size)
            row = ((x0 + x1) / 2, (y0 + y1) / 2, w, h)
            lines.append(f"{kind} " + " ".join(f"{value / size:.6f}" for value in row) + "\n")
    return "".join(lines).encode()


class _Office:
    """The folder of the data set, brought from one version to the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree: Tree = {}
        self.pictures = 0

    def version(self, name: str, pictures: int, *, hasty: int, classes: int) -> dict[str, Tree]:
        for number in range(self.pictures, pictures):
            self._put(f"images/{number:05d}.jpg", _picture(number))
        self.pictures = pictures
        for number in range(pictures):
            slack = 0.2 if hasty and number % hasty == 0 else 0.0
            self._put(f"labels/{number:05d}.txt", label(number, classes, slack))
        self._put("classes.txt", "".join(f"{box.name}\n" for box in BOXES[:classes]).encode())
        for part, numbers in (("train", (0, 1, 2)), ("valid", (3,))):
            rows = (f"images/{n:05d}.jpg\n" for n in range(pictures) if n % 4 in numbers)
            self._put(f"{part}.txt", "".join(rows).encode())
        return {f"safety-data:{name}": dict(self.tree)}

    def _put(self, path: str, data: bytes) -> None:
        self.tree[path] = write(self.folder / path, data)


def _picture(number: int) -> bytes:
    kept = DATA / "safety" / f"{number:02d}.jpg"
    return kept.read_bytes() if number < KEPT else jpeg(cut(number))
