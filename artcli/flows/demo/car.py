"""The car's story: collect, collect again, correct a label, add to what is elsewhere, train, and once more.

A picture is named `00012_x112_y087.jpg`: its number and where the point to steer to is. The second trip
brings two of five files, so the second version costs 40 % of its size. From the third trip on the car keeps
only what is new and logs it on top of the latest version.
"""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

from artcli.flows.demo.shots import DUSK, TABLE, THUMBNAIL, Cut, Place, label, shipped
from artcli.flows.demo.steps import Step, Tree, nothing, write


def car(directory: Path, cut: Cut = shipped, scale: int = 1) -> list[Step]:
    """The story in `directory`, which exists; `scale` multiplies its 24 pictures, all that `shipped` has.

    The first step is `art init`. Afterwards there are dataset:v0 … v4 and model:v0, v1 (alias `best`).
    """
    trips = _Trips(directory, cut, scale)
    base = ("log-artifact", "dataset", "--base", "dataset:latest")
    train = ("log-artifact", "model", "model", "--metadata", "@model/settings.json")
    wrong, right = trips.slip()
    return [
        Step("A folder for the car's data becomes a repository.", nothing, (("init", "--project", "jetracer"),)),
        Step(
            f"First trip: the car takes {3 * scale:,} pictures of the table. They become the first version.",
            trips.first,
            (("log-artifact", "dataset", "camera", "--description", "what the camera saw"),),
        ),
        Step(
            f"Second trip: {2 * scale:,} more pictures into the same folder, and the folder is logged again.",
            trips.second,
            (("log-artifact", "dataset", "camera", "--metadata", "place=table"),),
        ),
        Step(
            "One picture was labelled with x and y swapped. The label is its name: no byte changes.",
            trips.relabel,
            ((*base, "--mv", f"{wrong}={right}"),),
        ),
        Step(
            f"Third trip: the old pictures have left the car, {11 * scale:,} new ones are added to the version.",
            trips.third,
            ((*base, "--add", "new", "--metadata", "place=table"),),
        ),
        Step(
            "A model learns from them where to steer.",
            trips.train("dataset:v3", "model:v0"),
            ((*train, "--alias", "best"),),
        ),
        Step(
            f"It is lost at dusk, outside: {8 * scale:,} pictures of there.",
            trips.fourth,
            ((*base, "--add", "new", "--metadata", "place=table,dusk"),),
        ),
        Step(
            "It learns again, and the new model becomes the best.",
            trips.train("dataset:v4", "model:v1"),
            (train, ("alias", "model:v1", "best"), ("tag", "dataset:v4", "dusk")),
        ),
    ]


class _Trips:
    """The car's disk and memory: which pictures the latest version holds, and what each looks like in
    small.
    """

    def __init__(self, directory: Path, cut: Cut, scale: int) -> None:
        self.directory = directory
        self.cut = cut
        self.scale = scale
        self.pictures: Tree = {}
        self.lessons: list[tuple[bytes, tuple[int, int]]] = []  # thumbnail, where the target is
        self.taken = 0

    def slip(self) -> tuple[str, str]:
        """The wrong and the right name of the picture with the slip: the last of the second trip."""
        number = 5 * self.scale - 1
        x, y = label(TABLE, number)
        return _name(number, y, x), _name(number, x, y)

    def first(self) -> dict[str, Tree]:
        self._collect("camera", TABLE, 3, 0)
        return {"dataset:v0": dict(self.pictures)}

    def second(self) -> dict[str, Tree]:
        self._collect("camera", TABLE, 2, 3)
        wrong, right = self.slip()
        (self.directory / "camera" / right).rename(self.directory / "camera" / wrong)
        self.pictures[wrong] = self.pictures.pop(right)
        return {"dataset:v1": dict(self.pictures)}

    def relabel(self) -> dict[str, Tree]:
        wrong, right = self.slip()
        self.pictures[right] = self.pictures.pop(wrong)
        return {"dataset:v2": dict(self.pictures)}

    def third(self) -> dict[str, Tree]:
        shutil.rmtree(self.directory / "camera")
        self._collect("new", TABLE, 11, 5)
        return {"dataset:v3": dict(self.pictures)}

    def fourth(self) -> dict[str, Tree]:
        shutil.rmtree(self.directory / "new")
        self._collect("new", DUSK, 8, 0)
        return {"dataset:v4": dict(self.pictures)}

    def train(self, dataset: str, model: str) -> Any:
        """The change that trains on all pictures so far."""

        def change() -> dict[str, Tree]:
            weights, error = _learn(self.lessons)
            settings = {
                "trained_on": dataset,
                "pictures": len(self.lessons),
                "features": f"{THUMBNAIL} x {THUMBNAIL} grey",
                "error_pixels": error,
            }
            text = json.dumps(settings, indent=1).encode() + b"\n"
            folder = self.directory / "model"
            return {
                model: {
                    "settings.json": write(folder / "settings.json", text),
                    "weights.npy": write(folder / "weights.npy", weights),
                }
            }

        return change

    def _collect(self, folder: str, place: Place, count: int, start: int) -> None:
        for number in range(start * self.scale, (start + count) * self.scale):
            x, y = label(place, number)
            jpeg, thumbnail = self.cut(place, number)
            name = _name(self.taken, x, y)
            self.pictures[name] = write(self.directory / folder / name, jpeg)
            self.lessons.append((thumbnail, (x, y)))
            self.taken += 1


def _name(number: int, x: int, y: int) -> str:
    return f"{number:05d}_x{x:03d}_y{y:03d}.jpg"


def _learn(lessons: list[tuple[bytes, tuple[int, int]]]) -> tuple[bytes, float]:
    """Ridge regression from thumbnails to x and y: an .npy file, and the mean error in pixels on every
    fourth picture, unseen.

    The weights are rounded to 2⁻¹⁶, coarser than what linear algebra libraries disagree about, so that they
    come out the same on every machine.
    """
    import numpy as np

    seen = np.frombuffer(b"".join(thumbnail for thumbnail, _ in lessons), np.uint8)
    inputs = np.ones((len(lessons), THUMBNAIL * THUMBNAIL + 1))
    inputs[:, :-1] = seen.reshape(len(lessons), -1) / 255.0
    targets = np.array([target for _, target in lessons], float)
    unseen = np.arange(len(lessons)) % 4 == 3
    known, wanted = inputs[~unseen], targets[~unseen]
    ridge = known.T @ known + 0.1 * np.eye(known.shape[1])
    weights = np.round(np.linalg.solve(ridge, known.T @ wanted) * 65536) / 65536
    error = np.abs(inputs[unseen] @ weights - targets[unseen]).mean()
    file = BytesIO()
    np.save(file, weights.astype("<f4"))
    return file.getvalue(), round(float(error), 1)
