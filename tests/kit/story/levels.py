"""Twenty of everything: a network that is trained on from version to version, and a folder twenty levels
deep.

The network tells digits apart (one hidden layer, gradient descent). From the sixth version on its body is
frozen and only its head is trained, as one does when fine-tuning, so that later versions share the body's
bytes. The deep folder also holds what a folder may hold besides files: a symbolic link, an executable
script, an empty directory, an empty file.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from artcli.flows.demo.steps import Step, Tree, digest, nothing, write
from tests.kit.story.pipeline import digit_table, pgm, softmax

LEVELS = 20
FROZEN = 5
"""From this version on only the head is trained."""


def tree(directory: Path, size: str) -> list[Step]:
    """The story in `directory`: model:v0 … v19 and deep:v0, v1.

    The body has 64 → 8 weights at S (2 KB), 64 → 256 at M (66 KB), 64 and their products → 512 at L (4 MB);
    each level of the folder has 1, 20 or 400 pictures of digits.
    """
    hidden, products, pictures = {"S": (8, False, 1), "M": (256, False, 20), "L": (512, True, 400)}[size]
    network = _Network(directory / "model", hidden, products)
    folder = _Deep(directory / "deep", pictures)
    chain = [
        Step(
            f"Trained on from v{number - 1}." if number else "A network, trained for one round.",
            network.round,
            (_log(number),),
        )
        for number in range(LEVELS)
    ]
    return [
        Step("A folder for the network becomes a repository.", nothing, (("init", "--project", "levels"),)),
        *chain,
        Step(
            "The last is the best, an earlier one is in use.",
            nothing,
            (("alias", f"model:v{LEVELS - 1}", "best"), ("alias", "model:v10", "deployed")),
        ),
        Step("A folder twenty levels deep.", folder.first, (("log-artifact", "deep", "deep"),)),
        Step("One file at the bottom changes.", folder.second, (("log-artifact", "deep", "deep"),)),
    ]


def _log(number: int) -> tuple[str, ...]:
    words = ("log-artifact", "model", "model", "--metadata", f"round={number}")
    return (*words, "--metadata", f"base=model:v{number - 1}") if number else words


class _Network:
    """The folder `model`: body.npy, head.npy and history.csv, which grows by a line a version."""

    def __init__(self, folder: Path, hidden: int, products: bool) -> None:
        self.folder = folder
        self.hidden = hidden
        self.products = products
        self.version = 0
        self.history = "round,loss,accuracy\n"
        self.body: Any = None
        self.head: Any = None

    def round(self) -> dict[str, Tree]:
        inputs, wanted = self._data()
        if self.body is None:
            start = np.random.RandomState(0)  # a stream that numpy promises never to change
            self.body = start.standard_normal((inputs.shape[1], self.hidden)) * (2 / inputs.shape[1]) ** 0.5
            self.head = np.zeros((self.hidden, 10))
        for _ in range(10):
            middle = np.maximum(inputs @ self.body, 0)
            wrong = (softmax(middle @ self.head) - wanted) / len(inputs)
            if self.version < FROZEN:
                self.body -= 0.3 * inputs.T @ ((wrong @ self.head.T) * (middle > 0))
            self.head -= 0.3 * middle.T @ wrong
        self.body, self.head = (np.round(weights * 65536) / 65536 for weights in (self.body, self.head))
        said = softmax(np.maximum(inputs @ self.body, 0) @ self.head)
        loss = -np.log(said[wanted > 0]).mean()
        right = (said.argmax(axis=1) == wanted.argmax(axis=1)).mean()
        self.history += f"{self.version},{loss:.4f},{right:.4f}\n"
        name = f"model:v{self.version}"
        self.version += 1
        files = {
            "body.npy": _npy(self.body),
            "head.npy": _npy(self.head),
            "history.csv": self.history.encode(),
        }
        return {name: {path: write(self.folder / path, data) for path, data in files.items()}}

    def _data(self) -> tuple[Any, Any]:
        table = digit_table()
        pixels = table[:, :64] / 16.0
        if self.products:
            rows, columns = np.triu_indices(64)
            pixels = np.hstack([pixels, pixels[:, rows] * pixels[:, columns]])
        return pixels, np.eye(10)[table[:, 64]]


class _Deep:
    """The folder `deep`: level01/level02/…/level20, pictures of digits on each level."""

    def __init__(self, folder: Path, pictures: int) -> None:
        self.folder = folder
        self.pictures = pictures
        self.tree: Tree = {}

    def first(self) -> dict[str, Tree]:
        rows = digit_table()
        for level in range(1, LEVELS + 1):
            for number in range(self.pictures):
                row = rows[((level - 1) * self.pictures + number) % len(rows)]
                self._put(f"{_path(level)}/{number:04d}.pgm", pgm(row[:64]))
        self._put("run.sh", b"#!/bin/sh\nexec cat level01/0000.pgm\n")
        (self.folder / "run.sh").chmod(0o755)
        self._put(f"{_path(3)}/empty.txt", b"")
        (self.folder / _path(7) / "nothing").mkdir()
        self.tree[f"{_path(7)}/nothing"] = digest(b"")
        target = f"{_path(LEVELS)}/0000.pgm"
        os.symlink(target, self.folder / "bottom.pgm")
        self.tree["bottom.pgm"] = digest(target.encode())
        return {"deep:v0": dict(self.tree)}

    def second(self) -> dict[str, Tree]:
        self._put(f"{_path(LEVELS)}/0000.pgm", pgm(digit_table()[-1][:64]))
        return {"deep:v1": dict(self.tree)}

    def _put(self, path: str, data: bytes) -> None:
        self.tree[path] = write(self.folder / path, data)


def _path(level: int) -> str:
    return "/".join(f"level{number:02d}" for number in range(1, level + 1))


def _npy(weights: Any) -> bytes:
    file = BytesIO()
    np.save(file, weights.astype("<f4"))
    return file.getvalue()
